package show

import (
	"errors"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Escape appends p to dst so that no terminal obeys any of it: what prints
// stays, and the rest becomes \n, \r, \t, \xNN, \uNNNN or \UNNNNNNNN. Among the
// rest are control characters, the marks that turn the direction of text, and
// bytes that are not UTF-8. A backslash stays one, so that JSON can be read; that
// makes the result ambiguous, and [Unescape] its inverse only where p has none.
func Escape(dst, p []byte) []byte {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = fmt.Appendf(dst, `\x%02x`, p[0])
		case unicode.IsPrint(r):
			dst = append(dst, p[:n]...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < utf8.RuneSelf:
			dst = fmt.Appendf(dst, `\x%02x`, r)
		case r <= 0xffff:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = fmt.Appendf(dst, `\U%08x`, r)
		}
		p = p[n:]
	}
	return dst
}

// Text is [Escape] for a string.
func Text(s string) string { return string(Escape(nil, []byte(s))) }

// Unescape reads what a person types for bytes: itself, but for the escapes that
// [Escape] writes, and \\ for a backslash.
func Unescape(s string) ([]byte, error) {
	p := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			p = append(p, s[i])
			i++
			continue
		}
		if i+1 == len(s) {
			return nil, errors.New(`a \ at the end stands for nothing: write \\ for a backslash`)
		}
		digits := 0
		switch c := s[i+1]; c {
		case '\\':
			p = append(p, '\\')
		case 'n':
			p = append(p, '\n')
		case 'r':
			p = append(p, '\r')
		case 't':
			p = append(p, '\t')
		case 'x':
			digits = 2
		case 'u':
			digits = 4
		case 'U':
			digits = 8
		default:
			_, n := utf8.DecodeRuneInString(s[i+1:])
			return nil, fmt.Errorf(`%q is no escape: there are \xNN, \uNNNN, \UNNNNNNNN, \n, \r, \t and \\`, s[i:i+1+n])
		}
		i += 2
		if digits == 0 {
			continue
		}
		hex := s[i:min(i+digits, len(s))]
		v, err := strconv.ParseUint(hex, 16, 32)
		if len(hex) < digits || err != nil || digits > 2 && !utf8.ValidRune(rune(v)) {
			return nil, fmt.Errorf(`%q is no escape: want %d hexadecimal digits of a %s`, s[i-2:i]+hex, digits,
				map[bool]string{true: "byte", false: "character"}[digits == 2])
		}
		if digits == 2 {
			p = append(p, byte(v))
		} else {
			p = utf8.AppendRune(p, rune(v))
		}
		i += digits
	}
	return p, nil
}
