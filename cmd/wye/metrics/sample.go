package metrics

import (
	"math"
	"runtime/metrics"
	"slices"
	"time"
)

// A Sample is the server at one moment. Counts go up from the start of the
// server, so that a sample that is missed takes nothing with it: a rate is the
// difference of two over that of their times. docs/dashboard.md describes it.
type Sample struct {
	Type        string           `json:"type"` // "sample"
	Time        int64            `json:"time"` // milliseconds since 1970
	Uptime      float64          `json:"uptime"`
	Connections []KindConns      `json:"connections"`
	Open        int64            `json:"open"` // the sum of Connections
	Received    Traffic          `json:"received"`
	Sent        Traffic          `json:"sent"`
	Handshakes  map[string]int64 `json:"handshakes"` // by result: "switched", "403"
	Heap        uint64           `json:"heap"`       // bytes of objects, live and not yet swept
	Memory      uint64           `json:"memory"`     // bytes that the runtime has from the system
	Goroutines  uint64           `json:"goroutines"`
	GC          GC               `json:"gc"`
	RTT         RTT              `json:"rtt"`
	Queue       int64            `json:"queue"` // bytes in write queues
}

// KindConns is how many connections of a [Kind] are open.
type KindConns struct {
	Carrier  string `json:"carrier"`
	Token    string `json:"token"`
	Endpoint string `json:"endpoint"`
	Open     int64  `json:"open"`
}

// Traffic is what went one way.
type Traffic struct {
	Messages int64 `json:"messages"`
	Bytes    int64 `json:"bytes"`
}

// GC is the garbage collector's part. MaxPause is the longest time that it
// stopped the program for since the sample before, in seconds, rounded up to the
// end of the runtime's class.
type GC struct {
	Cycles   uint64  `json:"cycles"`
	Pauses   uint64  `json:"pauses"`
	MaxPause float64 `json:"maxPause"`
}

// RTT are quantiles over the live connections that know theirs, in seconds.
type RTT struct {
	Known  int     `json:"known"` // how many do
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
	Max    float64 `json:"max"`
}

// What is asked of the runtime, in this order.
const (
	heapObjects = iota
	heapTotal
	goroutines
	gcCycles
	gcPauses
)

// A Sampler takes samples. It belongs to one goroutine.
type Sampler struct {
	meter   *Meter
	runtime []metrics.Sample
	pauses  []uint64 // of the runtime's histogram, at the last sample
	began   time.Time
}

// NewSampler returns a sampler of m, whose server began then.
func NewSampler(m *Meter, began time.Time) *Sampler {
	s := &Sampler{meter: m, began: began, runtime: []metrics.Sample{
		heapObjects: {Name: "/memory/classes/heap/objects:bytes"},
		heapTotal:   {Name: "/memory/classes/total:bytes"},
		goroutines:  {Name: "/sched/goroutines:goroutines"},
		gcCycles:    {Name: "/gc/cycles/total:gc-cycles"},
		gcPauses:    {Name: "/sched/pauses/total/gc:seconds"},
	}}
	s.readRuntime(new(Sample)) // the first sample's pauses are not those of the whole past
	return s
}

// Take returns the server as it is now.
func (s *Sampler) Take() Sample {
	now := time.Now()
	kinds, handshakes := s.meter.counts()
	sample := Sample{
		Type:        "sample",
		Time:        now.UnixMilli(),
		Uptime:      now.Sub(s.began).Seconds(),
		Connections: []KindConns{},
		Received:    s.meter.received.traffic(),
		Sent:        s.meter.sent.traffic(),
		Handshakes:  map[string]int64{"switched": 0},
	}
	for _, k := range kinds {
		if k.open != 0 {
			sample.Connections = append(sample.Connections, KindConns{k.Carrier, k.Token, k.Endpoint, k.open})
			sample.Open += k.open
		}
	}
	for status, n := range handshakes {
		sample.Handshakes[result(status)] = n
	}
	live := s.meter.look()
	sample.Queue, sample.RTT = live.Queued, quantiles(live.RTT)
	s.readRuntime(&sample)
	return sample
}

func (d *direction) traffic() Traffic {
	return Traffic{d.text.Load() + d.binary.Load(), d.bytes.Load()}
}

// quantiles sorts d.
func quantiles(d []time.Duration) RTT {
	if len(d) == 0 {
		return RTT{}
	}
	slices.Sort(d)
	at := func(q float64) float64 { return d[int(q*float64(len(d)-1))].Seconds() }
	return RTT{len(d), at(0.5), at(0.95), at(1)}
}

func (s *Sampler) readRuntime(to *Sample) {
	metrics.Read(s.runtime)
	number := func(i int) uint64 {
		if v := s.runtime[i].Value; v.Kind() == metrics.KindUint64 {
			return v.Uint64()
		}
		return 0 // a runtime that does not know it
	}
	to.Heap, to.Memory, to.Goroutines, to.GC.Cycles = number(heapObjects), number(heapTotal), number(goroutines), number(gcCycles)
	if v := s.runtime[gcPauses].Value; v.Kind() == metrics.KindFloat64Histogram {
		h := v.Float64Histogram()
		to.GC.Pauses, to.GC.MaxPause = newPauses(h.Counts, s.pauses, h.Buckets)
		s.pauses = append(s.pauses[:0], h.Counts...)
	}
}

// newPauses returns how many there were in all, and the end of the highest class
// that has more than before.
func newPauses(counts, before []uint64, bounds []float64) (total uint64, longest float64) {
	for i, n := range counts {
		total += n
		if i < len(before) && n == before[i] || n == 0 {
			continue
		}
		if longest = bounds[i+1]; math.IsInf(longest, 0) {
			longest = bounds[i] // the last class has no end
		}
	}
	return total, longest
}
