package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"testing"
)

// everySize is what messages are long in these tests.
var everySize = []int{0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 100, 255, 256, 257, 258, 259, 260, 511, 512, 513, 1000, 4095, 4096, 4097,
	16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 200_000}

func material(n int) map[string][]byte {
	return map[string][]byte{
		"records": records(n+40, 1)[:n],
		"noise":   noise(n, 1),
		"skewed":  skewed(n, uint64(n)),
		"zeros":   make([]byte, n),
		"period":  bytes.Repeat([]byte("abcdefg"), n/7+1)[:n],
	}
}

// oracle inflates a message with the standard library.
func oracle(payload, window []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReaderDict(io.MultiReader(bytes.NewReader(payload), bytes.NewReader(tail[:]), bytes.NewReader([]byte{1, 0, 0, 0xff, 0xff})), window))
}

// inflate inflates a message in chunks of at most max bytes.
func inflate(z *Inflater, payload, window []byte, size, max int) ([]byte, error) {
	z.Reset(payload, window, size)
	var all []byte
	for {
		p, done, err := z.Next(max)
		all = append(all, p...)
		if err != nil || done {
			return all, err
		}
		if len(p) == 0 {
			return all, errors.New("no progress")
		}
		z.Save()
		for i := range p {
			p[i] = 0xee
		}
	}
}

// Whatever was compressed comes back, here and in the standard library, at any
// level, with any window before it, in chunks of any size.
func TestRoundTrip(t *testing.T) {
	var d Deflater
	var z Inflater
	for _, n := range everySize {
		if raceEnabled && n > 5000 {
			break
		}
		for name, p := range material(n) {
			for _, level := range []int{1, 3, 9} {
				for _, bits := range []int{8, 9, 12, 15} {
					size := 1 << bits
					for _, before := range []int{0, 1, size / 2, size, size + 100} {
						if n > 300 && (before == 1 || level == 3) || n > 5000 && (before == size/2 || bits == 9) || n > 40_000 && before > 0 {
							continue
						}
						window := records(before, 1)
						payload := d.Append([]byte("prefix"), p, window, size, level)
						if string(payload[:6]) != "prefix" {
							t.Fatal("what was there is overwritten")
						}
						payload = payload[6:]
						what := fmt.Sprintf("%s of %d, level %d, window of %d, %d before", name, n, level, size, before)
						got, err := oracle(payload, Slide(nil, window, size))
						if err != nil || !bytes.Equal(got, p) {
							t.Fatalf("%s: the standard library: %v, %d bytes", what, err, len(got))
						}
						for _, max := range []int{1 << 20, 1000, 1} {
							if max == 1 && n > 2000 {
								continue
							}
							if got, err := inflate(&z, payload, window, size, max); err != nil || !bytes.Equal(got, p) {
								t.Fatalf("%s, chunks of %d: %v, %d bytes", what, max, err, len(got))
							}
						}
						if worst := len(p) + 6 + 5*(len(p)/16_000); len(payload) > worst {
							t.Errorf("%s: %d bytes", what, len(payload))
						}
					}
				}
			}
		}
	}
}

// When the numbers of positions run out they begin anew, and nothing of earlier
// messages is referred to.
func TestPositionsBeginAnew(t *testing.T) {
	var z Inflater
	for _, level := range []int{1, 9} {
		for _, next := range []uint32{0, 1<<31 - 3000, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<31 + segmentMax} {
			var d Deflater
			d.finder.next = next
			for i := range 6 {
				p := records(1000, uint64(i/2))
				payload := d.Append(nil, p, nil, MaxWindow, level)
				if got, err := inflate(&z, payload, nil, MaxWindow, 1<<20); err != nil || !bytes.Equal(got, p) || len(payload) < 300 {
					t.Fatalf("level %d, from %d, message %d: %v, %d bytes in %d", level, next, i, err, len(got), len(payload))
				}
			}
			if next > 1<<31 && d.finder.next > 1<<31 {
				t.Errorf("%d", d.finder.next)
			}
		}
	}
}

// A message longer than a segment is one message.
func TestSegments(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes a second")
	}
	var d Deflater
	var z Inflater
	p := bytes.Repeat(noise(20_000, 1), (segmentMax+30_000)/20_000+1)
	payload := d.Append(nil, p, noise(20_000, 1), MaxWindow, 1)
	got, err := inflate(&z, payload, noise(20_000, 1), MaxWindow, 1<<20)
	if err != nil || !bytes.Equal(got, p) || len(payload) > len(p)/50 {
		t.Errorf("%v, %d bytes in %d", err, len(got), len(payload))
	}
}
