package gate

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// How secrets stand in text that has no form of its own. Each pattern has what
// stays as its first group.
var (
	// A header field, to the end of its line: Authorization: Bearer …, and as
	// %v prints a http.Header: Authorization:[Bearer …].
	secretField = regexp.MustCompile(`(?i)((?:^|[^\w-])(?:(?:proxy-)?authorization|(?:set-)?cookie2?|[\w-]*-(?:token|ticket|secret|password|api-key|access-key))["']?[ \t]*:[ \t]*)[^\r\n]+`)
	// The credentials of RFC 6750, away from their field.
	secretBearer = regexp.MustCompile(`(?i)((?:^|[^\w.-])(?:bearer[ \t]+)+)[^\s"\\,;]+`)
	// Those in a subprotocol.
	secretSubprotocol = regexp.MustCompile(`(?i)(bearer\.)[^\s"\\,]+`)
	// name=value, "name":"value", name="some value".
	secretPair = regexp.MustCompile(`(?i)([\w.-]*(?:token|ticket|secret|passw(?:or)?d|pwd|passphrase|credentials?|api_?key|api-key|access_key|private_key|jwt|signature|session_?id|authorization)(?:["']?[ \t]*=|\\?["'][ \t]*:)[ \t]*)(\\"(?:[^"\\]|\\[^"])*|"(?:[^"\\]|\\.)*"?|[^\s"\\&]+)`)
)

// RedactText returns text without the secrets that it repeats: in URLs, in
// header fields, as name=value. It is for what others wrote, such as the error
// of a proxy or of net/url.
func RedactText(s string) string {
	return redactPatterns(redactWords(s))
}

func redactPatterns(s string) string {
	if !strings.ContainsAny(s, "=:") && !strings.Contains(lowerASCII(s), "bearer") {
		return s // most text has none of it
	}
	s = secretField.ReplaceAllString(s, "${1}"+Redacted)
	s = secretBearer.ReplaceAllStringFunc(s, redactBearer)
	s = secretSubprotocol.ReplaceAllString(s, "${1}"+Redacted)
	return secretPair.ReplaceAllString(s, "${1}"+Redacted)
}

// redactBearer leaves the challenge of a WWW-Authenticate, which is no secret.
func redactBearer(match string) string {
	parts := secretBearer.FindStringSubmatch(match)
	value := strings.ToLower(match[len(parts[1]):])
	if strings.HasPrefix(value, "realm=") || strings.HasPrefix(value, "error=") {
		return match
	}
	return parts[1] + Redacted
}

// redactWords redacts those words of s that are URLs or parts of one.
func redactWords(s string) string {
	if !strings.ContainsAny(s, "?&@#") {
		return s
	}
	var b strings.Builder
	for s != "" {
		end := strings.IndexFunc(s, betweenWords)
		if end < 0 {
			end = len(s)
		}
		word := s[:end]
		if strings.ContainsAny(word, "?&@#") {
			word = redactWord(word)
		}
		b.WriteString(word)
		next := strings.IndexFunc(s[end:], func(r rune) bool { return !betweenWords(r) })
		if next < 0 {
			next = len(s) - end
		}
		b.WriteString(s[end : end+next])
		s = s[end+next:]
	}
	return b.String()
}

// redactWord redacts a word as a URL, if it is one or comes near. A query alone
// is one too; a fragment and a user need more to tell them from other text.
func redactWord(word string) string {
	if strings.Contains(word, "://") || strings.HasPrefix(word, "/") {
		return RedactURL(word)
	}
	before, query, found := strings.Cut(word, "?")
	if !found && strings.Contains(word, "=") {
		before, query = "", word
	} else if !found {
		return word
	} else {
		before += "?"
	}
	return before + redactQuery(query, 0)
}

func betweenWords(r rune) bool {
	return r <= ' ' || r == '"' || r == '`' || r == '\\' || r == 0x7f
}

// RedactAttr is for [slog.HandlerOptions.ReplaceAttr]: it returns a without
// secrets, whatever its value is. An attribute whose name is that of a secret
// loses the whole value.
func RedactAttr(groups []string, a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		if isSecretName(a.Key) {
			return slog.String(a.Key, Redacted)
		}
		return slog.String(a.Key, RedactField(a.Key, a.Value.String()))
	case slog.KindGroup:
		members := a.Value.Group()
		redacted := make([]slog.Attr, len(members))
		for i, m := range members {
			redacted[i] = RedactAttr(groups, m)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(redacted...)}
	case slog.KindAny:
		if isSecretName(a.Key) {
			return slog.String(a.Key, Redacted)
		}
		return redactAny(a)
	}
	return a // numbers and times
}

func redactAny(a slog.Attr) slog.Attr {
	var text string
	switch v := a.Value.Any().(type) {
	case nil:
		return a
	case http.Header:
		return slog.Any(a.Key, RedactHeader(v))
	case *url.URL:
		if v == nil {
			return a
		}
		return slog.String(a.Key, RedactURL(v.String()))
	case *slog.Source:
		return a
	case []byte:
		text = string(v)
	case error, fmt.Stringer:
		text = fmt.Sprint(v) // a nil pointer in it is no panic
	default:
		text = fmt.Sprintf("%+v", v)
	}
	if redacted := RedactText(text); redacted != text {
		return slog.String(a.Key, redacted)
	}
	return a
}
