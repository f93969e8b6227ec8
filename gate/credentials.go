package gate

import (
	"net/http"
	"net/url"
	"strings"
)

// bearerPrefix begins a subprotocol that is none, but a token: the one field
// besides the cookies that a page can set on the WebSocket it opens.
const bearerPrefix = "bearer."

// The parameters of a query that are credentials.
const (
	tokenParam  = "token"
	ticketParam = "ticket"
)

// maxCredential bounds a token, in bytes. A signed one with many claims has a
// few thousand.
const maxCredential = 8 << 10

// credential is what a request says of who made it.
type credential struct {
	value  string
	ticket bool       // one of ours, not a token for the Verifier
	from   string     // where it stood, for the log; empty: the request says nothing
	fault  *Rejection // it cannot be told what the request means to say
}

// takeCredentials takes what r says of who made it out of r, so that nobody
// after it can repeat it. Without a Verifier nobody is asked, and what there is
// may be the handler's own; but a subprotocol that is a token must not be
// agreed on even then.
func (g *Gate) takeCredentials(r *http.Request) credential {
	var c credential
	asked := g != nil && g.Verifier != nil
	if asked {
		takeAuthorization(r.Header, &c)
		if g.Cookie != "" {
			takeCookie(r.Header, g.Cookie, g.cookies(), &c)
		}
	}
	alone := takeBearer(r.Header, &c)
	if asked {
		takeQuery(r, &c)
	}
	switch {
	case c.fault != nil:
	case alone:
		// A browser that offers subprotocols fails the connection if none is
		// agreed on, and this one cannot be.
		c.fault = badCredentials("bearer.<token> is not a subprotocol: offer an application subprotocol too")
	case c.from != "" && !isCredential(c.value):
		c.fault = badCredentials("The credentials in " + c.from + " are not in order")
	}
	if !asked {
		return credential{fault: c.fault}
	}
	return c
}

func badCredentials(text string) *Rejection {
	return &Rejection{Status: http.StatusBadRequest, Text: text, Err: gateError(ErrCredentials, "%s", text)}
}

// add notes what stands at another place. The same at two places is one.
func (c *credential) add(value string, ticket bool, from string) {
	switch {
	case c.from == "":
		c.value, c.ticket, c.from = value, ticket, from
	case c.fault == nil && (c.value != value || c.ticket != ticket):
		c.fault = badCredentials("Different credentials in " + c.from + " and in " + from + ": send one")
	}
}

// isCredential is what can be sent at each of the places: the octets of a
// cookie's value. RFC 6265 §4.1.1.
func isCredential(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`",;\`, c) >= 0 {
			return false
		}
	}
	return s != "" && len(s) <= maxCredential
}

// takeAuthorization takes the lines of the scheme Bearer. RFC 6750 §2.1. Other
// schemes are somebody else's.
func takeAuthorization(h http.Header, c *credential) {
	lines := h["Authorization"]
	var kept []string
	for _, line := range lines {
		scheme, value, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
		if strings.EqualFold(scheme, "Bearer") {
			c.add(strings.Trim(value, " \t"), false, "Authorization")
		} else {
			kept = append(kept, line)
		}
	}
	replace(h, "Authorization", lines, kept)
}

// takeCookie takes the cookies of that name. An empty one is none: that is how
// some sign out. They are not believed where heed is false.
func takeCookie(h http.Header, name string, heed bool, c *credential) {
	lines := h["Cookie"]
	var kept []string
	for _, line := range lines {
		var others []string
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.Trim(pair, " \t")
			n, value, _ := strings.Cut(pair, "=")
			if strings.Trim(n, " \t") != name {
				others = append(others, pair)
				continue
			}
			value = strings.Trim(value, " \t")
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			if heed && value != "" {
				c.add(value, false, "the cookie "+name)
			}
		}
		if len(others) > 0 {
			kept = append(kept, strings.Join(others, "; "))
		}
	}
	replace(h, "Cookie", lines, kept)
}

// takeBearer takes the subprotocols that are tokens, and reports whether none
// is left that could be agreed on.
func takeBearer(h http.Header, c *credential) (alone bool) {
	const name = "Sec-Websocket-Protocol"
	lines := h[name]
	var kept []string
	took := false
	for _, line := range lines {
		var others []string
		for element := range strings.SplitSeq(line, ",") {
			element = strings.Trim(element, " \t")
			switch {
			case hasPrefixFold(element, bearerPrefix):
				took = true
				c.add(element[len(bearerPrefix):], false, "Sec-WebSocket-Protocol")
			case element != "":
				others = append(others, element)
			}
		}
		if len(others) > 0 {
			kept = append(kept, strings.Join(others, ", "))
		}
	}
	if took {
		replace(h, name, lines, kept)
	}
	return took && len(kept) == 0
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// takeQuery takes the parameters token and ticket of the query. It leaves the
// others as they stand, byte by byte.
func takeQuery(r *http.Request, c *credential) {
	if r.URL == nil || r.URL.RawQuery == "" {
		return
	}
	var kept []string
	took := false
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if unescaped, err := url.QueryUnescape(key); err == nil {
			key = unescaped
		}
		if key != tokenParam && key != ticketParam {
			kept = append(kept, pair)
			continue
		}
		took = true
		unescaped, err := url.QueryUnescape(value)
		if err != nil {
			unescaped = "" // not in order
		}
		c.add(unescaped, key == ticketParam, "the query's "+key)
	}
	if !took {
		return
	}
	query := strings.Join(kept, "&")
	// In place, and so also for those who hold a shallow copy of r.
	r.URL.RawQuery = query
	r.Form.Del(tokenParam)
	r.Form.Del(ticketParam)
	if path, _, found := strings.Cut(r.RequestURI, "?"); found {
		r.RequestURI = path
		if query != "" {
			r.RequestURI += "?" + query
		}
	}
}

// replace puts kept in the place of lines, which may belong to others.
func replace(h http.Header, name string, lines, kept []string) {
	switch {
	case len(lines) == 0:
	case len(kept) == 0:
		delete(h, name)
	default:
		h[name] = kept
	}
}
