package wye

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// DialOptions are the options of [Dial]. Only Tokens is required.
type DialOptions struct {
	// Tokens are the protocols asked for, the preferred one first.
	Tokens []Token

	// Method is the request's, over HTTP/1.1. Empty: GET.
	Method string

	// Asterisk asks the server as a whole instead of one of its resources:
	// "*" is the target, RFC 9112 section 3.2.4. It needs Method OPTIONS and a
	// URL without path and query.
	Asterisk bool

	// Header has further fields of the request. Host overrides the URL's, and
	// the options of Connection are sent beside Upgrade. Upgrade and the fields
	// that frame a body are not taken from it: the request has none.
	Header http.Header

	// Prepare is called with each request before it is sent: for each hop of a
	// redirect, and there for each carrier, which is "h1", "h2" or "h3". It may
	// change r.Header, which has the cookies of Jar then; an error ends the
	// dial. nil: nothing is to be prepared.
	Prepare func(r *http.Request, carrier string) error

	// Jar has cookies to send beside those of Header, and gets those that the
	// answers set: the one that switches, a refusal and redirects on the way.
	// Those of ws: are those of http:, those of wss: of https:. nil: none.
	Jar http.CookieJar

	// TLSConfig is for https: and wss: URLs. nil: the default. ALPN offers
	// what the carrier speaks, whatever it says.
	TLSConfig *tls.Config

	// NetDial opens the transport connection. nil: a [net.Dialer].
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)

	// Proxy returns the URL of the proxy that leads to r's, in which ws: is
	// http: and wss: is https:, for [http.ProxyFromEnvironment] to do; nil:
	// none does. It is asked again for each redirect. A URL http://host:port or
	// https://host:port is of a proxy that is asked to CONNECT; socks5:// and
	// socks5h:// are the same. Its userinfo is for the proxy alone, as is a
	// Proxy-Authorization in Header. NetDial reaches the proxy then, and Timeout
	// bounds all of it. See [ProxyError].
	Proxy func(r *http.Request) (*url.URL, error)

	// ProxyTLSConfig is for an https: proxy, of which TLSConfig says nothing.
	// nil: the default.
	ProxyTLSConfig *tls.Config

	// Carriers are the versions of HTTP to try for each hop, the preferred one
	// first. While one has no connection, the next begins to connect too, 250 ms
	// later, or when one fails. Requests are sent one at a time, and the first
	// final response counts, whether it switches or refuses. Who has sent the
	// request and hears nothing has half of the time that is left, unless no
	// other carrier is. Empty: [HTTP1] alone.
	Carriers []Carrier

	// Timeout bounds everything until the answer's head is read, redirects
	// included. 0: 10 seconds. ctx may end earlier.
	Timeout time.Duration

	// MaxHead bounds the answer's head, in bytes. 0: 16 KiB.
	MaxHead int

	// MaxRedirects is how many redirects are followed. 0: none; a redirect is
	// then a [RefusedError] as any other response. Across origins Authorization,
	// Cookie and the other credentials of Header are dropped for good, and a
	// redirect from TLS to none is refused.
	MaxRedirects int

	// Judge says what is wrong with a 101, in the place of the rules of RFC
	// 9110; nil: nothing. It is for protocols whose servers break them.
	// nil: the rules hold.
	Judge func(resp *http.Response) error

	// Trace is told each head that goes either way, in order, a proxy's too.
	// Calls do not overlap. nil: nobody is told.
	Trace func(h Head)
}

func (o *DialOptions) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return 10 * time.Second
}

// Stage is how far a [Dial] came.
type Stage uint8

// The stages of a dial, in order.
const (
	StageRequest   Stage = iota // the URL and the options were judged; nothing was sent
	StageConnect                // DNS and the transport connection
	StageTLS                    // the TLS handshake
	StageHandshake              // the HTTP request and its answer
)

func (s Stage) String() string {
	return [...]string{"request", "connect", "TLS handshake", "upgrade handshake"}[s&3]
}

// DialError is what [Dial] returns unless the server answered with a response
// that is in order.
type DialError struct {
	Stage Stage
	URL   string // without userinfo and query
	Err   error
}

func (e *DialError) Error() string {
	return fmt.Sprintf("wye: dial %s: %s: %v", e.URL, e.Stage, e.Err)
}

func (e *DialError) Unwrap() error { return e.Err }

// HandshakeError is a 101 that breaks the rules: it is not safe to go on.
type HandshakeError struct {
	Response *http.Response // without a body
	Reason   string
}

func (e *HandshakeError) Error() string {
	return "the server's 101 response is not valid: " + e.Reason
}

// Dial asks the server at rawURL (http:, https:, ws: or wss:) to switch to one
// of opts.Tokens. It returns the upgraded connection, whose first bytes are
// those that came behind the answer's head, and that answer: a 101, whose
// Upgrade field names the token that the server chose, or over HTTP/2 and HTTP/3
// a 2xx. [Chosen] says which token it was, and resp.Proto which version of HTTP.
//
// A server that does not switch gives a [*RefusedError], which has its response
// and the body; all other failures are a [*DialError]. ctx ends the dialling,
// not the connection.
func Dial(ctx context.Context, rawURL string, opts *DialOptions) (Conn, *http.Response, error) {
	if opts == nil {
		opts = new(DialOptions)
	}
	h, err := opts.firstHop(rawURL)
	if err != nil {
		return nil, nil, &DialError{StageRequest, DisplayURL(rawURL), err}
	}
	ctx, cancel := context.WithTimeout(ctx, opts.timeout())
	defer cancel()
	for redirects := 0; ; redirects++ {
		c, resp, err := h.open(ctx)
		h.keepCookies(resp)
		var refused *RefusedError
		if err == nil || !errors.As(err, &refused) || redirects >= opts.MaxRedirects {
			return c, resp, err
		}
		next, err := h.redirect(refused.Response)
		if err != nil {
			return nil, resp, &DialError{StageRequest, displayURL(h.request.URL), err}
		}
		if next == nil {
			return nil, resp, refused
		}
		h = next
	}
}

// Chosen returns the token that resp switches to: what a 101 names, or what was
// asked for with an extended CONNECT.
func Chosen(resp *http.Response) Token {
	upgrade := resp.Header["Upgrade"]
	if resp.ProtoMajor > 1 && resp.Request != nil {
		upgrade = resp.Request.Header[":protocol"]
	}
	for _, t := range parseTokens(upgrade) {
		return t
	}
	return Token{}
}
