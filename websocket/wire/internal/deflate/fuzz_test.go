package deflate

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"

	kflate "github.com/klauspost/compress/flate"
)

// standard inflates a message with the standard library, and says whether that
// took it for whole. After a final block it begins anew, as RFC 7692 §7.2.3.4
// has it.
func standard(payload, window []byte) (plain []byte, ok bool) {
	// What follows the tail tells a message that ends there from one that
	// swallows what comes next.
	const next = "\x01\x07\x00\xf8\xff<ended>"
	in := bytes.NewReader(append(append(append([]byte{}, payload...), tail[:]...), next...))
	for {
		history := append(append([]byte{}, window...), plain...)
		r := flate.NewReaderDict(in, history[max(0, len(history)-MaxWindow):])
		var part bytes.Buffer
		_, err := part.ReadFrom(r)
		plain = append(plain, part.Bytes()...)
		left := in.Len() - len(next) - len(tail)
		switch {
		case err == nil && left == -len(tail): // the tail ends it
			return plain, true
		case err != nil || left < 0 && !bytes.HasSuffix(plain, []byte("<ended>")):
			return plain, false
		case left < 0:
			return plain[:len(plain)-len("<ended>")], true
		case left == 0:
			return plain, true
		}
	}
}

// FuzzInflate: on any bytes an Inflater says what the reference says, in chunks
// of any size, whatever it inflated before; and, where it takes a message for
// whole, what the standard library says.
func FuzzInflate(f *testing.F) {
	var d Deflater
	for _, p := range [][]byte{nil, []byte("Hello"), records(900, 1), noise(300, 1), skewed(3000, 2)} {
		payload := d.Append(nil, p, nil, MaxWindow, 1)
		f.Add(payload, []byte{}, uint16(7))
		f.Add(payload[:len(payload)/2], []byte("Hello"), uint16(1))
		f.Add(append(payload, payload...), p, uint16(300))
	}
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), []byte{}, uint16(2))
	f.Add([]byte("\x04\xc0\xff\xff\xff\xff\xff\xff\xff\x00"), []byte{}, uint16(2))
	dirty := d.Append(nil, skewed(3000, 9), nil, MaxWindow, 1)
	var clean, used Inflater
	f.Fuzz(func(t *testing.T, payload, window []byte, max uint16) {
		if len(payload) > 1000 || len(window) > MaxWindow {
			return
		}
		want, far, wrong := byReference(payload, window)
		clear(clean.buf[:])
		got, err := inflate(&clean, payload, window, MaxWindow, ChunkMax)
		if (err == nil) != (wrong == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v; the reference has %d, %v", len(got), err, len(want), wrong)
		}
		inflate(&used, dirty, nil, MaxWindow, ChunkMax)
		if again, err2 := inflate(&used, payload, window, MaxWindow, int(max)+1); !bytes.Equal(again, got) || err2 != err {
			t.Fatalf("in chunks of %d: %d bytes, %v; at once %d, %v", int(max)+1, len(again), err2, len(got), err)
		}
		std, ok := standard(payload, window)
		if err == nil && (!ok || !bytes.Equal(std, got)) {
			t.Fatalf("%d bytes; the standard library has %d, %v", len(got), len(std), ok)
		}
		if !ok && err == nil || err == ErrCorrupt && ok {
			t.Fatalf("%v; the standard library takes it for whole: %v", err, ok)
		}
		for bits := 8; bits < 15; bits++ {
			_, err := inflate(&used, payload, window, 1<<bits, ChunkMax)
			if tooFar := far > 1<<bits; wrong == nil && tooFar != (err == ErrFar) {
				t.Fatalf("window of %d, largest distance %d: %v", 1<<bits, far, err)
			}
		}
	})
}

// FuzzDeflate: whatever was compressed comes back, with any window and level, in
// any number of fragments, and refers no further back than it may; and what two
// other packages compressed comes back as well.
func FuzzDeflate(f *testing.F) {
	f.Add([]byte("Hello"), []byte("Hello"), uint8(8), uint8(1), uint16(2))
	f.Add(records(3000, 1), records(3000, 2), uint8(9), uint8(6), uint16(1000))
	f.Add(noise(600, 1), skewed(500, 2), uint8(15), uint8(9), uint16(100))
	f.Add(bytes.Repeat([]byte("ab"), 700), []byte("b"), uint8(10), uint8(3), uint16(259))
	var d Deflater
	var z Inflater
	others := otherWriters()
	f.Fuzz(func(t *testing.T, p, window []byte, bits, level uint8, cut uint16) {
		if len(p) > 5000 || len(window) > 5000 {
			return
		}
		size := 1 << (8 + bits%8)
		var payload []byte
		before := window
		for rest := p; ; {
			part := rest[:min(len(rest), int(cut)+1)]
			payload = d.Append(payload, part, before, size, int(level))
			before = Slide(bytes.Clone(before), part, size)
			if rest = rest[len(part):]; len(rest) == 0 {
				break
			}
			payload = append(payload, tail[:]...)
		}
		window = Slide(nil, window, size)
		got, err := inflate(&z, payload, window, size, int(cut)+1)
		if err != nil || !bytes.Equal(got, p) {
			t.Fatalf("%v: %d bytes of %d", err, len(got), len(p))
		}
		if std, ok := standard(payload, window); !ok || !bytes.Equal(std, p) {
			t.Fatalf("the standard library: %v: %d bytes of %d", ok, len(std), len(p))
		}
		if len(p) <= 600 {
			if _, far, err := byReference(payload, window); err != nil || far > size {
				t.Fatalf("%v: refers %d bytes back, of %d", err, far, size)
			}
		}
		for name, w := range others {
			var out bytes.Buffer
			w.Reset(&out)
			w.Write(p)
			w.Flush()
			if got, err := inflate(&z, bytes.TrimSuffix(out.Bytes(), tail[:]), window, MaxWindow, int(cut)+1); err != nil || !bytes.Equal(got, p) {
				t.Fatalf("by %s: %v: %d bytes of %d", name, err, len(got), len(p))
			}
		}
	})
}

type resetter interface {
	flateWriter
	Reset(io.Writer)
}

// otherWriters are the compressors of two other packages.
func otherWriters() map[string]resetter {
	s1, _ := flate.NewWriter(nil, 1)
	s6, _ := flate.NewWriter(nil, 6)
	huffman, _ := flate.NewWriter(nil, flate.HuffmanOnly)
	k1, _ := kflate.NewWriter(nil, 1)
	k9, _ := kflate.NewWriter(nil, 9)
	return map[string]resetter{"the standard library, 1": s1, "the standard library, 6": s6, "the standard library, codes only": huffman, "klauspost, 1": k1, "klauspost, 9": k9}
}

// What others compressed with the same window before it comes back.
func TestOthersTakeOver(t *testing.T) {
	var z Inflater
	for level := 1; level <= 9; level++ {
		var sOut, kOut bytes.Buffer
		s, _ := flate.NewWriter(&sOut, level)
		k, _ := kflate.NewWriter(&kOut, level)
		var window []byte
		for i := range 20 {
			p := records(100+i*i*100, uint64(i/3))
			for name, w := range map[string]flateWriter{"the standard library": s, "klauspost": k} {
				w.Write(p)
				w.Flush()
				out := &sOut
				if w == flateWriter(k) {
					out = &kOut
				}
				if got, err := inflate(&z, bytes.TrimSuffix(out.Bytes(), tail[:]), window, MaxWindow, 5000); err != nil || !bytes.Equal(got, p) {
					t.Fatalf("%s, level %d, message %d: %v, %d bytes", name, level, i, err, len(got))
				}
				out.Reset()
			}
			window = Slide(window, p, MaxWindow)
		}
	}
}
