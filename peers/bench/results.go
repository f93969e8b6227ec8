package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// void is how far the quartiles of the ratios within the rounds may be apart, as
// a part of their median, for a figure to count.
const void = 0.10

// enough is how many rounds a figure needs.
const enough = 8

// results are all samples, by workload, server and round.
type results struct {
	workloads  []workload
	contenders []contender
	rounds     int
	length     time.Duration
	samples    map[[2]string][]*sample // nil where it failed
	failures   map[[2]string]error     // the last one
}

func newResults(w []workload, c []contender, rounds int, length time.Duration) *results {
	r := &results{w, c, rounds, length, make(map[[2]string][]*sample), make(map[[2]string]error)}
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

// value is what a sample says of its server: bytes for each unit, or
// nanoseconds.
func (s *sample) value() float64 {
	if s.bytes > 0 {
		return s.bytes
	}
	return float64(s.cpu) / float64(max(s.units, 1))
}

// A figure is the median of what the rounds say, and how far they agree.
type figure struct {
	median float64
	spread float64 // between the quartiles, as a part of the median
	rounds int
}

// ok says whether the figure counts.
func (f figure) ok() bool { return f.rounds >= enough && f.spread <= void }

func summarize(values []float64) figure {
	if len(values) == 0 {
		return figure{median: math.NaN()}
	}
	slices.Sort(values)
	m := quantile(values, 0.5)
	return figure{m, (quantile(values, 0.75) - quantile(values, 0.25)) / m, len(values)}
}

// quantile interpolates between the sorted values.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// absolute is what a unit costs.
func (r *results) absolute(w workload, c contender) figure {
	var values []float64
	for _, s := range r.samples[[2]string{w.name, c.name}] {
		if s != nil {
			values = append(values, s.value())
		}
	}
	return summarize(values)
}

// ratio is what a unit costs c for each of what it costs base in the same round.
func (r *results) ratio(w workload, c, base contender) figure {
	var values []float64
	of := r.samples[[2]string{w.name, c.name}]
	to := r.samples[[2]string{w.name, base.name}]
	for i := range of {
		if of[i] != nil && to[i] != nil && to[i].value() > 0 {
			values = append(values, of[i].value()/to[i].value())
		}
	}
	return summarize(values)
}

// toBest is the ratio to the cheapest of the Go libraries of others, and which
// that is.
func (r *results) toBest(w workload, c contender) (figure, string) {
	var best contender
	least := math.Inf(1)
	for _, peer := range r.contenders {
		if f := r.absolute(w, peer); peer.golang && f.median < least {
			least, best = f.median, peer
		}
	}
	return r.ratio(w, c, best), best.name
}

// busy is the generator's part of its core, at the median.
func (r *results) busy(w workload, c contender) float64 {
	var values []float64
	for _, s := range r.samples[[2]string{w.name, c.name}] {
		if s != nil {
			values = append(values, s.busy)
		}
	}
	return summarize(values).median
}

// latency is a percentile, at the median of the rounds.
func (r *results) latency(w workload, c contender, percentile float64) time.Duration {
	var values []float64
	for _, s := range r.samples[[2]string{w.name, c.name}] {
		if s != nil && s.latency != nil {
			values = append(values, float64(s.latency.ValueAtQuantile(percentile)))
		}
	}
	if len(values) == 0 {
		return 0
	}
	return time.Duration(summarize(values).median)
}

// cell is a figure as the tables show it: in brackets if it is void.
func (f figure) cell() string {
	switch {
	case math.IsNaN(f.median):
		return "–"
	case !f.ok():
		return fmt.Sprintf("(%.2f)", f.median)
	}
	return fmt.Sprintf("%.2f", f.median)
}

// amount is a value with its unit.
func (w workload) amount(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case w.name == "idle":
		return fmt.Sprintf("%.1f KB", v/1000)
	case v < 1e4:
		return fmt.Sprintf("%.2f µs", v/1e3)
	}
	return fmt.Sprintf("%.0f µs", v/1e3)
}

// print is the short form, for who waits for it.
func (r *results) print(out io.Writer) {
	base := r.contenders[0]
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, w := range r.workloads {
		fmt.Fprintf(t, "%s\t\t\n", w.about)
		for _, c := range r.contenders {
			line := []string{"  " + c.name, w.amount(r.absolute(w, c).median), r.ratio(w, c, base).cell()}
			if w.name == "latency" {
				line = append(line, r.latency(w, c, 50).String(), r.latency(w, c, 99).String(), r.latency(w, c, 99.9).String())
			}
			if err := r.failures[[2]string{w.name, c.name}]; err != nil {
				line = append(line, err.Error())
			}
			fmt.Fprintln(t, strings.Join(line, "\t"))
		}
	}
	t.Flush()
}
