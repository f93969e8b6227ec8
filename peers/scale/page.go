package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/wye-org/wye/peers/internal/load"
	"github.com/wye-org/wye/peers/internal/report"
)

// write writes the report to path, and the charts into a folder beside it.
func (r *results) write(path string) error {
	p := report.NewPage(path)
	r.writeHead(p)
	r.writeModel(p)
	if err := r.writeCharts(p); err != nil {
		return err
	}
	r.writeMillion(p)
	writeSettings(p)
	r.writeHow(p)
	writeBytes(p)
	return p.Write(path)
}

func (r *results) writeHead(p *report.Page) {
	p.Printf(`# What many connections cost

A server is given %s to %s connections, and then messages of 64 bytes, which it
sends back: %d of them under way at any time, on connections that take turns. It has one
core for itself (GOMAXPROCS=1); the clients are another process on another core. Written
by

    cd peers && go run ./scale %s

in %s, on %s, with %s. %s
Figures are medians of the rounds; absolute times differ from machine to machine and
from hour to hour.

`, report.Count(r.sizes[0]), report.Count(r.sizes[len(r.sizes)-1]), underWay,
		r.flags, r.took.Round(time.Second), load.Machine(), runtime.Version(), report.Busyness(r.neighbours))
	t := report.NewTable("server", "what it is")
	for _, c := range r.contenders {
		t.Row(c.name, c.about)
	}
	p.Table(t)
}

// writeModel says what the lines through the sizes are.
func (r *results) writeModel(p *report.Page) {
	last := len(r.sizes) - 1
	first, second, most := report.Count(r.sizes[0]), report.Count(r.sizes[1]), report.Count(r.sizes[last])
	p.Printf(`## What a connection costs

Memory grows in a straight line: a fixed part, and so much for each connection. The
last column is how far the size that is off the most is off the line of the process. An
idle connection has nothing queued, and the process holds no buffer for it.

`)
	t := report.NewTable("server", "the process, fixed", "each connection", "the kernel, each", "together", "to open one, CPU", "idle, CPU a second", "off the line")
	for _, c := range r.contenders {
		ours, kernel := r.line(c.name, ofMemory), r.line(c.name, ofKernel)
		t.Row(c.kind.Name(c.name), report.Bytes(ours.At0), report.Bytes(ours.Each), known(kernel.Each), report.Bytes(ours.Each+kernel.Each),
			r.at(c.name, last, ofOpen).Plain(report.Time), report.Summarize(r.idle[c.name]).Plain(report.Time),
			fmt.Sprintf("%.1f %%", 100*ours.Off))
	}
	p.Table(t)
	p.Printf(`The process's memory is what is resident after it gave back what it does not use. The
kernel's is that of the socket, its inode, directory entry and file, and epoll's entry,
by /proc/slabinfo, which only root may read; the clients' ends are on the same machine,
and a half is counted.

## What a message costs

The CPU time of the server, user and kernel, for one message that comes and goes back.
The more connections there are, the less of their sockets, and of what epoll and the
server know of them, is in the processor's caches; how much of that is felt from %s to
%s has a column. What the library adds to the kernel's part is the time in user
mode; how the time is divided is a sample.

`, second, most)
	t = report.NewTable("server", "at "+first, "at "+second, "at "+most, "from "+second+" on", "of it user mode", "a ping and its pong")
	for _, c := range r.contenders {
		low, high := r.at(c.name, 1, ofMessage), r.at(c.name, last, ofMessage)
		t.Row(c.kind.Name(c.name), r.at(c.name, 0, ofMessage).Plain(report.Time), low.Plain(report.Time), high.Plain(report.Time), fmt.Sprintf("× %.2f", high.Median/low.Median),
			fmt.Sprintf("%.0f %%", 100*r.userPart(c.name, last)), report.Summarize(r.ping[c.name]).Plain(report.Time))
	}
	p.Table(t)
	p.Printf("## By size\n\nIn brackets: the memory of the process right after it was busy.\n\n")
	t = report.NewTable("server", "connections", "the process", "the kernel, its ends", "queued", "to open one", "a message", "user mode")
	for _, c := range r.contenders {
		for i, n := range r.sizes {
			t.Row(c.kind.Name(c.name), report.Count(n),
				r.at(c.name, i, ofMemory).Plain(report.Bytes)+" ("+r.at(c.name, i, ofInUse).Plain(report.Bytes)+")",
				known(max(0, r.at(c.name, i, ofKernel).Median-r.line(c.name, ofKernel).At0)),
				r.at(c.name, i, ofBuffers).Plain(report.Bytes), r.at(c.name, i, ofOpen).Plain(report.Time),
				r.at(c.name, i, ofMessage).Between(), fmt.Sprintf("%.0f %%", 100*r.userPart(c.name, i)))
		}
	}
	p.Table(t)
}

// known is an amount of bytes, or a dash where it could not be read.
func known(n float64) string {
	if n == 0 {
		return "–"
	}
	return report.Bytes(n)
}

func (r *results) writeCharts(p *report.Page) error {
	for _, chart := range []struct {
		name, title, label string
		of                 func(point) float64
		unit               float64
	}{
		{"memory", "Memory of the process", "MB", ofMemory, 1e6},
		{"message", "Server CPU of a 64 B echo", "µs a message", ofMessage, 1e3},
	} {
		var curves []report.Curve
		for _, c := range r.contenders {
			x, y := r.medians(c.name, chart.of)
			for i := range y {
				y[i] /= chart.unit
			}
			curves = append(curves, report.Curve{Name: c.name, X: x, Y: y, Kind: c.kind})
		}
		svg, err := report.Curves(chart.title, "connections", chart.label, curves)
		if err != nil {
			return err
		}
		p.Chart(chart.name, chart.title, svg)
	}
	p.Printf("\n")
	return nil
}

func (r *results) writeHow(p *report.Page) {
	p.Printf(`## How it was measured

In every round each server starts anew, and is given more connections up to each size.
Then it gives back what it does not use and its memory is read, every connection has a
message, and then messages are counted for %s; after the last one nothing is said for
%s, and then the idle time is measured for as long. Where pings are measured another
server has -ping-interval %s; the other ones send none. The clients have an address of 127.0.0.0/8 for
each %s of them, because one address has 28,000 ports here.

`, r.length, calm, pingEvery, report.Count(perAddress))
}
