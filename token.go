package wye

import (
	"fmt"
	"iter"
	"net/http"
	"strings"
)

// Token names a protocol to switch to: the protocol of RFC 9110 section 7.8,
// written name or name/version.
type Token struct {
	Name    string // compared without regard to case
	Version string // compared exactly; empty: the token has none
}

// AnyVersion as the Version of an [Offer]'s token matches every version, and
// none.
const AnyVersion = "*"

// ParseToken reads a token as it stands in an Upgrade field.
func ParseToken(s string) (Token, error) {
	name, version, slash := strings.Cut(s, "/")
	if !isToken(name) || slash && !isToken(version) {
		return Token{}, fmt.Errorf("wye: %q is not an upgrade token: want name or name/version, each of letters, digits and !#$%%&'*+-.^_`|~", s)
	}
	return Token{name, version}, nil
}

func (t Token) String() string {
	if t.Version == "" {
		return t.Name
	}
	return t.Name + "/" + t.Version
}

// Equal reports whether t and u name the same protocol. "…recipients SHOULD
// use case-insensitive comparison when matching each protocol-name to
// supported protocols." RFC 9110 §7.8.
func (t Token) Equal(u Token) bool {
	return t.Version == u.Version && strings.EqualFold(t.Name, u.Name)
}

// matches reports whether an offer of t serves the token asked for.
func (t Token) matches(asked Token) bool {
	return strings.EqualFold(t.Name, asked.Name) && (t.Version == AnyVersion || t.Version == asked.Version)
}

// valid reports whether t can be written into an Upgrade field.
func (t Token) valid() bool {
	return isToken(t.Name) && (t.Version == "" || isToken(t.Version))
}

// Requested returns the tokens that r asks to switch to, in the client's order
// of preference. Over HTTP/2 and HTTP/3 it is the :protocol of an extended
// CONNECT, RFC 8441 section 4 and RFC 9220. It returns nil where r is no upgrade
// request:
//
//   - "A server that receives an Upgrade header field in an HTTP/1.0 request
//     MUST ignore that Upgrade field." RFC 9110 §7.8; HTTP/2 and HTTP/3 have no
//     Upgrade.
//   - "A sender of Upgrade MUST also send an "Upgrade" connection option in the
//     Connection header field." RFC 9110 §7.8: without it the field may come
//     from a hop that did not mean us.
//
// A list element that is no token is skipped, and so is what follows the first
// 32 tokens.
func Requested(r *http.Request) []Token {
	if protocol := connectProtocol(r); protocol != "" {
		t, err := ParseToken(protocol)
		if err != nil {
			return nil
		}
		return []Token{t}
	}
	if r.ProtoMajor != 1 || r.ProtoMinor < 1 || !HasToken(r.Header["Connection"], "upgrade") {
		return nil
	}
	return parseTokens(r.Header["Upgrade"])
}

// maxTokens bounds what one request can ask for: a head has room for half a
// million tokens, and each may be judged by every [Protocol] of a [Switch].
const maxTokens = 32

func parseTokens(lines []string) []Token {
	var tokens []Token
	for s := range elements(lines) {
		if t, err := ParseToken(s); err == nil {
			tokens = append(tokens, t)
		}
		if len(tokens) == maxTokens {
			break
		}
	}
	return tokens
}

// HasToken reports whether the comma-separated list that the lines of a field
// make together has token as a whole element, without regard to case.
// RFC 9110 section 5.6.1.
func HasToken(lines []string, token string) bool {
	for s := range elements(lines) {
		// A letter beyond ASCII that folds to one of a token (K, the kelvin
		// sign) is longer.
		if len(s) == len(token) && strings.EqualFold(s, token) {
			return true
		}
	}
	return false
}

// elements are the non-empty elements of a list over any number of lines. "A
// recipient MUST parse and ignore a reasonable number of empty list elements."
// RFC 9110 §5.6.1.2.
func elements(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for s := range strings.SplitSeq(line, ",") {
				if s = strings.Trim(s, " \t"); s != "" && !yield(s) {
					return
				}
			}
		}
	}
}

// isToken is the token rule of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// isFieldValue is what a field value may hold: anything but the control
// characters, which could end the line or the head. RFC 9110 §5.5.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
