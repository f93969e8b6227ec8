package deflate

import (
	"bytes"
	"fmt"
	"testing"
)

// A Deflater refers no further back than the window, and refers that far: at
// every size, at every level, across messages and within one.
func TestDistances(t *testing.T) {
	var d Deflater
	for bits := 8; bits <= 15; bits++ {
		size := 1 << bits
		if raceEnabled && bits > 10 {
			break
		}
		for _, level := range []int{1, 2, 5, 9} {
			for _, n := range []int{100, size, size + 10, 3*size + 7} {
				p := noise(n, 7)
				for name, x := range map[string]struct{ window, p []byte }{
					"once a window apart":       {nil, bytes.Repeat(noise(size, 3), 2)},
					"once over a window apart":  {nil, bytes.Repeat(noise(size+1, 3), 2)},
					"before":                    {p, p},
					"before and long before":    {append(noise(100, 9), p...), append(p, noise(100, 9)...)},
					"records":                   {records(n, 1), records(n, 2)},
					"more than fits the window": {noise(2*size, 4), noise(2*size, 4)},
				} {
					what := fmt.Sprintf("window of %d, level %d, %s, %d bytes", size, level, name, n)
					payload := d.Append(nil, x.p, x.window, size, level)
					window := Slide(nil, x.window, size)
					got, far, err := byReference(payload, window)
					if err != nil || !bytes.Equal(got, x.p) {
						t.Fatalf("%s: %v", what, err)
					}
					if far > size {
						t.Errorf("%s: refers %d bytes back", what, far)
					}
					switch {
					case name == "once a window apart" && far != size,
						name == "before" && n <= size && (far != n || len(payload) > n/4+20),
						name == "more than fits the window" && len(payload) < size:
						t.Errorf("%s: refers %d bytes back, in %d", what, far, len(payload))
					}
				}
			}
		}
	}
}

// An Inflater refuses what refers further back than the window, though it may
// have it.
func TestTooFar(t *testing.T) {
	var d Deflater
	var z Inflater
	for bits := 8; bits < 15; bits++ {
		size := 1 << bits
		p := append(noise(2*size, 5), noise(2*size, 5)...)
		payload := d.Append(nil, p, nil, MaxWindow, 1)
		if _, err := inflate(&z, payload, nil, 2*size, 1<<20); err != nil {
			t.Errorf("window of %d: %v", 2*size, err)
		}
		for _, max := range []int{1 << 20, 100} {
			// It stops where the second half begins to repeat the first.
			if got, err := inflate(&z, payload, nil, size, max); err != ErrFar || len(got) < 2*size || len(got) > 2*size+300 || !bytes.HasPrefix(p, got) {
				t.Errorf("window of %d: %v after %d bytes", size, err, len(got))
			}
		}
	}
	payload := d.Append(nil, noise(50, 1), noise(50, 1), 256, 1)
	for _, window := range [][]byte{nil, noise(50, 1)[1:]} {
		if _, err := inflate(&z, payload, window, 256, 100); err != ErrFar {
			t.Errorf("%d of 50 bytes before: %v", len(window), err)
		}
	}
}

// Slide keeps the last bytes, in no more room than they may take, and takes none
// that it was not given.
func TestSlide(t *testing.T) {
	stream := noise(5000, 1)
	for _, size := range []int{256, 1024, 4096} {
		for _, step := range []int{0, 1, 100, 255, 256, 257, 1000, 4096, 5000} {
			var w []byte
			for n := 0; n < len(stream) && step > 0; n += step {
				end := min(n+step, len(stream))
				w = Slide(w, stream[n:end], size)
				if want := stream[max(0, end-size):end]; !bytes.Equal(w, want) {
					t.Fatalf("size %d, step %d: %d bytes after %d", size, step, len(w), end)
				}
				if cap(w) > size || cap(w) > max(512, 4*end) {
					t.Fatalf("size %d: room for %d after %d", size, cap(w), end)
				}
			}
			full := Slide(nil, stream, size)
			if n := testing.AllocsPerRun(10, func() { full = Slide(full, stream[:step], size) }); n != 0 {
				t.Errorf("size %d, step %d: %v allocations", size, step, n)
			}
		}
	}
}
