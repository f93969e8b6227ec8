//go:build !purego

package wire

import "unicode/utf8"

// textVectorMin is the length from which on AVX2 is about as fast as utf8.Valid
// on plain ASCII; on any other text it is many times as fast.
const textVectorMin = 64

// textVectors is utf8.Valid of p, which has textVectorMin bytes.
func textVectors(p []byte) bool {
	if !hasAVX2 {
		return utf8.Valid(p)
	}
	if unfinished(p) > 0 {
		return false
	}
	behind := 0
	for behind < 3 { // as far as textAVX2 looks back
		r, n := utf8.DecodeRune(p[behind:])
		if r == utf8.RuneError && n == 1 {
			return false
		}
		behind += n
	}
	return textAVX2(&p[behind], len(p)-behind, &faults)
}

// textAVX2 reports whether n bytes from p on are UTF-8, 32 at least, if the
// three before them are the end of some, and a code point that begins in them
// does not go on behind them.
//
// It looks up what may be wrong with two bytes that follow each other, as
// Keiser and Lemire show in "Validating UTF-8 In Less Than One Instruction Per
// Byte", 2021: each fault is a bit, and is there if three nibbles allow it.
//
//go:noescape
func textAVX2(p *byte, n int, faults *[3][16]byte) bool

// What may be wrong with two bytes.
const (
	stray     = 1 << iota // ASCII, and a continuation
	broken                // the first byte of a code point, and no continuation
	overlong2             // C0 or C1, and a continuation
	overlong3             // E0, and 80 to 9F
	surrogate             // ED, and A0 to BF
	beyond                // F4 or more, and 90 to BF: over U+10FFFF
	beyond8               // F5 or more, and 80 to 8F: likewise
	second                // two continuations: wrong but in three bytes and four, of which one must be

	overlong4 = beyond8 // F0, and 80 to 8F: no lower nibble is in both

	anyLow = stray | broken | second // whatever the lower nibble is
)

// faults are the faults that each nibble allows: the upper one of the first
// byte, its lower one, and the upper one of the second.
var faults = [3][16]byte{{
	stray, stray, stray, stray, stray, stray, stray, stray,
	second, second, second, second,
	broken | overlong2,
	broken,
	broken | overlong3 | surrogate,
	broken | overlong4 | beyond | beyond8,
}, {
	anyLow | overlong2 | overlong3 | overlong4,
	anyLow | overlong2,
	anyLow,
	anyLow,
	anyLow | beyond,
	anyLow | beyond | beyond8,
	anyLow | beyond | beyond8,
	anyLow | beyond | beyond8,
	anyLow | beyond | beyond8,
	anyLow | beyond | beyond8,
	anyLow | beyond | beyond8,
	anyLow | beyond | beyond8,
	anyLow | beyond | beyond8,
	anyLow | beyond | beyond8 | surrogate,
	anyLow | beyond | beyond8,
	anyLow | beyond | beyond8,
}, {
	broken, broken, broken, broken, broken, broken, broken, broken,
	stray | second | overlong2 | overlong3 | overlong4 | beyond8,
	stray | second | overlong2 | overlong3 | beyond,
	stray | second | overlong2 | surrogate | beyond,
	stray | second | overlong2 | surrogate | beyond,
	broken, broken, broken, broken,
}}
