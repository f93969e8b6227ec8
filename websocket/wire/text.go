package wire

import "unicode/utf8"

// ValidText reports whether p may be the payload of a text message: UTF-8, RFC
// 3629, as RFC 6455 §8.1 asks.
func ValidText(p []byte) bool {
	if len(p) >= textVectorMin {
		return textVectors(p)
	}
	return utf8.Valid(p)
}

// Text checks UTF-8 that comes in parts, and fails at the first byte that no
// valid text has at that place. The zero value is ready for a text's first
// part; after a last part that was valid, for the next text's.
type Text struct {
	need   uint8 // continuation bytes still to come
	lo, hi uint8 // bounds of the next of them
	bad    bool  // it failed, and goes on failing
}

// Write checks the next part p, which is the text's last or not. It returns
// false if the text is not valid, or cannot become so whatever follows, and
// from then on always. It keeps nothing of p.
func (t *Text) Write(p []byte, last bool) bool {
	if t.bad {
		return false
	}
	for t.need > 0 && len(p) > 0 {
		if !t.step(p[0]) {
			return false
		}
		p = p[1:]
	}
	whole := len(p) - unfinished(p)
	if !ValidText(p[:whole]) {
		t.bad = true
		return false
	}
	for _, c := range p[whole:] {
		if !t.step(c) {
			return false
		}
	}
	t.bad = last && t.need > 0
	return !t.bad
}

// step takes one byte: the first of a code point, or one that continues it.
// The bounds are those of RFC 3629 §4.
func (t *Text) step(c byte) bool {
	if t.need > 0 {
		t.bad = c < t.lo || c > t.hi
		t.need, t.lo, t.hi = t.need-1, 0x80, 0xbf
		return !t.bad
	}
	t.lo, t.hi = 0x80, 0xbf
	switch {
	case c < 0x80:
		return true
	case c < 0xc2 || c > 0xf4: // a continuation, overlong, or over U+10FFFF
		t.bad = true
		return false
	case c < 0xe0:
		t.need = 1
	case c < 0xf0:
		t.need = 2
	default:
		t.need = 3
	}
	switch c {
	case 0xe0:
		t.lo = 0xa0 // less is overlong
	case 0xed:
		t.hi = 0x9f // more is a surrogate
	case 0xf0:
		t.lo = 0x90 // less is overlong
	case 0xf4:
		t.hi = 0x8f // more is over U+10FFFF
	}
	return true
}

// unfinished returns how many bytes at the end of p begin a code point that is
// longer than they are.
func unfinished(p []byte) int {
	for n := 1; n <= 3 && n <= len(p); n++ {
		switch c := p[len(p)-n]; {
		case c < 0x80:
			return 0
		case c >= 0xf0, c >= 0xe0 && n < 3, c >= 0xc0 && n < 2:
			return n
		case c >= 0xc0:
			return 0
		}
	}
	return 0
}
