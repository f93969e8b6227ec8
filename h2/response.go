package h2

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// maxInterim is how many 1xx responses may come before the answer.
const maxInterim = 8

// headersLocked takes a HEADERS frame, with the CONTINUATIONs behind it: a
// response, or trailers.
func (c *conn) headersLocked(f *http2.MetaHeadersFrame) error {
	s, err := c.streamLocked(f)
	switch {
	case s == nil:
		return err
	case s.remoteEnded:
		s.resetLocked(http2.ErrCodeStreamClosed, errors.New("h2: HEADERS behind the end of the stream"))
	case s.responded:
		if why := badTrailers(f); why != "" {
			s.malformedLocked(why)
			return nil
		}
		s.remoteEndLocked()
	case f.Truncated || listSize(f.Fields) > s.maxHead:
		s.resetLocked(http2.ErrCodeCancel, fmt.Errorf("h2: the answer's head is over %d bytes", s.maxHead))
	default:
		s.responseLocked(f)
	}
	return nil
}

// malformedLocked: "Clients MUST NOT accept a malformed response." RFC 9113
// §8.1.1
func (s *stream) malformedLocked(why string) {
	s.resetLocked(http2.ErrCodeProtocol, errors.New("h2: the response is malformed: "+why))
}

// responseLocked takes a response, interim or final.
func (s *stream) responseLocked(f *http2.MetaHeadersFrame) {
	resp, why := response(f)
	switch {
	case why != "":
	case resp.StatusCode/100 == 1 && f.StreamEnded():
		why = "a 1xx ends the stream"
	case resp.StatusCode == http.StatusSwitchingProtocols:
		why = "a 101, which HTTP/2 does not have" // RFC 9113 §8.6
	case resp.StatusCode/100 == 1:
		if s.interim++; s.interim < maxInterim {
			return
		}
		why = fmt.Sprintf("%d informational responses and no final one", maxInterim)
	}
	if why != "" {
		s.malformedLocked(why)
		return
	}
	s.responded = true
	s.head <- resp
	if f.StreamEnded() {
		s.remoteEndLocked()
	}
}

// response reads a response's head, or says what is wrong with it.
func response(f *http2.MetaHeadersFrame) (*http.Response, string) {
	status := f.PseudoFields()
	if len(status) != 1 || status[0].Name != ":status" {
		return nil, "want the pseudo-header field :status, and no other" // RFC 9113 §8.3.2
	}
	code, err := strconv.Atoi(status[0].Value)
	if err != nil || len(status[0].Value) != 3 || code < 100 {
		return nil, fmt.Sprintf("its status is %q", status[0].Value)
	}
	resp := &http.Response{
		StatusCode: code, Status: fmt.Sprintf("%d %s", code, http.StatusText(code)),
		Proto: "HTTP/2.0", ProtoMajor: 2, ContentLength: -1, Header: make(http.Header),
	}
	for _, field := range f.RegularFields() {
		if connectionSpecific(field.Name) { // RFC 9113 §8.2.2
			return nil, "it has the field " + field.Name
		}
		resp.Header.Add(field.Name, field.Value)
	}
	return resp, ""
}

// badTrailers is what is wrong with trailers.
func badTrailers(f *http2.MetaHeadersFrame) string {
	switch {
	case !f.StreamEnded():
		return "HEADERS behind the response do not end the stream" // RFC 9113 §8.1
	case f.Truncated:
		return "the trailers are over 16 KiB"
	case len(f.PseudoFields()) > 0:
		return "trailers with a pseudo-header field" // RFC 9113 §8.1
	case slices.ContainsFunc(f.Fields, func(h hpack.HeaderField) bool { return connectionSpecific(h.Name) }):
		return "trailers with a connection-specific field"
	}
	return ""
}
