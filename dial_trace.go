package wye

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Head is the head of a request or a response as [DialOptions].Trace is told.
type Head struct {
	Carrier string // "h1", "h2" or "h3"
	Proxy   bool   // it is for the proxy, or from it
	Sent    bool   // by this end

	// Text is what stands on the wire, over TLS before it was encrypted, up to
	// the empty line at its end. What came instead of a head, or of its end, is
	// told as it is. Over HTTP/2 and HTTP/3, which compress their fields, it is
	// a line for each field, those that begin with a colon first.
	//
	// It may have credentials in it.
	Text string
}

// traceAs is Trace for an attempt of the carrier; nil: nobody is told.
func (h *hop) traceAs(carrier string) func(Head) {
	if h.Trace == nil {
		return nil
	}
	return func(head Head) {
		head.Carrier = carrier
		h.tracing.Lock()
		defer h.tracing.Unlock()
		h.Trace(head)
	}
}

func (a *Attempt) tell(sent bool, text []byte) {
	if a.trace != nil {
		a.trace(Head{Sent: sent, Text: string(text)})
	}
}

// headReader keeps the heads that are read through it, to tell them.
type headReader struct {
	r    io.Reader
	tell func(Head) // nil: it keeps nothing
	kept []byte
}

func (h *headReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if h.tell != nil {
		h.kept = append(h.kept, p[:n]...)
	}
	return n, err
}

// end says that a head has been read but for the last unread bytes.
func (h *headReader) end(unread int) {
	if n := len(h.kept) - unread; h.tell != nil && n > 0 {
		h.tell(Head{Text: string(h.kept[:n])})
		h.kept = h.kept[n:]
	}
}

// stop says that what follows is no head.
func (h *headReader) stop() { h.tell, h.kept = nil, nil }

// tellExchange tells what an extended CONNECT and its answer were.
func (a *Attempt) tellExchange(resp *http.Response) {
	if a.trace == nil {
		return
	}
	r := resp.Request
	var b bytes.Buffer
	fmt.Fprintf(&b, ":method: %s\r\n:protocol: %s\r\n:scheme: %s\r\n:authority: %s\r\n:path: %s\r\n",
		r.Method, a.Tokens[0], r.URL.Scheme, r.Host, r.URL.RequestURI())
	writeFields(&b, r.Header)
	a.tell(true, b.Bytes())
	b.Reset()
	fmt.Fprintf(&b, ":status: %d\r\n", resp.StatusCode)
	writeFields(&b, resp.Header)
	a.tell(false, b.Bytes())
}

// writeFields writes the fields in lower case. "Field names MUST be converted to
// lowercase when constructing an HTTP/2 message." RFC 9113 §8.2
func writeFields(b *bytes.Buffer, header http.Header) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			if name[0] != ':' {
				fmt.Fprintf(b, "%s: %s\r\n", strings.ToLower(name), value)
			}
		}
	}
	b.WriteString("\r\n")
}
