package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wye-org/wye/peers/internal/report"
)

// results are all samples, by workload, server and round.
type results struct {
	workloads  []workload
	contenders []contender
	rounds     int
	length     time.Duration
	samples    map[[2]string][]*sample // nil where it failed
	failures   map[[2]string]error     // the last one

	flags      string   // as they are typed
	missing    []string // contenders, and why
	took       time.Duration
	neighbours float64 // the part of all cores that other processes had meanwhile
}

func newResults(w []workload, c []contender, rounds int, length time.Duration) *results {
	r := &results{
		workloads: w, contenders: c, rounds: rounds, length: length,
		samples: make(map[[2]string][]*sample), failures: make(map[[2]string]error),
	}
	for _, w := range w {
		for _, c := range c {
			r.samples[[2]string{w.name, c.name}] = make([]*sample, rounds)
		}
	}
	return r
}

func (r *results) add(round int, w workload, c contender, s sample, err error) {
	key := [2]string{w.name, c.name}
	if err != nil {
		r.failures[key] = err
		return
	}
	r.samples[key][round] = &s
}

// each summarizes what value says of every round that has a sample.
func (r *results) each(w workload, name string, value func(*sample) float64) report.Figure {
	var values []float64
	for _, s := range r.samples[[2]string{w.name, name}] {
		if s != nil {
			values = append(values, value(s))
		}
	}
	return report.Summarize(values)
}

// value is what a sample of w says of its server: bytes for each unit, or
// nanoseconds.
func (w workload) value(s *sample) float64 {
	if w.memory {
		return s.bytes
	}
	return float64(s.cpu) / float64(max(s.units, 1))
}

// absolute is what a unit costs.
func (r *results) absolute(w workload, name string) report.Figure {
	return r.each(w, name, w.value)
}

// ratio is what a unit costs the one for each of what it costs base in the same
// round.
func (r *results) ratio(w workload, name, base string) report.Figure {
	var values []float64
	of := r.samples[[2]string{w.name, name}]
	to := r.samples[[2]string{w.name, base}]
	for i := range min(len(of), len(to)) {
		if of[i] != nil && to[i] != nil && w.value(to[i]) > 0 {
			values = append(values, w.value(of[i])/w.value(to[i]))
		}
	}
	return report.Summarize(values)
}

// best is the cheapest of the Go libraries of others; empty if there is none.
func (r *results) best(w workload) string {
	name, least := "", math.Inf(1)
	for _, c := range r.contenders {
		if f := r.absolute(w, c.name); c.golang && f.Median < least {
			name, least = c.name, f.Median
		}
	}
	return name
}

// throughput is in units a second, and busy the generator's part of its core.
func (r *results) throughput(w workload, name string) report.Figure {
	return r.each(w, name, func(s *sample) float64 { return float64(s.units) / s.took.Seconds() })
}

func (r *results) busy(w workload, name string) report.Figure {
	return r.each(w, name, func(s *sample) float64 { return s.busy })
}

// saturated is where the generator's part of its core says that the load, and not
// the server, limits the throughput.
const saturated = 0.95

// latency is a percentile of the answers, and late one of the load's own delay.
func (r *results) latency(w workload, name string, percentile float64) report.Figure {
	return r.each(w, name, func(s *sample) float64 { return float64(s.latency.ValueAtQuantile(percentile)) })
}

func (r *results) late(w workload, name string, percentile float64) report.Figure {
	return r.each(w, name, func(s *sample) float64 { return float64(s.late.ValueAtQuantile(percentile)) })
}

// amount is a figure with its unit.
func (w workload) amount(f report.Figure) string {
	if w.memory {
		return f.Bytes()
	}
	return f.Time()
}

// open says whether the workload is one with a plan, which has latencies.
func (w workload) open() bool { return w.name == "latency" }

// closed says whether it has a throughput: the load waits for the server.
func (w workload) closed() bool { return !w.memory && !w.open() }

// print is the short form, for who waits for it.
func (r *results) print(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, w := range r.workloads {
		best := r.best(w)
		fmt.Fprintf(t, "%s\t\tto %s\tto %s\n", w.about, w.base, best)
		for _, c := range r.contenders {
			if !c.can(w) {
				continue
			}
			line := []string{"  " + c.name, w.amount(r.absolute(w, c.name)), r.ratio(w, c.name, w.base).Ratio(), r.ratio(w, c.name, best).Ratio()}
			if w.open() {
				for _, p := range percentiles {
					line = append(line, r.latency(w, c.name, p).Time())
				}
			}
			if err := r.failures[[2]string{w.name, c.name}]; err != nil {
				line = append(line, err.Error())
			}
			fmt.Fprintln(t, strings.Join(line, "\t"))
		}
	}
	t.Flush()
}

// percentiles that are shown of a latency.
var percentiles = []float64{50, 99, 99.9}
