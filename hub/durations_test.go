package hub

import (
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	var a, b durations
	for _, d := range []time.Duration{-time.Second, 0, 50 * time.Microsecond, 51 * time.Microsecond, 10 * time.Second} {
		a.observe(d)
	}
	b.observe(11 * time.Second)
	b.observe(time.Second)
	var sum Durations
	a.addTo(&sum)
	b.addTo(&sum)
	if sum.Count != 7 || sum.Sum != 22*time.Second+101*time.Microsecond {
		t.Errorf("%d of them, %v together", sum.Count, sum.Sum)
	}
	for i, want := range map[int]uint64{0: 3, 1: 4, 12: 4, 13: 5, 15: 5, 16: 6} {
		if got := sum.Buckets[i]; got.N != want || got.Most != bucketMost[i] {
			t.Errorf("bucket %d: %+v, want %d", i, got, want)
		}
	}
}
