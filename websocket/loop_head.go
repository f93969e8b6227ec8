package websocket

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// maxHead bounds the head of an opening handshake. A longer one is net/http's.
const maxHead = 16 << 10

// maxFields bounds the fields of such a head.
const maxFields = 128

// headState is what is to be done about the first bytes of a connection.
type headState uint8

const (
	headPartial headState = iota // more of it has to come
	headWhole                    // it has come to its end
	headOther                    // it is none of ours: net/http is to see all of it
)

// headStart is how all heads begin that are ours.
const headStart = "GET /"

// findHead looks for the end of a head in b, of which it has seen the first
// seen bytes. A head that ends is b[:end]; it has limit bytes at most.
func findHead(b []byte, seen, limit int) (end int, state headState) {
	if n := min(len(b), len(headStart)); string(b[:n]) != headStart[:n] {
		return 0, headOther
	}
	for i := seen; i < min(len(b), limit); i++ {
		if b[i] != '\n' {
			continue
		}
		// "…a recipient MAY recognize a single LF as a line terminator".
		// RFC 9112 §2.2. net/http does.
		if b[i-1] != '\r' { // i > 0: the start has none
			return 0, headOther
		}
		if b[i-2] == '\n' {
			return i + 1, headWhole
		}
	}
	if len(b) >= limit {
		return 0, headOther
	}
	return 0, headPartial
}

// parseHead fills r with the head b, as net/http would hand it to its handler,
// but for what the connection knows. It returns false, whether a rule is broken or
// not, for a head that is not the plainest there is: a request line with a path,
// HTTP/1.1, one Host, fields each on a line, and nothing about a body or the end
// of the connection. So what is lenient about net/http, and how it refuses, need
// not be known here. b is not kept.
func parseHead(b []byte, r *http.Request) bool {
	head := string(b) // all of r are parts of it
	line, rest, _ := strings.Cut(head, "\r\n")
	method, line, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(line, " ")
	if method != http.MethodGet || version != "HTTP/1.1" || !plainTarget(target) {
		return false
	}
	fields, n := splitFields(rest)
	hosts := fields["Host"]
	if n == 0 || len(hosts) != 1 || !plainHost(hosts[0]) {
		return false
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return false
	}
	delete(fields, "Host")
	for _, name := range notPlain {
		if len(fields[name]) > 0 {
			return false
		}
	}
	for _, line := range fields["Connection"] {
		// A token of that name ends the connection behind the answer.
		if containsFold(line, "close") {
			return false
		}
	}
	if cache := fields["Pragma"]; len(cache) > 0 && cache[0] == "no-cache" && fields["Cache-Control"] == nil {
		fields["Cache-Control"] = []string{"no-cache"} // so net/http says it
	}
	r.Method, r.URL, r.RequestURI, r.Host = http.MethodGet, u, target, hosts[0]
	r.Proto, r.ProtoMajor, r.ProtoMinor = version, 1, 1
	r.Header, r.Body = fields, http.NoBody
	return true
}

// notPlain are the fields that have a meaning for who reads the request: how long
// it is, and what it waits for.
var notPlain = [...]string{"Content-Length", "Transfer-Encoding", "Trailer", "Expect", "Te", "Http2-Settings"}

// splitFields splits the field lines, each with its end, before the empty one.
// n is 0 if one is not as RFC 9112 section 5 has it, or if there are too many.
func splitFields(s string) (h http.Header, n int) {
	n = strings.Count(s, "\n") - 1
	if n <= 0 || n > maxFields {
		return nil, 0
	}
	h = make(http.Header, n)
	values := make([]string, n) // each field's slice is a part of it
	for i := range n {
		line, rest, _ := strings.Cut(s, "\r\n")
		s = rest
		name, value, colon := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		// "No whitespace is allowed between the field name and colon." RFC 9112
		// §5.1. A folded line, §5.2, begins with some.
		if !colon || !isFieldName(name) || !isFieldText(value) {
			return nil, 0
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if before := h[name]; before != nil {
			h[name] = append(before, value)
			continue
		}
		values[i] = value
		h[name] = values[i : i+1 : i+1]
	}
	return h, n
}

// plainTarget reports whether s is a path, with a query or without, in visible
// US-ASCII characters. RFC 9112 §3.2.1.
func plainTarget(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '#' {
			return false
		}
	}
	return strings.HasPrefix(s, "/")
}

// plainHost reports whether s is a name or an address, with a port or without.
func plainHost(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && !strings.ContainsRune("-._~:[]", rune(c)) {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// isFieldName is the token rule of RFC 9110 section 5.6.2.
func isFieldName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && (c >= 0x80 || !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c))) {
			return false
		}
	}
	return s != ""
}

// isFieldText is the field-value rule of RFC 9110 section 5.5: a CR or NUL in it
// is somebody's attempt at another line.
func isFieldText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// containsFold reports whether s contains word, which is in lower case.
func containsFold(s, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(word)], word) {
			return true
		}
	}
	return false
}
