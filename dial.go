package wye

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// DialOptions are the options of [Dial]. Only Tokens is required.
type DialOptions struct {
	// Tokens are the protocols asked for, the preferred one first.
	Tokens []Token

	// Method is the request's. Empty: GET.
	Method string

	// Header has further fields of the request. Host overrides the URL's, and
	// the options of Connection are sent beside Upgrade. Upgrade and the fields
	// that frame a body are not taken from it: the request has none.
	Header http.Header

	// TLSConfig is for https: and wss: URLs. nil: the default. ALPN offers
	// http/1.1 alone, whatever it says: HTTP/2 has no Upgrade.
	TLSConfig *tls.Config

	// NetDial opens the transport connection. nil: a [net.Dialer].
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)

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
}

func (o *DialOptions) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return 10 * time.Second
}

func (o *DialOptions) maxHead() int {
	if o.MaxHead > 0 {
		return o.MaxHead
	}
	return 16 << 10
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

// Dial asks the server at rawURL (http:, https:, ws: or wss:) over HTTP/1.1 to
// switch to one of opts.Tokens. It returns the upgraded connection, whose first
// bytes are those that came behind the 101, and the 101 itself, whose Upgrade
// field names the one that the server chose; [Chosen] reads it.
//
// A server that answers with anything but 101 gives a [*RefusedError], which has
// the response and its body; all other failures are a [*DialError]. ctx ends
// the dialling, not the connection.
func Dial(ctx context.Context, rawURL string, opts *DialOptions) (Conn, *http.Response, error) {
	if opts == nil {
		opts = new(DialOptions)
	}
	r, err := newRequest(rawURL, opts)
	if err != nil {
		return nil, nil, &DialError{StageRequest, DisplayURL(rawURL), err}
	}
	ctx, cancel := context.WithTimeout(ctx, opts.timeout())
	defer cancel()
	for redirects := 0; ; redirects++ {
		c, resp, err := open(ctx, r, opts)
		var refused *RefusedError
		if err == nil || !errors.As(err, &refused) || redirects >= opts.MaxRedirects {
			return c, resp, err
		}
		next, err := redirect(r, refused.Response)
		if err != nil {
			return nil, resp, &DialError{StageRequest, displayURL(r.URL), err}
		}
		if next == nil {
			return nil, resp, refused
		}
		r = next
	}
}

// Chosen returns the token that resp, a 101, switches to.
func Chosen(resp *http.Response) Token {
	for _, t := range parseTokens(resp.Header["Upgrade"]) {
		return t
	}
	return Token{}
}

func newRequest(rawURL string, opts *DialOptions) (*http.Request, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(opts.Tokens))
	for i, t := range opts.Tokens {
		if !t.valid() {
			return nil, fmt.Errorf("%q is not an upgrade token", t)
		}
		names[i] = t.String()
	}
	if len(names) == 0 {
		return nil, errors.New("no upgrade token to ask for: set DialOptions.Tokens")
	}
	method := opts.Method
	if method == "" {
		method = http.MethodGet
	}
	if !isToken(method) {
		return nil, fmt.Errorf("%q is not a method", method)
	}
	header := opts.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	host := ""
	if v := takeField(header, "Host"); len(v) > 0 {
		host = v[0]
	}
	options := connectionOptions(takeField(header, "Connection"))
	for _, name := range []string{"Upgrade", "Content-Length", "Transfer-Encoding", "Trailer"} {
		takeField(header, name)
	}
	for name, values := range header {
		for _, v := range values {
			if !isToken(name) || !isFieldValue(v) {
				return nil, fmt.Errorf("header field %q: the name must be a token, the value without control characters", name)
			}
		}
	}
	if host == "" {
		host = hostField(u)
	}
	if strings.ContainsAny(host, " \t/?#@") || !isFieldValue(host+options) {
		return nil, fmt.Errorf("the Host %q or the Connection options %q cannot be sent", host, options)
	}
	header["Upgrade"] = []string{strings.Join(names, ", ")}
	header["Connection"] = []string{options}
	if u.User != nil && !hasField(header, "Authorization") {
		r := http.Request{Header: header}
		password, _ := u.User.Password()
		r.SetBasicAuth(u.User.Username(), password)
	}
	return &http.Request{
		Method: method, URL: u, Host: host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// connectionOptions keeps the options that the caller named (a protocol's own
// field may have to be listed, as h2c's is) and adds upgrade. "A sender of
// Upgrade MUST also send an "Upgrade" connection option…" RFC 9110 §7.8
func connectionOptions(named []string) string {
	options := []string{"Upgrade"}
	for s := range elements(named) {
		if !strings.EqualFold(s, "upgrade") {
			options = append(options, s)
		}
	}
	return strings.Join(options, ", ")
}

// parseURL reads the URL of an upgrade request. ws: and wss: are http: and
// https: by another name here.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) && !strings.Contains(raw, "@") {
			return nil, fmt.Errorf("the URL does not parse: %w", ue.Err) // without the URL
		}
		// What is taken for a port may be a password.
		return nil, errors.New("the URL does not parse: write user:password@host with reserved characters as %XX")
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "ws":
		u.Scheme = "http"
	case "https", "wss":
		u.Scheme = "https"
	case "":
		return nil, errors.New("the URL has no scheme: want http, https, ws or wss, as in ws://host/path")
	default:
		return nil, fmt.Errorf("the URL's scheme is %q: want http, https, ws or wss", u.Scheme)
	}
	switch {
	case u.Hostname() == "":
		return nil, errors.New("the URL has no host")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		// "Fragment identifiers are meaningless in the context of WebSocket
		// URIs and MUST NOT be used on these URIs." RFC 6455 §3
		return nil, errors.New("the URL has a #fragment, which is never sent: remove it, or write # as %23")
	}
	if u.Host, err = asciiHost(u); err != nil {
		return nil, err
	}
	if u.Path == "" {
		u.Path = "/" // RFC 6455 §3; RFC 9110 §4.2.3
	}
	u.RawQuery = asciiQuery(u.RawQuery)
	return u, nil
}

// asciiQuery escapes what package url lets pass in a query, and the request line
// does not: a space would end the target there.
func asciiQuery(query string) string {
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hostField is u's host and port for the Host field: without the zone of an
// IPv6 address, which "has no meaning outside the host", RFC 6874 §4, and
// without a colon that no port follows.
func hostField(u *url.URL) string {
	host, _, _ := strings.Cut(u.Hostname(), "%")
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return host
}

// asciiHost is u's host and port with an internationalised name in its ASCII
// form. RFC 5891.
func asciiHost(u *url.URL) (string, error) {
	name := u.Hostname()
	if strings.IndexFunc(name, func(c rune) bool { return c >= 0x80 }) < 0 {
		return u.Host, nil
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil {
		return "", fmt.Errorf("the URL's host %q is no domain name: %w", name, err)
	}
	if port := u.Port(); port != "" {
		ascii += ":" + port
	}
	return ascii, nil
}

// DisplayURL is a URL for people and logs: without userinfo and query, which may
// hold secrets.
func DisplayURL(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return displayURL(u)
	}
	return "(a URL that does not parse)"
}

func displayURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// credentials are the fields that must not follow a redirect to another origin.
var credentials = []string{"Authorization", "Proxy-Authorization", "Www-Authenticate", "Cookie", "Cookie2", "Proxy-Authenticate"}

// redirect returns the request that resp redirects r to; nil: resp is none.
func redirect(r *http.Request, resp *http.Response) (*http.Request, error) {
	location := resp.Header.Get("Location")
	if location == "" || !slices.Contains([]int{301, 302, 303, 307, 308}, resp.StatusCode) {
		return nil, nil
	}
	target, err := r.URL.Parse(location)
	if err != nil {
		return nil, errors.New("the server redirects to a URL that does not parse")
	}
	target.Fragment, target.RawFragment = "", ""
	u, err := parseURL(target.String())
	if err != nil {
		return nil, fmt.Errorf("the server redirects: %w", err)
	}
	if r.URL.Scheme == "https" && u.Scheme != "https" {
		return nil, fmt.Errorf("the server redirects from TLS to %s, without it", displayURL(u))
	}
	next := *r
	next.URL, next.Header = u, r.Header.Clone()
	if u.Scheme != r.URL.Scheme || !strings.EqualFold(u.Host, r.URL.Host) {
		next.Host = hostField(u)
		for _, name := range credentials {
			takeField(next.Header, name)
		}
		u.User = nil
	}
	if resp.StatusCode == http.StatusSeeOther {
		next.Method = http.MethodGet
	}
	return &next, nil
}
