package h2c

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/internal/exchange"
	"github.com/wye-org/wye/internal/handoff"
)

// DialOptions are the options of [Dial]. The zero value is the default.
type DialOptions struct {
	// NetDial opens the transport connection. nil: a [net.Dialer].
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)

	// Timeout bounds everything until the response's head is read. 0: 10
	// seconds. The request's context may end earlier.
	Timeout time.Duration
}

// Conn is a connection that speaks HTTP/2. The caller closes it.
type Conn struct {
	*http.ClientConn

	// Switched is the 101. nil: the server spoke HTTP/2 at once, and there was
	// no upgrade.
	Switched *http.Response
}

// Dial sends r, whose URL begins with http://, on a new connection and asks to
// go on in HTTP/2. It returns the response to r and, if the server switched, the
// connection for further requests; the response came as HTTP/2 then.
//
// A server that does not switch has answered r in HTTP/1.1: then the connection
// is nil, and closing the response's body ends it. A server that speaks HTTP/2 at
// once, instead of answering, is dialled again and spoken to in HTTP/2; r is sent
// to it once more.
//
// r has no body: it would have to be sent whole before the switch. Send what has
// one over the Conn. r.Header is sent without Connection, Upgrade and
// HTTP2-Settings. r's context bounds the whole exchange, as it does for an
// [http.Transport].
func Dial(r *http.Request, opts *DialOptions) (*Conn, *http.Response, error) {
	if opts == nil {
		opts = new(DialOptions)
	}
	if err := fit(r); err != nil {
		return nil, nil, fmt.Errorf("h2c: %w", err)
	}
	c, resp, err := open(r, opts)
	if errors.Is(err, exchange.ErrHTTP2) {
		c, resp, err = openAtOnce(r, opts)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("h2c: dial %s: %w", r.URL.Host, err)
	}
	return c, resp, nil
}

func fit(r *http.Request) error {
	switch {
	case r.URL == nil || r.URL.Scheme != "http" || r.URL.Hostname() == "":
		return errors.New("the URL has to be http://host/…: with TLS, HTTP/2 needs no upgrade")
	case r.Body != nil && r.Body != http.NoBody:
		return errors.New("the request has a body: upgrade by one without, then send it over the Conn")
	case r.Method == http.MethodConnect:
		return errors.New("a CONNECT asks for a tunnel, not for HTTP/2")
	}
	return nil
}

// settings are those of the HTTP2-Settings field. What is not in it has its
// default until the transport's own SETTINGS arrive, which say more. No pushes:
// a server could begin one with the response.
var settings = base64.RawURLEncoding.EncodeToString(appendSettings(nil, []setting{{enablePush, 0}}))

// open asks by r itself. "The client does so by making an HTTP/1.1 request that
// includes an Upgrade header field with the "h2c" token. Such an HTTP/1.1
// request MUST include exactly one HTTP2-Settings … header field." RFC 7540 §3.2
func open(r *http.Request, opts *DialOptions) (*Conn, *http.Response, error) {
	c, err := opts.dial(r)
	if err != nil {
		return nil, nil, err
	}
	asking := r.Clone(r.Context())
	asking.Header = endToEnd(r.Header)
	asking.Header.Set("Connection", "Upgrade, HTTP2-Settings")
	asking.Header.Set("Upgrade", tokenH2C.String())
	asking.Header.Set("HTTP2-Settings", settings)
	answer, err := c.Ask(asking)
	if err != nil {
		return nil, nil, c.Fail(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		resp, err := c.Unswitched(answer, r)
		return nil, resp, err
	}
	if !tokenH2C.Equal(wye.Chosen(answer.Response)) {
		return nil, nil, c.Fail(fmt.Errorf("the server switches to %q, which was not asked for", answer.Header["Upgrade"]))
	}
	var skip skipStream1
	cc, resp, err := speak(c, handoff.Resent(answer.Rest(), skip.skip), r)
	if err != nil {
		return nil, nil, err
	}
	answer.Body = http.NoBody
	return &Conn{cc, answer.Response}, resp, nil
}

// openAtOnce sends r in HTTP/2 over a connection that begins with it.
func openAtOnce(r *http.Request, opts *DialOptions) (*Conn, *http.Response, error) {
	c, err := opts.dial(r)
	if err != nil {
		return nil, nil, err
	}
	cc, resp, err := speak(c, c.Conn, r)
	if err != nil {
		return nil, nil, err
	}
	return &Conn{cc, nil}, resp, nil
}

func (o *DialOptions) dial(r *http.Request) (*exchange.Conn, error) {
	return exchange.Dialer(o.NetDial).Dial(r.Context(), "tcp", exchange.Address(r), o.Timeout)
}

// speak sends r in HTTP/2.
func speak(c *exchange.Conn, on net.Conn, r *http.Request) (*http.ClientConn, *http.Response, error) {
	transport := &http.Transport{
		Protocols:          new(http.Protocols),
		DisableCompression: true, // the request on stream 1 did not ask for any
		// The encoder has no dynamic table: what it put there with a request
		// that is not sent, the server's decoder would not know.
		HTTP2: &http.HTTP2Config{MaxEncoderHeaderTableSize: 1},
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	r = r.Clone(r.Context())
	r.Header = endToEnd(r.Header)
	return c.Speak(transport, on, r)
}

// endToEnd is a copy of h for HTTP/2: "An endpoint MUST NOT generate an HTTP/2
// message containing connection-specific header fields." RFC 9113 §8.2.2
func endToEnd(h http.Header) http.Header {
	h = handoff.EndToEnd(h).Clone()
	h.Del("HTTP2-Settings")
	return h
}
