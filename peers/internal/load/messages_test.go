package load

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"io"
	"testing"
	"unicode/utf8"
)

// payload is that of a masked frame.
func payload(t *testing.T, f []byte) (first byte, p []byte) {
	t.Helper()
	size, n := frameHead(f)
	if size == 0 || uint64(len(f)) != uint64(size)+n || f[1]&0x80 == 0 {
		t.Fatalf("not a masked frame: %x…", f[:min(len(f), 14)])
	}
	p = bytes.Clone(f[size:])
	for i := range p {
		p[i] ^= f[size-4+i&3]
	}
	return f[0], p
}

func TestMessages(t *testing.T) {
	for _, n := range []int{1, 64, 125, 126, 65_535, 65_536, 1 << 20} {
		l := Binary(n)
		if first, p := payload(t, l.Frame(7)); first != 0x82 || len(p) != n || !bytes.Equal(p, l.Data[0]) {
			t.Errorf("%d bytes: %#x, %d", n, first, len(p))
		}
	}
	l := MixedText(16 << 10)
	first, p := payload(t, l.Frame(0))
	sizes := make(map[int]bool)
	for _, r := range string(p) {
		sizes[utf8.RuneLen(r)] = true
	}
	if first != 0x81 || len(p) != 16<<10 || !utf8.Valid(p) || len(sizes) != 4 {
		t.Errorf("%#x, %d bytes, valid: %t, sizes %v; want text of 16 KiB with characters of all sizes", first, len(p), utf8.Valid(p), sizes)
	}
}

// With takeover a receiver that keeps the last 32 KiB understands every message,
// in the first round and for ever after; without it, each for itself.
func TestJSON(t *testing.T) {
	for _, d := range []Deflate{Plain, NoTakeover, Takeover} {
		l := JSON(1<<10, d)
		var window []byte
		total := make([]int, 3)
		for i := range 3 * records {
			first, p := payload(t, l.Frame(i))
			total[i/records] += len(p)
			if compressed := first&0x40 != 0; compressed != (d != Plain) {
				t.Fatalf("%q, %d: compressed: %t", d, i, compressed)
			}
			if d != Plain {
				var err error
				p, err = io.ReadAll(flate.NewReaderDict(io.MultiReader(bytes.NewReader(p), bytes.NewReader(tail), bytes.NewReader(final)), window))
				if err != nil {
					t.Fatalf("%q, %d: %v", d, i, err)
				}
			}
			if !bytes.Equal(p, l.Data[i%records]) || len(p) != 1<<10 || !json.Valid(p) {
				t.Fatalf("%q, %d: %d bytes of %.60q…, want 1,024 of JSON", d, i, len(p), p)
			}
			if d == Takeover {
				window = append(window, p...)
				window = window[max(0, len(window)-32<<10):]
			}
		}
		t.Logf("%q: %d bytes a message, then %d", d, total[0]/records, total[2]/records)
		switch {
		case d == Takeover && (total[2] >= JSONSize(NoTakeover) || total[2] < JSONSize(NoTakeover)/2):
			t.Errorf("with takeover %d bytes, want fewer than without, and not as few as for a message that was seen before", total[2])
		case (total[0] == total[1]) != (d != Takeover) || total[1] != total[2]:
			t.Errorf("%q: %d bytes in the rounds, want the first to differ with takeover, and no other", d, total)
		}
	}
}

// JSONSize is how many bytes a round of messages is compressed to.
func JSONSize(d Deflate) (n int) {
	for _, f := range JSON(1<<10, d).Frames {
		n += len(f)
	}
	return n
}
