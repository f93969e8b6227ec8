package h2

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wye-org/wye"
)

// open asks for a stream, which is reserved, and waits for the answer.
func (c *conn) open(ctx context.Context, a *wye.Attempt) (*stream, *http.Response, error) {
	s, err := c.ask(a)
	if err != nil {
		return nil, nil, err
	}
	select {
	case resp := <-s.head:
		if resp == nil {
			return nil, nil, s.failure()
		}
		resp.Request = a.Request
		if resp.StatusCode/100 == 2 {
			resp.Body = http.NoBody
			return s, resp, nil
		}
		return nil, resp, s.refused(ctx, resp)
	case <-ctx.Done():
		s.Abort(context.Cause(ctx))
		return nil, nil, context.Cause(ctx)
	}
}

// failure is why there is no response.
func (s *stream) failure() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.err
}

// refused reads what may be kept of a refusal's body.
func (s *stream) refused(ctx context.Context, resp *http.Response) error {
	interrupt := func() { s.SetReadDeadline(time.Unix(1, 0)) }
	defer context.AfterFunc(ctx, interrupt)()
	resp.Body = body{s}
	err := wye.ReadRefusal(resp, interrupt)
	s.Abort(err)
	return err
}

// body is the content of an ordinary response.
type body struct{ s *stream }

func (b body) Read(p []byte) (int, error) { return b.s.Read(p) }

func (b body) Close() error {
	b.s.Abort(nil)
	return nil
}

// ask sends the request. What was reserved is the stream then, or given up.
func (c *conn) ask(a *wye.Attempt) (*stream, error) {
	fields, err := requestFields(a)
	c.mu.Lock()
	defer c.unlock()
	c.reserved--
	switch {
	case err != nil:
	case c.err != nil:
		err = errors.Join(errUnprocessed, c.err)
	case c.leaving:
		err = errUnprocessed
	case listSize(fields) > c.peer.maxHead:
		err = fmt.Errorf("h2: the request's head is of %d bytes, the server takes %d", listSize(fields), c.peer.maxHead)
	}
	if err != nil {
		c.emptiedLocked()
		return nil, err
	}
	c.block = c.block[:0]
	for _, f := range fields {
		c.encoder.WriteField(f)
	}
	s := c.newStreamLocked()
	s.maxHead = maxHeadList
	if a.MaxHead > 0 {
		s.maxHead = min(s.maxHead, int64(a.MaxHead))
	}
	rest := c.block
	first := rest[:min(len(rest), defaultFrame)]
	rest = rest[len(first):]
	c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: first, EndHeaders: len(rest) == 0})
	for len(rest) > 0 {
		next := rest[:min(len(rest), defaultFrame)]
		rest = rest[len(next):]
		c.fr.WriteContinuation(s.id, len(rest) == 0, next)
	}
	c.flushLocked()
	return s, nil
}

// requestFields are the request's, RFC 8441 §4: "the :method pseudo-header field
// … MUST be CONNECT", with :protocol, :scheme and :path beside.
func requestFields(a *wye.Attempt) ([]hpack.HeaderField, error) {
	if len(a.Tokens) == 0 {
		return nil, errors.New("h2: no upgrade token to ask for")
	}
	r := a.Request
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	fields := []hpack.HeaderField{
		{Name: ":method", Value: http.MethodConnect},
		{Name: ":protocol", Value: a.Tokens[0].String()},
		{Name: ":scheme", Value: r.URL.Scheme},
		{Name: ":path", Value: r.URL.RequestURI()},
		{Name: ":authority", Value: host},
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		// "Field names MUST be converted to lowercase". RFC 9113 §8.2
		lower := strings.ToLower(name)
		if connectionSpecific(lower) || lower == "host" || lower == "content-length" {
			continue
		}
		for _, v := range r.Header[name] {
			if !validName(lower) || !validValue(v) {
				return nil, fmt.Errorf("h2: header field %q: the name must be a token, the value without control characters", name)
			}
			fields = append(fields, hpack.HeaderField{
				Name: lower, Value: strings.Trim(v, " \t"),
				// Not to be found by trying what compresses well. RFC 7541 §7.1.3
				Sensitive: secret(lower),
			})
		}
	}
	return fields, nil
}

// connectionSpecific: "An endpoint MUST NOT generate an HTTP/2 message containing
// connection-specific header fields." RFC 9113 §8.2.2
func connectionSpecific(name string) bool {
	switch name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "te":
		return true
	}
	return false
}

func secret(name string) bool {
	switch name {
	case "authorization", "proxy-authorization", "cookie", "sec-websocket-protocol":
		return true // the last may have a bearer token
	}
	return false
}

// listSize is as SETTINGS_MAX_HEADER_LIST_SIZE counts. RFC 9113 §6.5.2
func listSize(fields []hpack.HeaderField) (n int64) {
	for _, f := range fields {
		n += int64(f.Size())
	}
	return n
}

// validName is the token rule of RFC 9110 §5.6.2, in lower case.
func validName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// validValue is RFC 9113 §8.2.1, and no control characters besides.
func validValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
