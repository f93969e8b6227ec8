package gate

import (
	"net/http"
	"strconv"
	"strings"
)

// Redacted is what stands in the place of a secret.
const Redacted = "REDACTED"

// What a program prints, logs, counts or shows of a request or of an error goes
// through one of these functions, whatever it is:
//
//   - [RedactHeader] and [RedactField] for header fields
//   - [RedactURL] for a URL or a request target
//   - [RedactAttr] for everything that goes into a log
//   - [RedactText] for other text: an error, a whole head
//
// They know secrets by where they stand, not by what they look like, and rather
// hide too much.

// secretNames end the names of what is secret, in lower case with underscores:
// parameters, fields, attributes. X-Api-Key and access_token are among them.
var secretNames = []string{
	"token", "ticket", "secret", "password", "passwd", "pwd", "passphrase", "credential", "credentials",
	"api_key", "apikey", "access_key", "auth_key", "private_key", "jwt", "signature", "sig",
	"session_id", "sessionid", "sid", "auth", "authorization", "cookie", "set_cookie",
}

// isSecretName reports whether what goes by that name is a secret.
func isSecretName(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(strings.Trim(name, " \t]")), "-", "_")
	for _, secret := range secretNames {
		if before, found := strings.CutSuffix(name, secret); found {
			// A long word tells by itself, as in accesstoken; a short one has
			// to be a word: x_sid, but not inasid.
			if before == "" || len(secret) > 4 || strings.ContainsAny(before[len(before)-1:], "_.[:$") {
				return true
			}
		}
	}
	return false
}

// RedactHeader returns a copy of h without secrets.
func RedactHeader(h http.Header) http.Header {
	if h == nil {
		return nil
	}
	redacted := make(http.Header, len(h))
	for name, values := range h {
		lines := make([]string, len(values))
		for i, value := range values {
			lines[i] = RedactField(name, value)
		}
		redacted[name] = lines
	}
	return redacted
}

// RedactField returns the value of a header field of that name, in whatever
// case, without secrets. What does not tell them is left: the scheme of an
// Authorization, the names of cookies, the other subprotocols.
func RedactField(name, value string) string {
	switch lower := strings.ToLower(strings.TrimSpace(name)); lower {
	case "authorization", "proxy-authorization":
		return redactAuthorization(value)
	case "cookie":
		return redactEach(value, ";", redactCookie)
	case "set-cookie", "set-cookie2":
		pair, _, _ := strings.Cut(value, ";")
		return redactCookie(pair)
	case "sec-websocket-protocol":
		return redactEach(value, ",", redactSubprotocol)
	case "sec-websocket-key", "sec-websocket-accept", "www-authenticate", "proxy-authenticate":
		return value // random, or a question; never a secret
	case "location", "content-location", "referer", "origin", ":path", "host", ":authority":
		return RedactText(RedactURL(value))
	default:
		if isSecretName(lower) {
			return Redacted
		}
		return RedactText(value)
	}
}

// redactAuthorization leaves the scheme, if it is one: somebody may send the
// secret without.
func redactAuthorization(value string) string {
	scheme, _, found := strings.Cut(strings.TrimLeft(value, " \t"), " ")
	for _, known := range []string{"Bearer", "Basic", "Digest", "Negotiate", "NTLM"} {
		if found && strings.EqualFold(scheme, known) {
			return known + " " + Redacted
		}
	}
	return Redacted
}

func redactCookie(pair string) string {
	name, _, found := strings.Cut(pair, "=")
	if !found {
		return Redacted
	}
	return name + "=" + Redacted
}

// redactSubprotocol also knows the longer prefixes that some servers want
// before "bearer.".
func redactSubprotocol(name string) string {
	if i := strings.Index(lowerASCII(name), bearerPrefix); i >= 0 {
		return name[:i+len(bearerPrefix)] + Redacted
	}
	return RedactText(name)
}

// redactEach redacts the elements of a list, and leaves the spaces around them.
func redactEach(list, separator string, redact func(string) string) string {
	elements := strings.Split(list, separator)
	for i, element := range elements {
		trimmed := strings.Trim(element, " \t")
		if trimmed != "" {
			at := strings.Index(element, trimmed)
			elements[i] = element[:at] + redact(trimmed) + element[at+len(trimmed):]
		}
	}
	return strings.Join(elements, separator)
}

// RedactURL returns a URL, or the target of a request, without secrets: its
// user and password, the values of parameters such as token and ticket, and the
// whole fragment. It takes any text, also what no parser does.
func RedactURL(s string) string { return redactURL(s, 0) }

// maxNesting is how deep a URL in a parameter of a URL is looked into; deeper it
// is secret.
const maxNesting = 4

func redactURL(s string, depth int) string {
	s, _, hasFragment := strings.Cut(s, "#")
	s, query, hasQuery := strings.Cut(s, "?")
	s = redactUser(s)
	if hasQuery {
		s += "?" + redactQuery(query, depth)
	}
	if hasFragment {
		// "…#access_token=…" is how some flows hand a token to a page.
		s += "#" + Redacted
	}
	return s
}

// redactUser redacts what stands before the @ of an authority. s has neither
// query nor fragment.
func redactUser(s string) string {
	start := 0
	if i := strings.Index(s, "//"); i >= 0 {
		start = i + len("//")
	}
	end := len(s)
	if i := strings.IndexByte(s[start:], '/'); i >= 0 {
		end = start + i
	}
	if at := strings.LastIndexByte(s[start:end], '@'); at >= 0 {
		return s[:start] + Redacted + s[start+at:]
	}
	return s
}

func redactQuery(query string, depth int) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		// Not every server takes a semicolon for a separator: what follows a
		// secret after one may be its rest.
		parameters := strings.Split(pair, ";")
		for j, parameter := range parameters {
			redacted, secret := redactParameter(parameter, depth)
			parameters[j] = redacted
			if secret {
				parameters = parameters[:j+1]
				break
			}
		}
		pairs[i] = strings.Join(parameters, ";")
	}
	return strings.Join(pairs, "&")
}

// redactParameter also reports whether the parameter is a secret.
func redactParameter(parameter string, depth int) (redacted string, secret bool) {
	key, value, found := strings.Cut(parameter, "=")
	name := unescape(key)
	if isSecretName(name) || strings.Contains(name, "?") && isSecretName(name[strings.LastIndexByte(name, '?')+1:]) {
		return key + "=" + Redacted, true
	}
	inner := value
	if !found {
		inner = key
	}
	if !isNestedSecret(inner, depth) {
		return parameter, false
	}
	if !found {
		return Redacted, true
	}
	return key + "=" + Redacted, true
}

// isNestedSecret reports whether the value of a parameter has a secret in it,
// as another URL may, escaped once or more.
func isNestedSecret(s string, depth int) bool {
	for ; strings.ContainsAny(s, "?&@#%=.:"); depth++ {
		plain := unescape(s)
		if depth >= maxNesting || redactPatterns(redactURL(plain, depth+1)) != plain {
			return true
		}
		if plain == s {
			break
		}
		s = plain
	}
	return false
}

// unescape is s without its escapes. What is no escape stands for itself: some
// servers take it so.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return strings.ReplaceAll(s, "+", " ")
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				c, i = byte(n), i+2
			}
		} else if c == '+' {
			c = ' '
		}
		b = append(b, c)
	}
	return string(b)
}

// lowerASCII is s with its letters of ASCII in lower case, so that places in it
// are places in s.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
