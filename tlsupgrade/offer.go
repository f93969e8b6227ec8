package tlsupgrade

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"github.com/wye-org/wye/internal/exchange"
	"github.com/wye-org/wye/internal/handoff"
)

// Conn is a connection that went over to TLS and speaks HTTP/1.1. The caller
// closes it.
type Conn struct {
	*http.ClientConn
	TLS tls.ConnectionState
}

// Offer sends r, whose URL begins with http://, in the clear on a new connection
// and offers to go over to TLS: "A client MAY offer to switch to secured
// operation during any clear HTTP request when an unsecured response would be
// acceptable". RFC 2817 §3.1. It returns the response and, if the server
// switched, the connection for further requests; the response came over TLS then
// and has its TLS set.
//
// A server that does not switch has answered in the clear: then the connection is
// nil, and closing the response's body ends it. Whoever listens on the way has
// r's target and header, so they should hold nothing secret; where the answer
// should not be seen either, use DialContext.
//
// r has no body. r.Header is sent without Connection and Upgrade. r's context
// bounds the whole exchange, as it does for an [http.Transport].
func (d *Dialer) Offer(r *http.Request) (*Conn, *http.Response, error) {
	if err := fit(r); err != nil {
		return nil, nil, fmt.Errorf("tlsupgrade: %w", err)
	}
	c, resp, err := d.offer(r)
	if err != nil {
		return nil, nil, fmt.Errorf("tlsupgrade: %s: %w", r.URL.Host, err)
	}
	return c, resp, nil
}

func fit(r *http.Request) error {
	switch {
	case r.URL == nil || r.URL.Scheme != "http" || r.URL.Hostname() == "":
		return errors.New("the URL has to be http://host/…")
	case r.Body != nil && r.Body != http.NoBody:
		return errors.New("the request has a body, which would go in the clear: dial by DialContext, and send it then")
	case r.Method == http.MethodConnect:
		return errors.New("a CONNECT asks for a tunnel, not for TLS")
	}
	return nil
}

func (d *Dialer) offer(r *http.Request) (*Conn, *http.Response, error) {
	address := exchange.Address(r)
	c, err := exchange.Dialer(d.NetDial).Dial(r.Context(), "tcp", address, d.Timeout)
	if err != nil {
		return nil, nil, err
	}
	asking := r.Clone(r.Context())
	asking.Header = handoff.EndToEnd(r.Header).Clone()
	again := asking.Clone(r.Context())
	answer, err := askFor(c, asking)
	if err != nil {
		return nil, nil, c.Fail(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		resp, err := c.Unswitched(answer, r)
		return nil, resp, err
	}
	secure, err := d.handshake(c, answer, address)
	if err != nil {
		return nil, nil, c.Fail(err)
	}
	transport := &http.Transport{
		Protocols:          new(http.Protocols),
		DisableCompression: true, // the request in the clear did not ask for any
	}
	transport.Protocols.SetHTTP1(true)
	var skip skipHead
	cc, resp, err := c.Speak(transport, handoff.Resent(secure, skip.skip), again)
	if err != nil {
		return nil, nil, err
	}
	state := secure.ConnectionState()
	resp.TLS = &state
	return &Conn{cc, state}, resp, nil
}

// skipHead takes the request, which has no body, out of what an HTTP/1.1
// transport sends: the server has it.
type skipHead struct{ last []byte } // up to three bytes before the present piece

var headEnd = []byte("\r\n\r\n")

// skip is for [handoff.Resent].
func (s *skipHead) skip(p []byte) (keep []byte, over bool) {
	seen := append(s.last, p...)
	if _, rest, over := bytes.Cut(seen, headEnd); over {
		return rest, true
	}
	s.last = bytes.Clone(seen[max(0, len(seen)-len(headEnd)+1):])
	return nil, false
}
