package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/wye-org/wye/peers/internal/load"
	"github.com/wye-org/wye/peers/internal/report"
)

// write writes the report to path, and the charts into a folder beside it.
func (r *results) write(path string) error {
	p := report.NewPage(path)
	r.writeHead(p)
	r.writeGoals(p)
	r.writeRatios(p)
	r.writeMemory(p)
	r.writeThroughput(p)
	r.writeLatency(p)
	r.writeWhat(p)
	if err := r.writeCharts(p); err != nil {
		return err
	}
	return p.Write(path)
}

func (r *results) writeHead(p *report.Page) {
	p.Printf(`# What it costs

CPU time of the server, user and kernel, for each unit of work. The server has one
core for itself (GOMAXPROCS=1), the load comes from another. Written by

    cd peers && go run ./bench %s

in %s, on %s, with %s. %s

In every round each server does everything once, in changing order. Absolute times
differ from machine to machine and from hour to hour; what stays is the ratio between
servers in the same round, of which the median is shown. A figure in brackets is
**void**: the quartiles of its rounds are more than %.0f %% of the median apart, or there
were fewer than %d rounds. Less is better, but for throughput. What is not there is
a dash.

`, r.flags, r.took.Round(time.Second), load.Machine(), runtime.Version(), report.Busyness(r.neighbours), 100*report.Void, report.Enough)
}

// A verdict on a goal.
type verdict int

const (
	unmeasured verdict = iota // the server, or what it is held against, is missing
	void                      // the rounds disagree, or are too few
	missed
	reached
)

var verdicts = map[verdict]string{unmeasured: "not measured", void: "void", missed: "missed", reached: "reached"}

func judge(f report.Figure, most float64) verdict {
	switch {
	case f.Missing():
		return unmeasured
	case !f.OK():
		return void
	case f.Median > most:
		return missed
	}
	return reached
}

func (r *results) writeGoals(p *report.Page) {
	p.Printf(`## What is to be reached

The goals were set against uWebSockets. Where it is not to be had, %s stands for it in
plain work, which is stricter, as it checks nothing; and %s, which has uWebSockets
inside, where %s does no such work. That no message allocates on the echo paths is
not for a clock: a test counts it.

`, limit, standIn, limit)
	t := report.NewTable("work", "ours", "amount", "to the base", "to the best Go library")
	count := make(map[verdict]int)
	var misses []string
	cell := func(what string, f report.Figure, s string, most float64, wanted string) string {
		if most == 0 {
			if f.Missing() {
				return ""
			}
			return s
		}
		v := judge(f, most)
		count[v]++
		if v == missed {
			misses = append(misses, fmt.Sprintf("%s: %s, wanted %s", what, s, wanted))
			s = "**" + s + "**"
		}
		return fmt.Sprintf("%s %s (%s)", s, verdicts[v], wanted)
	}
	for _, goal := range goals {
		w, ok := r.workload(goal.workload)
		if !ok {
			continue
		}
		best := r.best(w)
		for _, name := range goal.ours {
			what := w.about + ", " + name
			amount, base, other := r.absolute(w, name), r.ratio(w, name, w.base), r.ratio(w, name, best)
			t.Row(w.about, name,
				cell(what, amount, w.amount(amount), goal.amount, "≤ "+w.amount(exact(goal.amount))),
				cell(what+", to "+w.base, base, base.Ratio(), goal.base, fmt.Sprintf("≤ %g of %s", goal.base, w.base)),
				cell(what+", to "+best, other, other.Ratio(), goal.best, strings.TrimSuffix(fmt.Sprintf("≤ %g of %s", goal.best, best), " of ")))
		}
	}
	p.Table(t)
	p.Printf("%d reached, %d missed, %d void, %d not measured.\n\n", count[reached], count[missed], count[void], count[unmeasured])
	if len(misses) > 0 {
		p.Printf("Missed:\n\n")
		p.List(misses)
	}
}

// exact is a figure that is no measurement.
func exact(x float64) report.Figure {
	return report.Figure{Median: x, Low: x, High: x, Rounds: report.Enough}
}

func (r *results) workload(name string) (workload, bool) {
	for _, w := range r.workloads {
		if w.name == name {
			return w, true
		}
	}
	return workload{}, false
}

// heading begins a table with a column for each contender.
func (r *results) heading(first ...string) *report.Table {
	for _, c := range r.contenders {
		first = append(first, c.kind.Name(c.name))
	}
	return report.NewTable(first...)
}

// row fills one, with a dash for who cannot do w.
func (r *results) row(t *report.Table, w workload, cell func(c contender) string, first ...string) {
	for _, c := range r.contenders {
		s := "–"
		if c.can(w) && !r.absolute(w, c.name).Missing() {
			s = cell(c)
		}
		first = append(first, s)
	}
	t.Row(first...)
}

func (r *results) writeRatios(p *report.Page) {
	p.Printf("## Server CPU, as a ratio\n\n")
	t := r.heading("work", "1 is")
	for _, w := range r.workloads {
		if !w.memory {
			base := w.base + ", " + w.amount(r.absolute(w, w.base))
			r.row(t, w, func(c contender) string { return r.ratio(w, c.name, w.base).Ratio() }, w.about, base)
		}
	}
	p.Table(t)
	p.Printf("## Server CPU for each unit\n\n")
	t = r.heading("work")
	for _, w := range r.workloads {
		if !w.memory {
			r.row(t, w, func(c contender) string { return r.absolute(w, c.name).Time() }, w.about)
		}
	}
	p.Table(t)
}

func (r *results) writeMemory(p *report.Page) {
	p.Printf("## Memory\n\nResident memory of the server for each connection; the kernel's part of it is in none\nof them: see [scale.md](scale.md).\n\n")
	t := r.heading("what")
	for _, w := range r.workloads {
		if w.memory {
			r.row(t, w, func(c contender) string { return r.absolute(w, c.name).Bytes() }, w.about)
		}
	}
	p.Table(t)
}

func (r *results) writeThroughput(p *report.Page) {
	p.Printf(`## Throughput

Units a second, of a server with one core. Where the load kept its own core busy for
more than %.0f %% of the time, marked †, the load is the bottleneck: such a throughput is
the least that the server can do. The CPU time above does not depend on that.

`, 100*saturated)
	t := r.heading("work")
	for _, w := range r.workloads {
		if !w.closed() {
			continue
		}
		r.row(t, w, func(c contender) string {
			s := report.Count(int(r.throughput(w, c.name).Median))
			if r.busy(w, c.name).Median > saturated {
				s += " †"
			}
			return s
		}, w.about)
	}
	p.Table(t)
}

func (r *results) writeLatency(p *report.Page) {
	for _, w := range r.workloads {
		if !w.open() {
			continue
		}
		p.Printf(`## Latency

%s: from when a message was **due** to its answer, so that a server
that stands still is charged with all that was due meanwhile. The last column is how
late the load itself was with one message in a hundred, which is in the others.
Medians of the rounds, with their quartiles.

`, w.about)
		t := report.NewTable("", "p50", "p99", "p99.9", "the load late, p99")
		for _, c := range r.contenders {
			if r.absolute(w, c.name).Missing() {
				continue
			}
			row := []string{c.name}
			for _, q := range percentiles {
				row = append(row, r.latency(w, c.name, q).Between())
			}
			t.Row(append(row, r.late(w, c.name, 99).Between())...)
		}
		p.Table(t)
	}
}

func (r *results) writeWhat(p *report.Page) {
	p.Printf("## What was done\n\n")
	t := report.NewTable("workload", "what it is", "unit", "base")
	for _, w := range r.workloads {
		t.Row(w.name, w.about, w.unit, w.base)
	}
	p.Table(t)
	t = report.NewTable("server", "what it is", "version")
	for _, c := range r.contenders {
		t.Row(c.name, c.about, c.version())
	}
	p.Table(t)
	p.Printf(`Before it counts, each server is sent three messages whose echoes have to be what was
sent, inflated where they are compressed. Not all of them check that text is UTF-8: see
[conformance-peers.md](conformance-peers.md). handshake includes the end of the connection.

`)
	if notes := r.notes(); len(notes) > 0 {
		p.Printf("Noticed in the run:\n\n")
		p.List(notes)
	}
}

// notes say what is missing, what failed, and what could not be done.
func (r *results) notes() []string {
	notes := append([]string(nil), r.missing...)
	for _, w := range r.workloads {
		for _, c := range r.contenders {
			if err := r.failures[[2]string{w.name, c.name}]; err != nil {
				notes = append(notes, fmt.Sprintf("%s, %s: %v", w.name, c.name, err))
			}
		}
	}
	return notes
}

func (r *results) writeCharts(p *report.Page) error {
	p.Printf("## Charts\n\n")
	for _, w := range r.workloads {
		label := "server CPU, µs a " + w.unit
		if w.memory {
			label = "KB a connection"
		}
		var bars []report.Bar
		for _, c := range r.contenders {
			if f := r.absolute(w, c.name); !f.Missing() {
				bars = append(bars, report.Bar{Name: c.name, Value: f.Median / 1e3, Kind: c.kind})
			}
		}
		if len(bars) == 0 {
			continue
		}
		svg, err := report.Bars(w.about, label, bars)
		if err != nil {
			return err
		}
		p.Chart(w.name, w.about, svg)
	}
	return nil
}
