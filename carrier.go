package wye

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
)

// Carrier opens upgraded connections over one version of HTTP. [HTTP1] is one.
// Its methods may be called concurrently.
type Carrier interface {
	// Name is "h1", "h2" or "h3".
	Name() string

	// Open opens one connection. It calls a.Begin before it sends the request.
	//
	// What it returns beside the connection is the response that switched: a
	// 101 over HTTP/1.1, a 2xx to an extended CONNECT over the others, RFC 8441
	// section 4 and RFC 9220. Any other final response is a [*RefusedError],
	// which [ReadRefusal] makes; it ends the dial, as does a [*HandshakeError].
	// After any other error the next carrier may still come to the server; a
	// [*DialError] says how far this one came.
	//
	// ctx ends the opening, not the connection: Open returns soon after it has
	// ended.
	Open(ctx context.Context, a *Attempt) (Conn, *http.Response, error)
}

// Attempt is what a [Carrier] is asked for. The Request is the carrier's own;
// the rest is to be read only.
type Attempt struct {
	// Tokens are the protocols asked for, the preferred one first. An extended
	// CONNECT can ask for the first alone: it is the value of :protocol.
	Tokens []Token

	// Request has the URL (of scheme http or https), the Host and all fields
	// to send beside those of the switch itself: never Host, Connection,
	// Upgrade, or those that frame a body. Method is HTTP/1.1's; others send
	// CONNECT.
	Request *http.Request

	// TLSConfig is for https: URLs. nil: the default. ALPN is the carrier's.
	TLSConfig *tls.Config

	// NetDial opens stream connections, through the Proxy if there is one.
	// nil: a [net.Dialer]. A carrier that cannot use it must not connect in
	// another way unless it was told to: it may be there to hide who connects.
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)

	// Proxy is what NetDial leads through; nil: no proxy. Connections that are
	// shared between attempts may only be so where it is the same.
	Proxy *url.URL

	// MaxHead bounds the response's head, in bytes. 0: 16 KiB.
	MaxHead int

	connection string // the caller's Connection options
	judge      func(resp *http.Response) error
	trace      func(Head)
	begin      func(ctx context.Context) error
}

// Begin says that a connection stands that can carry the request, and waits
// until that may be sent: while several carriers connect at the same time, only
// one asks at a time. After an error nothing may be sent; Open returns it.
func (a *Attempt) Begin(ctx context.Context) error {
	if a.begin == nil {
		return ctx.Err()
	}
	return a.begin(ctx)
}

func (a *Attempt) maxHead() int {
	if a.MaxHead > 0 {
		return a.MaxHead
	}
	return 16 << 10
}
