package hub

import (
	"slices"
	"sync/atomic"
	"time"
)

// Durations say how long something took, each time.
type Durations struct {
	Count   uint64
	Sum     time.Duration
	Buckets []Bucket // by Most; what took longer than the last is in Count alone
}

// A Bucket says how many of some Durations were no longer than Most.
type Bucket struct {
	Most time.Duration
	N    uint64
}

// bucketMost are the bounds of buckets: what is fast in memory, and what is slow
// across an ocean.
var bucketMost = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// durations are Durations while they are counted. It may be used concurrently.
type durations struct {
	sum atomic.Int64
	in  [len(bucketMost) + 1]atomic.Uint64 // in each bucket, and not in those before
}

// observe counts d. One below zero, of clocks that differ, is 0.
func (ds *durations) observe(d time.Duration) {
	d = max(0, d)
	i, _ := slices.BinarySearch(bucketMost[:], d)
	ds.in[i].Add(1)
	ds.sum.Add(int64(d))
}

// addTo adds what was counted to sum, whose buckets are made if there are none.
func (ds *durations) addTo(sum *Durations) {
	if sum.Buckets == nil {
		sum.Buckets = make([]Bucket, len(bucketMost))
	}
	var n uint64
	for i := range ds.in {
		n += ds.in[i].Load()
		if i < len(bucketMost) {
			sum.Buckets[i].Most = bucketMost[i]
			sum.Buckets[i].N += n
		}
	}
	sum.Count += n
	sum.Sum += time.Duration(ds.sum.Load())
}
