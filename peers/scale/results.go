package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/wye-org/wye/peers/internal/report"
)

// results are all points, by server, size and round.
type results struct {
	setup
	contenders []contender
	points     map[string][][]point
	idle       map[string][]float64 // nanoseconds of CPU a second and connection, by round
	ping       map[string][]float64 // nanoseconds of CPU for a ping and its pong, by round

	flags      string  // as they are typed
	failures   []error // of pings, without which the rest stands
	took       time.Duration
	neighbours float64 // the part of all cores that other processes had meanwhile
}

func newResults(who []contender, s setup) *results {
	r := &results{setup: s, contenders: who, points: make(map[string][][]point), idle: make(map[string][]float64), ping: make(map[string][]float64)}
	for _, c := range who {
		r.points[c.name] = make([][]point, len(s.sizes))
	}
	return r
}

// What a point says. The kernel's memory is counted with the clients' ends, which
// are the same again on this machine; the server's are a half.
var (
	ofOpen    = func(p point) float64 { return float64(p.open) }
	ofMemory  = func(p point) float64 { return float64(p.memory) }
	ofInUse   = func(p point) float64 { return float64(p.inUse) }
	ofKernel  = func(p point) float64 { return float64(p.sockets) / 2 }
	ofBuffers = func(p point) float64 { return float64(p.buffers) / 2 }
	ofMessage = func(p point) float64 { return float64(p.message) }
)

// at is the figure of a size.
func (r *results) at(name string, size int, of func(point) float64) report.Figure {
	var values []float64
	for _, p := range r.points[name][size] {
		values = append(values, of(p))
	}
	return report.Summarize(values)
}

// medians are those of all sizes.
func (r *results) medians(name string, of func(point) float64) (x, y []float64) {
	for i, n := range r.sizes {
		x = append(x, float64(n))
		y = append(y, r.at(name, i, of).Median)
	}
	return x, y
}

// line is the line through them; 0 if they could not be measured.
func (r *results) line(name string, of func(point) float64) report.Line {
	x, y := r.medians(name, of)
	if slices.Contains(y, 0) {
		return report.Line{}
	}
	return report.Fit(x, y)
}

// userPart is the part of a message's CPU time that is spent in user mode, which
// is where the library is.
func (r *results) userPart(name string, size int) float64 {
	var user, all time.Duration
	for _, p := range r.points[name][size] {
		user += p.user
		all += p.user + p.kernel
	}
	if all == 0 {
		return 0
	}
	return float64(user) / float64(all)
}

// print is the short form, for who waits for it.
func (r *results) print(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "server\tconnections\tmemory\tin use\tkernel\tqueued\topen\tmessage\tuser")
	for _, c := range r.contenders {
		for i, n := range r.sizes {
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f %%\n", c.name, n,
				report.Bytes(r.at(c.name, i, ofMemory).Median), report.Bytes(r.at(c.name, i, ofInUse).Median),
				report.Bytes(r.at(c.name, i, ofKernel).Median), report.Bytes(r.at(c.name, i, ofBuffers).Median),
				report.Time(r.at(c.name, i, ofOpen).Median), report.Time(r.at(c.name, i, ofMessage).Median), 100*r.userPart(c.name, i))
		}
		fmt.Fprintf(t, "%s\tidle\t%s a connection and second\tping\t%s\n", c.name,
			report.Summarize(r.idle[c.name]).Plain(report.Time), report.Summarize(r.ping[c.name]).Plain(report.Time))
	}
	t.Flush()
}
