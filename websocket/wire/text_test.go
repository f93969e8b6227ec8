package wire

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// canGoOn is the oracle of RFC 3629 §4: whether b begins some valid text. It
// knows all sequences as a table of ranges, and nothing of the code under test.
func canGoOn(b []byte) bool {
	sequences := [][][2]byte{
		{{0x00, 0x7f}},
		{{0xc2, 0xdf}, {0x80, 0xbf}},
		{{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}},
		{{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}},
		{{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}},
		{{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}},
		{{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
		{{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
		{{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}},
	}
	for len(b) > 0 {
		took := 0
		for _, ranges := range sequences {
			n := 0
			for n < len(ranges) && n < len(b) && ranges[n][0] <= b[n] && b[n] <= ranges[n][1] {
				n++
			}
			if n == len(b) || n == len(ranges) {
				took = n
				break
			}
		}
		if took == 0 {
			return false
		}
		b = b[took:]
	}
	return true
}

// firstBad returns how many bytes of b a text may begin with.
func firstBad(b []byte) int {
	n := 0
	for n < len(b) && canGoOn(b[:n+1]) {
		n++
	}
	return n
}

// Every sequence of one, two or three bytes, and those of four that matter.
func TestTextAgainstTheTable(t *testing.T) {
	try := func(b ...byte) {
		good := firstBad(b)
		for cut := 0; cut <= len(b); cut++ {
			var x Text
			ok := x.Write(b[:cut], false)
			if want := cut <= good; ok != want {
				t.Fatalf("%x: the first %d bytes: %v", b, cut, ok)
			}
			if got, want := x.Write(b[cut:], true), utf8.Valid(b); got != want {
				t.Fatalf("%x cut at %d: %v, want %v", b, cut, got, want)
			}
		}
	}
	for a := range 256 {
		try(byte(a))
		for b := range 256 {
			try(byte(a), byte(b))
		}
	}
	edges := []byte{0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf3, 0xf4, 0xf5, 0xff}
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				try(a, b, c)
				for _, d := range edges {
					try(a, b, c, d)
				}
			}
		}
	}
}

// What failed stays failed; what ended well is ready for the next text.
func TestTextAfterItsEnd(t *testing.T) {
	var x Text
	if !x.Write([]byte("κ"), true) || !x.Write([]byte("\xce"), false) || !x.Write([]byte("\xba"), true) {
		t.Error("a text after a text")
	}
	if x.Write([]byte("\xce"), true) || x.Write([]byte("ok"), true) || x.Write(nil, true) {
		t.Error("a failure was forgotten")
	}
}

// FuzzText: the checker agrees with utf8.Valid wherever the text is cut, and
// fails exactly at the first byte after which nothing valid can follow.
func FuzzText(f *testing.F) {
	f.Add([]byte("κόσμε\xf4\x90"), uint16(3), uint16(1))
	f.Add([]byte("plain, "+strings.Repeat("and long ", 20)+"\xed\xa0\x80"), uint16(170), uint16(2))
	f.Add([]byte("\xf0\x9f\x98\x80\xf0\x9f\x98"), uint16(1), uint16(1))
	f.Add([]byte("\xe0\x9f\xc1\xbf"), uint16(0), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, one, two uint16) {
		good := firstBad(b)
		i := min(int(one), len(b))
		j := min(i+int(two), len(b))
		var x Text
		for _, part := range [][2]int{{0, i}, {i, j}, {j, len(b)}} {
			got, want := x.Write(b[part[0]:part[1]], false), part[1] <= good
			if got != want {
				t.Fatalf("%q cut at %d and %d: %v after %d bytes, of which %d are good", b, i, j, got, part[1], good)
			}
		}
		if got, want := x.Write(nil, true), utf8.Valid(b); got != want || ValidText(b) != want {
			t.Fatalf("%q: %v in parts, %v whole, want %v", b, got, ValidText(b), want)
		}
		var bytewise Text
		for n := range b {
			if got := bytewise.Write(b[n:n+1], false); got != (n < good) {
				t.Fatalf("%q: %v at byte %d, of which %d are good", b, got, n, good)
			}
		}
	})
}

func BenchmarkText(b *testing.B) {
	for _, x := range []struct{ name, unit string }{{"ascii", "plain text, "}, {"mixed", "plain κόσμε 日本語 😀 "}} {
		for _, n := range []int{64, 256, 16 << 10} {
			p := []byte(strings.Repeat(x.unit, n/len(x.unit)+1)[:n])
			p = p[:n-unfinished(p)]
			check := func(b *testing.B) {
				b.SetBytes(int64(len(p)))
				for b.Loop() {
					var x Text
					if !x.Write(p, true) {
						b.Fatal("not text")
					}
				}
			}
			b.Run(fmt.Sprintf("%s/%d", x.name, n), check)
			b.Run(fmt.Sprintf("%s/%d/plain", x.name, n), func(b *testing.B) { plainly(func() { check(b) }) })
		}
	}
}
