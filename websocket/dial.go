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
	"strconv"
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

	// The rest is as in [wye.DialOptions]. Proxy is asked with the URL that
	// package wye knows, in which ws: is http: and wss: is https:.
	TLSConfig        *tls.Config
	NetDial          func(ctx context.Context, network, address string) (net.Conn, error)
	HandshakeTimeout time.Duration // Timeout there
	MaxRedirects     int
	Proxy            func(r *http.Request) (*url.URL, error)
	ProxyTLSConfig   *tls.Config
	Jar              http.CookieJar
	Carriers         []wye.Carrier
	Trace            func(h wye.Head)
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
	header, err := opts.request(offer)
	if err != nil {
		return nil, nil, &wye.DialError{Stage: wye.StageRequest, URL: wye.DisplayURL(rawURL), Err: err}
	}
	nc, resp, err := wye.Dial(ctx, rawURL, opts.upgrade(header))
	if err != nil {
		return nil, resp, err
	}
	subprot, reason := checkResponse(resp, opts.Subprotocols)
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
	c := newConn(nc, opts.settings(true))
	c.subprot, c.carrier = subprot, "h"+strconv.Itoa(resp.ProtoMajor)
	c.agree(agreed)
	return c.start(), resp, nil
}

// upgrade is what package wye is asked for.
func (o *DialOptions) upgrade(header http.Header) *wye.DialOptions {
	return &wye.DialOptions{
		Tokens: []wye.Token{token}, Header: header, Prepare: addKey,
		TLSConfig: o.TLSConfig, NetDial: o.NetDial, Timeout: o.HandshakeTimeout, MaxRedirects: o.MaxRedirects,
		Proxy: o.Proxy, ProxyTLSConfig: o.ProxyTLSConfig, Jar: o.Jar, Carriers: o.Carriers, Trace: o.Trace,
	}
}

// addKey gives the request the key that the answer has to prove it was read by.
// "The nonce MUST be selected randomly for each connection." RFC 6455 §4.1.
// Over HTTP/2 and HTTP/3 the "Sec-WebSocket-Key and Sec-WebSocket-Accept" fields
// "are not used", because :protocol "supersedes the need for" them. RFC 8441 §5
func addKey(r *http.Request, carrier string) error {
	if carrier != "h1" {
		return nil
	}
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails
	r.Header["Sec-WebSocket-Key"] = []string{wire.NewKey(nonce)}
	return nil
}

// request returns the fields of the opening handshake but for its key.
func (o *DialOptions) request(offer string) (http.Header, error) {
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
			return nil, fmt.Errorf("subprotocol %q: each must be a token and be there once", s)
		}
	}
	header["Sec-WebSocket-Version"] = []string{"13"}
	if offer != "" {
		header["Sec-WebSocket-Extensions"] = []string{offer}
	}
	if len(o.Subprotocols) > 0 {
		header["Sec-WebSocket-Protocol"] = []string{strings.Join(o.Subprotocols, ", ")}
	}
	return header, nil
}

// checkResponse judges the response that switched by RFC 6455 section 4.1, as
// far as package wye does not. It returns the subprotocol, or what is wrong.
func checkResponse(resp *http.Response, offered []string) (subprot, reason string) {
	if resp.ProtoMajor == 1 {
		if reason := checkAccept(resp); reason != "" {
			return "", reason
		}
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

// checkAccept wants the answer to the key that was sent.
func checkAccept(resp *http.Response) (reason string) {
	key := sentKey(resp.Request)
	if key == "" {
		return "its carrier sent no Sec-WebSocket-Key"
	}
	accept := resp.Header["Sec-Websocket-Accept"]
	switch want := wire.AcceptKey(key); {
	case len(accept) != 1:
		return fmt.Sprintf("it has %d Sec-WebSocket-Accept headers, want one", len(accept))
	case strings.TrimSpace(accept[0]) != want:
		return fmt.Sprintf("its Sec-WebSocket-Accept is %q, want %q", accept[0], want)
	}
	return ""
}

// sentKey returns what addKey has added.
func sentKey(r *http.Request) string {
	if r == nil {
		return ""
	}
	for name, values := range r.Header {
		if strings.EqualFold(name, "Sec-WebSocket-Key") && len(values) == 1 {
			return values[0]
		}
	}
	return ""
}
