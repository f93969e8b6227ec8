package deflate

import "testing"

// What each level reaches, in hundredths of what went in: no run differs from
// another, so these are what it was when it was written down.
func TestEffort(t *testing.T) {
	for _, c := range []struct {
		name     string
		size, n  int
		takeover bool
		most     [10]float64
	}{
		{"1 KiB", 1 << 10, 64, false, [10]float64{0, 38.14, 37.37, 36.94, 36.79, 36.72, 36.67, 36.67, 36.67, 36.67}},
		{"1 KiB, taking over", 1 << 10, 64, true, [10]float64{0, 25.58, 24.25, 23.42, 23.08, 22.73, 22.58, 22.24, 22.08, 22.08}},
		{"16 KiB", 16 << 10, 16, false, [10]float64{0, 23.25, 22.04, 21.38, 21.01, 20.72, 20.56, 20.28, 20.11, 20.08}},
		{"16 KiB, taking over", 16 << 10, 16, true, [10]float64{0, 22.28, 20.97, 20.27, 19.86, 19.54, 19.36, 19.03, 18.83, 18.77}},
		{"100 KiB, taking over", 100 << 10, 3, true, [10]float64{0, 22.14, 20.04, 19.38, 18.99, 18.65, 18.48, 18.13, 17.92, 17.80}},
	} {
		for level := 1; level <= 9; level++ {
			next := ownCompressor(c.takeover, level)
			out := 0
			for i := range c.n {
				out += len(next(nil, records(c.size, uint64(i))))
			}
			got := float64(100*out) / float64(c.n*c.size)
			if t.Logf("%s, level %d: %.2f", c.name, level, got); got > c.most[level] {
				t.Errorf("%s, level %d: %.2f%%, want %.2f%% at the most", c.name, level, got, c.most[level])
			}
		}
	}
}
