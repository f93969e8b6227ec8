package gate

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// judgeOrigin refuses a request that a page of another origin makes. It is the
// same for an extended CONNECT (RFC 8441, RFC 9220), which a browser sends with
// the same field.
func (g *Gate) judgeOrigin(r *http.Request) *Rejection {
	lines := r.Header.Values("Origin")
	if len(lines) == 0 {
		// "This header field is sent by all browser clients. A connection
		// attempt lacking this header field SHOULD NOT be interpreted as coming
		// from a browser client." RFC 6455 §4.2.1. Other clients can send what
		// they like, so nothing is won by refusing them.
		return nil
	}
	if g.anyOrigin() {
		return nil
	}
	if len(lines) > 1 {
		return g.rejectOrigin(r, "it is one of several: a request has one Origin")
	}
	if lines[0] == "null" {
		return g.rejectOrigin(r, "it stands for no origin at all, as in a sandboxed frame or a file, and any page can have it: serve the page over HTTP")
	}
	o, err := parseOrigin(lines[0])
	if err != nil {
		return g.rejectOrigin(r, err.Error())
	}
	if r.TLS != nil && (o.scheme == "http" || o.scheme == "ws") {
		return g.rejectOrigin(r, "the page came without TLS and may have been forged on its way, the request came over TLS: serve the page over https")
	}
	if o.isHost(g.requestHost(r)) || g.lists(o) {
		return nil
	}
	return g.rejectOrigin(r, fmt.Sprintf("it is not the request's own host: add %q to Origins to allow its pages", o))
}

func (g *Gate) rejectOrigin(r *http.Request, why string) *Rejection {
	return g.reject(http.StatusForbidden, ErrOrigin, "Origin not allowed", "Origin %s, Host %s: %s",
		quoted(r.Header.Get("Origin")), quoted(g.requestHost(r)), why)
}

// requestHost is the host that the browser asked for, as far as that is known.
// A page cannot set X-Forwarded-Host on the WebSocket it opens, so the proxy
// need not be honest for this, only not silent; but a field that it does not
// write is one that other clients do.
func (g *Gate) requestHost(r *http.Request) string {
	if g == nil || !g.TrustForwardedHost || !g.trusts(peerAddr(r)) {
		return r.Host
	}
	lines := r.Header["X-Forwarded-Host"]
	if len(lines) != 1 || strings.Contains(lines[0], ",") {
		return r.Host
	}
	return strings.Trim(lines[0], " \t")
}

func (g *Gate) anyOrigin() bool {
	if g != nil {
		for _, entry := range g.Origins {
			if entry == wildcard {
				return true
			}
		}
	}
	return false
}

// lists reports whether an entry of g.Origins matches o.
func (g *Gate) lists(o origin) bool {
	if g != nil {
		for _, entry := range g.Origins {
			if p, err := parseOriginPattern(entry); err == nil && p.matches(o) {
				return true
			}
		}
	}
	return false
}

// origin is the tuple that RFC 6454 section 4 makes of a URL. Its port is the
// scheme's default where none was given, or 0 where the scheme has none.
type origin struct {
	scheme string // lower case
	host   host
}

// parseOrigin reads the serialisation of RFC 6454 section 6.2: scheme, "://",
// host, and a port where it is not the default. Nothing may follow, go before
// the host or be escaped, so there is nothing that another parser of URLs could
// read in another way.
func parseOrigin(s string) (origin, error) { return parseOriginAs(s, false) }

// parseOriginPattern reads an entry of Gate.Origins other than `*`: an origin
// whose host may have labels `*`.
func parseOriginPattern(entry string) (origin, error) { return parseOriginAs(entry, true) }

func parseOriginAs(s string, stars bool) (origin, error) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found || !isScheme(scheme) {
		return origin{}, errors.New("an origin is scheme://host or scheme://host:port")
	}
	if i := strings.IndexAny(rest, "@/\\?#%, "); i >= 0 {
		return origin{}, fmt.Errorf("an origin ends after host and port, and has no user, path, query or second value: %q does not belong there", rest[i])
	}
	h, err := parseHostAs(rest, stars)
	if err != nil {
		return origin{}, err
	}
	o := origin{strings.ToLower(scheme), h}
	if o.host.port == 0 {
		o.host.port = defaultPort(o.scheme)
	}
	return o, nil
}

// String is o as a browser writes it.
func (o origin) String() string {
	s := o.scheme + "://" + o.host.name
	if o.host.port != defaultPort(o.scheme) {
		s += fmt.Sprintf(":%d", o.host.port)
	}
	return s
}

// isHost reports whether a page of origin o was served by the host that the
// request is made to. A Host without a port has the default port of the
// origin's scheme, not that of the request: TLS may end in front of us.
func (o origin) isHost(requestHost string) bool {
	assumed := defaultPort(o.scheme)
	if assumed == 0 {
		return false // no page of an HTTP server
	}
	h, err := parseHost(requestHost)
	if err != nil {
		return false
	}
	if h.port == 0 {
		h.port = assumed
	}
	return h == o.host
}

// matches reports whether o is pattern with each `*` replaced by one label.
func (pattern origin) matches(o origin) bool {
	return pattern.scheme == o.scheme && pattern.host.port == o.host.port && matchName(pattern.host.name, o.host.name)
}

func defaultPort(scheme string) uint16 {
	switch scheme {
	case "http", "ws":
		return 80
	case "https", "wss":
		return 443
	}
	return 0
}

// isScheme is the rule ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ). RFC 3986
// §3.1.
func isScheme(s string) bool {
	for i := range len(s) {
		switch c := s[i] | 0x20; {
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= s[i] && s[i] <= '9' || strings.IndexByte("+-.", s[i]) >= 0):
		default:
			return false
		}
	}
	return s != ""
}
