package metrics

import (
	"sync/atomic"
	"time"
)

// tripBounds are the upper ends of the classes of round-trip times, in seconds:
// from the same machine to the far side of the world and a bad radio.
var tripBounds = [...]float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5}

// trips is a histogram of round-trip times.
type trips struct {
	classes [len(tripBounds) + 1]atomic.Uint64 // the last one has what is longer than all bounds
	nanos   atomic.Int64
}

func (t *trips) observe(d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(tripBounds) && d.Seconds() > tripBounds[i] {
		i++
	}
	t.classes[i].Add(1)
	t.nanos.Add(int64(d))
}

// cumulative is the histogram as Prometheus wants it: how many were not longer
// than each bound.
func (t *trips) cumulative() (count uint64, seconds float64, classes map[float64]uint64) {
	classes = make(map[float64]uint64, len(tripBounds))
	for i := range t.classes {
		count += t.classes[i].Load()
		if i < len(tripBounds) {
			classes[tripBounds[i]] = count
		}
	}
	return count, time.Duration(t.nanos.Load()).Seconds(), classes
}
