package handoff

import (
	"net/http"
	"strings"

	"github.com/wye-org/wye"
)

// Target is r's request target for a connection to the server itself: a path
// and query, or "*". Empty: r's is none that could be.
func Target(r *http.Request) string {
	target := r.RequestURI
	if target != "*" && !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI() // of "http://host/path"
		if !strings.HasPrefix(target, "/") {
			return "" // of "name:anything"
		}
	}
	return target
}

// EndToEnd returns the fields of h that mean more than the connection on which
// they came. "Intermediaries MUST parse a received Connection header field
// before a message is forwarded and, for each connection-option in this field,
// remove any header or trailer field(s) from the message with the same name as
// the connection-option…" RFC 9110 §7.6.1. A request that goes on in another
// protocol is forwarded in that sense. The values are h's own.
func EndToEnd(h http.Header) http.Header {
	kept := make(http.Header, len(h))
	for name, values := range h {
		switch name {
		case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Host",
			"Expect": // the 100 has been sent, where there was a body to wait for
			continue
		}
		if !wye.HasToken(h["Connection"], name) {
			kept[name] = values
		}
	}
	return kept
}

// Proxied reports whether r says that it came through a proxy. Upgrade is
// between a client and the next server; a proxy that passes it on has not
// understood that, and what follows would pass by its rules: "h2c smuggling",
// golang/go#80416.
func Proxied(r *http.Request) bool {
	for _, name := range []string{"Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"} {
		if len(r.Header[name]) > 0 {
			return true
		}
	}
	return false
}
