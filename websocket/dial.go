package websocket

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket/wire"
)

// DialOptions are a client's. The zero value is the default.
type DialOptions struct {
	Options

	// Subprotocols are offered to the server, the preferred one first. Each
	// has to be a token, RFC 6455 section 4.1.
	Subprotocols []string

	// Header has further fields of the request: Origin, Cookie, Authorization.
	// Those of the handshake itself are not taken from it.
	Header http.Header

	// The rest is as in [wye.DialOptions].
	TLSConfig        *tls.Config
	NetDial          func(ctx context.Context, network, address string) (net.Conn, error)
	HandshakeTimeout time.Duration
	MaxRedirects     int

	// Proxy returns the URL of the proxy that leads to r's, in which ws: is
	// http: and wss: is https:, for [http.ProxyFromEnvironment] to do; nil:
	// none does. It is asked again for each redirect. A URL http://host:port or
	// https://host:port is of a proxy that is asked to CONNECT; socks5:// and
	// socks5h:// are the same. Its userinfo is for the proxy alone, as is a
	// Proxy-Authorization in Header. NetDial reaches the proxy then, and
	// HandshakeTimeout bounds all of it. See [ProxyError].
	Proxy func(r *http.Request) (*url.URL, error)

	// ProxyTLSConfig is for an https: proxy, of which TLSConfig says nothing.
	// nil: the default.
	ProxyTLSConfig *tls.Config

	// Jar has cookies to send beside those of Header, and gets those that the
	// answers set: the 101, a refusal and redirects on the way. Those of ws:
	// are those of http:, those of wss: of https:. nil: none.
	Jar http.CookieJar
}

// Dial opens a connection to a ws:, wss:, http: or https: URL. RFC 6455 section
// 4.1. ctx ends the dialling, not the connection. nil opts are the default.
//
// A server that does not switch gives a [*wye.RefusedError] with its response;
// all other failures are a [*wye.DialError], which says how far it came.
//
// In a browser (GOOS=js) it is the browser's WebSocket that connects: there is
// no response, and options that a page has no say in are an error.
func Dial(ctx context.Context, rawURL string, opts *DialOptions) (*Conn, *http.Response, error) {
	if opts == nil {
		opts = new(DialOptions)
	}
	return dialPlatform(ctx, rawURL, opts)
}

// dialSocket is Dial over a connection of our own.
func dialSocket(ctx context.Context, rawURL string, opts *DialOptions) (*Conn, *http.Response, error) {
	offer := opts.Deflate.Offer()
	header, key, err := opts.request(offer)
	if err != nil {
		return nil, nil, &wye.DialError{Stage: wye.StageRequest, URL: wye.DisplayURL(rawURL), Err: err}
	}
	nc, resp, err := opts.follow(ctx, rawURL, header)
	if err != nil {
		return nil, resp, err
	}
	subprot, reason := checkResponse(resp, key, opts.Subprotocols)
	agreed, err := opts.Deflate.Confirm(offer, resp.Header["Sec-Websocket-Extensions"])
	if reason == "" && err != nil {
		reason = "its Sec-WebSocket-Extensions: " + err.Error()
	}
	if reason != "" {
		agreed.Release()
		// "…the client MUST _Fail the WebSocket Connection_." RFC 6455 §4.1
		err := &wye.HandshakeError{Response: resp, Reason: reason}
		wye.Abort(nc, err)
		return nil, resp, &wye.DialError{Stage: wye.StageHandshake, URL: wye.DisplayURL(rawURL), Err: err}
	}
	c := newConn(nc, &opts.Options, true)
	c.subprot = subprot
	c.agree(agreed)
	return c.start(), resp, nil
}

// request returns the fields of the opening handshake, and its key.
func (o *DialOptions) request(offer string) (http.Header, string, error) {
	header := make(http.Header, len(o.Header)+3)
	for name, values := range o.Header {
		if !reserved(name) {
			header[name] = values
		}
	}
	for i, s := range o.Subprotocols {
		// "The elements that comprise this value MUST be non-empty strings
		// with characters in the range U+0021 to U+007E not including
		// separator characters … and MUST all be unique strings." RFC 6455 §4.1
		if !isToken(s) || slices.Contains(o.Subprotocols[:i], s) {
			return nil, "", fmt.Errorf("subprotocol %q: each must be a token and be there once", s)
		}
	}
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails
	key := wire.NewKey(nonce)
	header["Sec-WebSocket-Key"] = []string{key}
	header["Sec-WebSocket-Version"] = []string{"13"}
	if offer != "" {
		header["Sec-WebSocket-Extensions"] = []string{offer}
	}
	if len(o.Subprotocols) > 0 {
		header["Sec-WebSocket-Protocol"] = []string{strings.Join(o.Subprotocols, ", ")}
	}
	return header, key, nil
}

// checkResponse judges a 101 by RFC 6455 section 4.1, as far as package wye does
// not. It returns the subprotocol, or what is wrong.
func checkResponse(resp *http.Response, key string, offered []string) (subprot, reason string) {
	accept := resp.Header["Sec-Websocket-Accept"]
	switch want := wire.AcceptKey(key); {
	case len(accept) != 1:
		return "", fmt.Sprintf("it has %d Sec-WebSocket-Accept headers, want one", len(accept))
	case strings.TrimSpace(accept[0]) != want:
		return "", fmt.Sprintf("its Sec-WebSocket-Accept is %q, want %q", accept[0], want)
	}
	switch chosen := resp.Header["Sec-Websocket-Protocol"]; {
	case len(chosen) == 0:
		return "", ""
	case len(chosen) > 1:
		return "", "it has several Sec-WebSocket-Protocol headers, want one"
	case !slices.Contains(offered, chosen[0]):
		return "", fmt.Sprintf("its subprotocol is %q, which was not offered", chosen[0])
	default:
		return chosen[0], ""
	}
}
