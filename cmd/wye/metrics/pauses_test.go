package metrics

import (
	"math"
	"testing"
)

// The runtime's histogram only grows; what is new in it are the pauses since.
func TestNewPauses(t *testing.T) {
	bounds := []float64{math.Inf(-1), 0.1, 0.2, 0.4, math.Inf(1)}
	for _, tt := range []struct {
		before, counts []uint64
		total          uint64
		longest        float64
	}{
		{nil, []uint64{0, 0, 0, 0}, 0, 0},
		{nil, []uint64{0, 2, 0, 0}, 2, 0.2},
		{[]uint64{0, 2, 1, 0}, []uint64{0, 2, 1, 0}, 3, 0},
		{[]uint64{0, 2, 1, 0}, []uint64{1, 2, 1, 0}, 4, 0.1},
		{[]uint64{0, 2, 1, 0}, []uint64{1, 3, 1, 0}, 5, 0.2},
		{[]uint64{0, 2, 1, 0}, []uint64{0, 2, 1, 1}, 4, 0.4}, // the last class has no end
	} {
		if total, longest := newPauses(tt.counts, tt.before, bounds); total != tt.total || longest != tt.longest {
			t.Errorf("%v after %v: %d, the longest %v; want %d, %v", tt.counts, tt.before, total, longest, tt.total, tt.longest)
		}
	}
}
