package conform

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"
	"unicode/utf8"
)

// stdInflate is the standard library's opinion.
func stdInflate(t *testing.T, p, dict []byte) []byte {
	t.Helper()
	in := io.MultiReader(bytes.NewReader(p), bytes.NewReader([]byte{0, 0, 0xFF, 0xFF, 1, 0, 0, 0xFF, 0xFF}))
	out, err := io.ReadAll(flate.NewReaderDict(in, dict))
	if err != nil {
		t.Fatalf("the standard library cannot read it: %v", err)
	}
	return out
}

func TestHandBuiltDeflate(t *testing.T) {
	text := Payload{Kind: Prose, Size: 3000}.Bytes()
	far, farPlain := farMatch([]byte("far away"), 4096)
	for _, c := range []struct {
		name    string
		in, out []byte
		dist    int
	}{
		{"stored", storedMessage(text), text, 0},
		{"literal", literalMessage(text), text, 0},
		{"many blocks", manyBlocks(text[:99]), text[:99], 0},
		{"far match", far, farPlain, 4096},
		{"bomb", bomb(100_000), make([]byte, 100_000), 1},
		{"empty", []byte{0}, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := stdInflate(t, c.in, nil); !bytes.Equal(got, c.out) {
				t.Errorf("the standard library reads %d bytes, want %d", len(got), len(c.out))
			}
			got, dist, err := new(inflater).message(c.in, 1<<20)
			if err != nil || !bytes.Equal(got, c.out) || dist != c.dist {
				t.Errorf("message = %d bytes, distance %d, %v; want %d bytes, distance %d", len(got), dist, err, len(c.out), c.dist)
			}
		})
	}
	got, _, err := new(inflater).message(finalMessage(text), 1<<20)
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("final block: %d bytes, %v", len(got), err)
	}
}

// The windows that RFC 7692 §7.1.2 names are used to the full and never over.
func TestDeflaterKeepsItsWindow(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		d := &deflater{window: 1 << bits}
		in := new(inflater)
		var dict []byte
		reached := 0
		for i := range 4 {
			text := Payload{Kind: Windowed, Size: 3 << bits / 2, Seed: uint64(bits)}.Bytes()
			p := d.message(text)
			got, dist, err := in.message(p, 1<<20)
			if err != nil || !bytes.Equal(got, text) {
				t.Fatalf("bits %d, message %d: %v", bits, i, err)
			}
			if dist > 1<<bits {
				t.Errorf("bits %d, message %d: distance %d", bits, i, dist)
			}
			reached = max(reached, dist)
			if std := stdInflate(t, p, dict); !bytes.Equal(std, text) {
				t.Errorf("bits %d, message %d: the standard library disagrees", bits, i)
			}
			dict = append(dict, text...)
			dict = dict[max(0, len(dict)-maxWindow):]
		}
		if reached <= 1<<bits/2 {
			t.Errorf("bits %d: the furthest match is %d bytes back: half the window lies idle", bits, reached)
		}
	}
}

// Whatever the standard library compresses, the inflater reads; whatever it
// reads, it stays under its limit and never panics.
func FuzzInflate(f *testing.F) {
	f.Add([]byte("hello hello hello"), true)
	f.Add(bomb(3000), false)
	f.Add(manyBlocks([]byte("abcdef")), false)
	f.Fuzz(func(t *testing.T, p []byte, encode bool) {
		if !encode {
			out, _, err := new(inflater).message(p, 1<<16)
			if err == nil && len(out) > 1<<16 {
				t.Errorf("%d bytes came out under a limit of %d", len(out), 1<<16)
			}
			return
		}
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, 6)
		_, _ = w.Write(p)
		_ = w.Flush()
		out, _, err := new(inflater).message(bytes.TrimSuffix(b.Bytes(), deflateTail[:]), len(p))
		if err != nil || !bytes.Equal(out, p) {
			t.Errorf("got %d bytes, %v; want %d", len(out), err, len(p))
		}
	})
}

func FuzzUTF8(f *testing.F) {
	f.Add([]byte("κόσμε"), 3)
	f.Add([]byte{0xED, 0xA0, 0x80}, 1)
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		if got, want := validUTF8(p), utf8.Valid(p); got != want {
			t.Fatalf("validUTF8(%x) = %v", p, got)
		}
		cut = min(max(cut, 0), len(p))
		if a, b := utf8State(0).feed(p[:cut]).feed(p[cut:]), utf8State(0).feed(p); a != b {
			t.Errorf("cut at %d: state %d, whole: %d", cut, a, b)
		}
	})
}

func TestParseHeaderTakesWhatAppendFrameWrites(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		for _, masked := range []bool{false, true} {
			b := appendFrame(nil, Frame{Op: opBinary, Payload: make([]byte, n)}, masked, [4]byte{1, 2, 3, 4})
			for cut := range min(len(b), 14) {
				if h, used := parseHeader(b[:cut]); used > cut {
					t.Fatalf("%d of %d bytes: took %d, %+v", cut, len(b), used, h)
				}
			}
			h, used := parseHeader(b)
			if !h.fin || h.op != opBinary || h.masked != masked || h.length != uint64(n) || !h.minimal || used+n != len(b) {
				t.Errorf("%d bytes, masked %v: %+v, head of %d", n, masked, h, used)
			}
		}
	}
	for form, min := range map[LengthForm]int{Length16: 4, Length64: 10} {
		h, n := parseHeader(appendFrame(nil, Frame{Op: opText, Form: form, Payload: []byte("hi")}, false, [4]byte{}))
		if h.minimal || n != min || h.length != 2 {
			t.Errorf("form %d: %+v, %d", form, h, n)
		}
	}
}
