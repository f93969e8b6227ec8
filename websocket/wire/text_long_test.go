package wire

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// fillers are characters of each length. What is between two tests of a long text
// is made of one of them, so that the vectors see it at any offset.
var fillers = []string{"x", "é", "語", "😀", "x語é😀"}

// filler is at most n bytes of text.
func filler(of string, n int) string {
	s := strings.Repeat(of, n/len(of)+1)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// sameVerdict wants p judged as the standard library does, at once and in parts,
// with vectors and without. It must not be longer than some hundreds of bytes.
func sameVerdict(t *testing.T, p []byte) {
	t.Helper()
	want := utf8.Valid(p)
	judge := func(how string) {
		if got := ValidText(p); got != want {
			t.Fatalf("%s: %q: %v, want %v", how, p, got, want)
		}
		var x Text
		if got := x.Write(p, true); got != want {
			t.Fatalf("%s: %q as a Text: %v, want %v", how, p, got, want)
		}
	}
	judge("vectors")
	plainly(func() { judge("plain") })
}

// sequences of all the kinds that RFC 3629 knows, and of those that it forbids:
// what the lists of UTF-8 stress tests have.
func stressSequences() []string {
	list := []string{
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf", // overlong slashes
		"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", // the largest overlong ones
		"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", // overlong zeros
		"\xf7\xbf\xbf\xbf", "\xf8\x88\x80\x80\x80", "\xfb\xbf\xbf\xbf\xbf", "\xfc\x84\x80\x80\x80\x80", "\xfd\xbf\xbf\xbf\xbf\xbf",
		"\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf4\xa0\x80\x80", "\xf4\xbf\xbf\xbf", // around the last code point
		"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xef\xbf\xbe", "\xef\xbf\xbf", // around the surrogates, and noncharacters
		"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf",
		"\xed\xa0\x80\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf",
		"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80\xbf\x80",
		"\xfe", "\xff", "\xfe\xfe\xff\xff",
		"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xdf", "\xef\xbf", "\xf7\xbf\xbf", // the last byte is missing
		"\xe2\x82\xac\xac", "\xf0\x9f\x98\x80\x80", "\xc3\xa9\xa9", // one too many
	}
	for _, r := range []rune{0, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xcfff, 0xffff, 0x10000, 0x3ffff, 0x40000, 0xfffff, 0x100000, utf8.MaxRune} {
		s := string(r)
		for n := range len(s) {
			list = append(list, s[:n+1], s[:n]+" ", s[:n]+"é", s[:n]+"\xbf"+s[n:])
		}
	}
	for c := 0x80; c < 0x100; c++ {
		list = append(list, string([]byte{byte(c)}), string([]byte{byte(c), ' '}))
	}
	return list
}

// Each sequence in a long text of each kind, wherever in it.
func TestLongTextStress(t *testing.T) {
	sequences := stressSequences()
	for _, of := range fillers {
		text := []byte(filler(of, 300))
		for at := 0; at <= len(text); at++ {
			if at < len(text) && !utf8.RuneStart(text[at]) {
				continue
			}
			for _, s := range sequences {
				want := utf8.ValidString(s)
				p := slices.Concat(text[:at], []byte(s), text[at:])
				if got := ValidText(p); got != want {
					t.Fatalf("%q at %d of %q: %v", s, at, of, got)
				}
				var x Text
				if ok := x.Write(p, false) && x.Write(nil, true); ok != want {
					t.Fatalf("%q at %d of %q, in parts: %v", s, at, of, ok)
				}
			}
		}
	}
}

// Texts of every length, cut off anywhere.
func TestLongTextLengths(t *testing.T) {
	for _, of := range fillers {
		text := []byte(strings.Repeat(of, 400/len(of)+1))
		for n := range 400 {
			sameVerdict(t, text[:n])
		}
	}
}

// Every two bytes, and those three and four that matter, where vectors meet.
func TestLongTextAcrossVectors(t *testing.T) {
	text := []byte(filler("x", 192))
	try := func(at int, s ...byte) {
		had := [8]byte(text[at:])
		copy(text[at:], s)
		if got, want := ValidText(text), utf8.Valid(text[at-8:at+16]); got != want {
			t.Fatalf("%x at %d: %v", s, at, got)
		}
		copy(text[at:], had[:])
	}
	for _, at := range []int{33, 34, 35, 50} {
		for a := range 256 {
			for b := range 256 {
				try(at, byte(a), byte(b))
			}
		}
	}
	edges := []byte{0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5}
	for at := 31; at < 36; at++ {
		for _, a := range edges {
			for _, b := range edges {
				for _, c := range edges {
					try(at, a, b, c)
					for _, d := range edges {
						try(at, a, b, c, d)
					}
				}
			}
		}
	}
}

// FuzzLongText: wherever a long text is cut, it fails with the part that has the
// first byte after which nothing valid can follow; with vectors and without.
func FuzzLongText(f *testing.F) {
	for i, s := range stressSequences() {
		if i%10 == 0 {
			f.Add([]byte(s), uint8(i), uint8(i*7), uint8(i), uint16(i), uint16(100))
		}
	}
	f.Fuzz(func(t *testing.T, s []byte, before, after, which uint8, one, two uint16) {
		of := fillers[int(which)%len(fillers)]
		p := slices.Concat([]byte(filler(of, int(before))), s, []byte(filler(of, int(after))))
		if len(p) > 2000 {
			return
		}
		sameVerdict(t, p)
		sameVerdict(t, append(bytes.Clone(p), s...))
		good := 0 // how many bytes a text may begin with
		for good < len(p) {
			r, n := utf8.DecodeRune(p[good:])
			if r == utf8.RuneError && n == 1 {
				good += firstBad(p[good:min(len(p), good+4)])
				break
			}
			good += n
		}
		i := min(int(one), len(p))
		j := min(i+int(two), len(p))
		parts := func() {
			var x Text
			for _, part := range [][2]int{{0, i}, {i, j}, {j, len(p)}} {
				if got, want := x.Write(p[part[0]:part[1]], false), part[1] <= good; got != want {
					t.Fatalf("%q cut at %d and %d: %v after %d bytes, of which %d are good", p, i, j, got, part[1], good)
				}
			}
		}
		parts()
		plainly(parts)
	})
}
