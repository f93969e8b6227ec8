package wire

import (
	"errors"
	"strings"
)

// Extension is an element of a Sec-WebSocket-Extensions field: a client's offer
// of an extension, or a server's answer to one. RFC 6455 §9.1.
type Extension struct {
	Name   string
	Params []Param // in their order, duplicates included
}

// Param is a parameter of an [Extension].
type Param struct {
	Name  string
	Value string // as it is without quotes; "" means that it has none
}

// maxExtensions is the most bytes that all lines of the field may have. Parsing
// takes time in proportion to them, whatever they are.
const maxExtensions = 8 << 10

// What is wrong with a field that [ParseExtensions] refuses.
var (
	errExtLong   = errors.New("websocket: Sec-WebSocket-Extensions: more than 8 KiB")
	errExtNone   = errors.New("websocket: Sec-WebSocket-Extensions: no extension is named")
	errExtToken  = errors.New("websocket: Sec-WebSocket-Extensions: want a token")
	errExtValue  = errors.New("websocket: Sec-WebSocket-Extensions: want a token, or one in quotes, after =")
	errExtQuote  = errors.New("websocket: Sec-WebSocket-Extensions: quotes that do not end")
	errExtFollow = errors.New("websocket: Sec-WebSocket-Extensions: want a comma or semicolon")
)

// ParseExtensions returns the elements of the lines of a Sec-WebSocket-Extensions
// field, in their order; no lines give none. "If a value is received by either
// the client or the server during negotiation that does not conform to the ABNF
// below, the recipient of such malformed data MUST immediately _Fail the
// WebSocket Connection_." RFC 6455 §9.1: that is its error. A server answers it
// with 400.
func ParseExtensions(lines []string) ([]Extension, error) {
	total := 0
	for _, line := range lines {
		if total += len(line); total > maxExtensions {
			return nil, errExtLong
		}
	}
	var list []Extension
	for _, line := range lines {
		for line != "" {
			var e Extension
			var err error
			if e, line, err = cutExtension(line); err != nil {
				return nil, err
			}
			// "Wherever this construct is used, null elements are allowed",
			// RFC 2616 §2.1, whose grammar it is.
			if e.Name != "" {
				list = append(list, e)
			}
		}
	}
	if len(lines) > 0 && len(list) == 0 {
		return nil, errExtNone
	}
	return list, nil
}

// cutExtension takes the element at the start of s, which has no name if it is
// empty, and the comma after it.
//
//	extension = extension-token *( ";" extension-param )
//	extension-param = token [ "=" (token | quoted-string) ]
func cutExtension(s string) (e Extension, rest string, err error) {
	e.Name, s = cutToken(skipSpace(s))
	if s = skipSpace(s); e.Name == "" {
		if s != "" && s[0] != ',' {
			return e, "", errExtToken
		}
		return e, s[min(1, len(s)):], nil
	}
	for s != "" && s[0] == ';' {
		var p Param
		if p, s, err = cutParam(s[1:]); err != nil {
			return e, "", err
		}
		e.Params = append(e.Params, p)
	}
	switch {
	case s == "":
		return e, "", nil
	case s[0] != ',':
		return e, "", errExtFollow
	}
	return e, s[1:], nil
}

// cutParam takes the parameter at the start of s, and the white space around it.
func cutParam(s string) (p Param, rest string, err error) {
	p.Name, s = cutToken(skipSpace(s))
	if p.Name == "" {
		return p, "", errExtToken
	}
	if s = skipSpace(s); s == "" || s[0] != '=' {
		return p, s, nil
	}
	s = skipSpace(s[1:])
	if s != "" && s[0] == '"' {
		p.Value, s, err = cutQuoted(s[1:])
	} else if p.Value, s = cutToken(s); p.Value == "" {
		err = errExtValue
	}
	return p, skipSpace(s), err
}

// cutQuoted takes what s has before the closing quote. "When using the
// quoted-string syntax variant, the value after quoted-string unescaping MUST
// conform to the 'token' ABNF." RFC 6455 §9.1. A backslash says that the next
// character stands for itself.
func cutQuoted(s string) (value, rest string, err error) {
	var plain []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '"' {
			if len(plain) == 0 {
				return "", "", errExtValue
			}
			return string(plain), s[i+1:], nil
		}
		if c == '\\' {
			if i++; i == len(s) {
				break
			}
			c = s[i]
		}
		if !tokenChar(c) {
			return "", "", errExtValue
		}
		plain = append(plain, c)
	}
	return "", "", errExtQuote
}

// cutToken takes the token at the start of s, if there is one.
func cutToken(s string) (token, rest string) {
	n := 0
	for n < len(s) && tokenChar(s[n]) {
		n++
	}
	return s[:n], s[n:]
}

// tokenChar reports whether c may be in a token: RFC 2616 §2.2.
func tokenChar(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte(`()<>@,;:\"/[]?={}`, c) < 0
}

// skipSpace returns s without the white space at its start.
func skipSpace(s string) string { return strings.TrimLeft(s, " \t") }

// String returns e as it stands in the field, if its parts are tokens.
func (e Extension) String() string {
	var b strings.Builder
	b.WriteString(e.Name)
	for _, p := range e.Params {
		b.WriteString("; " + p.Name)
		if p.Value != "" {
			b.WriteString("=" + p.Value)
		}
	}
	return b.String()
}
