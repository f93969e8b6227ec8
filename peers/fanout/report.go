package main

import (
	"fmt"
	"strings"

	"github.com/wye-org/wye/peers/internal/report"
)

// results are the figures of every round, by server, setup and what was measured.
type results struct {
	setups  []setup
	figures map[string][]float64
}

func newResults(setups []setup) *results { return &results{setups, map[string][]float64{}} }

func key(impl string, s setup, what string) string { return fmt.Sprint(impl, "|", s, "|", what) }

func (r *results) add(impl string, s setup, what string, x float64) {
	k := key(impl, s, what)
	r.figures[k] = append(r.figures[k], x)
}

// goals are the ratios to reach.
var goals = map[string]float64{"bytes": 0.3, cpuOf(1): 0.6, cpuOf(16): 0.6}

// page is docs/fanout.md, of a run with these flags.
func (r *results) page(flags string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# What a fan-out costs

One message of 128 bytes to many members, with wye's `+"`hub`"+` and with
github.com/centrifugal/centrifuge v0.38.0, the Go library. Both send the same bytes.
Written by

    cd peers && go run ./fanout %s

The server is a process of its own, on one core, with GOMAXPROCS=1. CPU is its time
in user and kernel mode; memory is heap and stacks in process, and resident memory
over loopback, where the kernel's share of a socket is in neither. In every round
all servers do everything, in changing order. The absolute figures are medians and
depend on the machine; what counts is the ratio within a round, of which there are
the median and, in brackets, the quartiles. A ratio whose quartiles are further
apart than %.0f %% of it is marked with ~: the machine was too busy to say it that
exactly. The dearest part of a send over loopback is to wake up who reads. A server
that sends faster than the load reads has nobody to wake up, so 10,000 members can
look cheaper than 1,000: of the loopback figures those of 1,000 say more. What the
kernel does outside of the process is in neither figure. centrifuge has its defaults,
with UseWriteBufferPool. "On a Loop" is wye with a websocket.Loop, whose members have
no goroutine, beside the same figures of centrifuge; the other rows over loopback are
wye with a goroutine for each connection.

| members | what | wye | centrifuge | ratio | goal |
|---|---|---|---|---|---|
`, flags, 100*report.Void)
	for _, s := range r.setups {
		r.rows(&b, s, "wye", "")
		if s.loopback {
			r.rows(&b, s, "wye-loop", ", on a Loop")
		}
	}
	return b.String()
}

// rows compares one of ours with the measure.
func (r *results) rows(b *strings.Builder, s setup, impl, how string) {
	for _, x := range []struct{ what, name string }{
		{cpuOf(1), "CPU a delivery, one message at a time"},
		{cpuOf(16), "CPU a delivery, 16 at once"},
		{"bytes", "bytes a member"},
	} {
		ours, theirs := r.figures[key(impl, s, x.what)], r.figures[key("centrifuge", s, x.what)]
		ratios := make([]float64, min(len(ours), len(theirs)))
		for i := range ratios {
			ratios[i] = ours[i] / theirs[i]
		}
		ratio := report.Summarize(ratios)
		unsure := ""
		if ratio.Spread() > report.Void {
			unsure = "~"
		}
		verdict := "reached"
		if ratio.Median > goals[x.what] {
			verdict = "missed"
		}
		unit := "ns"
		if x.what == "bytes" {
			unit = "B"
		}
		fmt.Fprintf(b, "| %s%s | %s | %.0f %s | %.0f %s | %s%.2f (%.2f–%.2f) | ≤ %.1f %s |\n",
			s, how, x.name, report.Summarize(ours).Median, unit, report.Summarize(theirs).Median, unit,
			unsure, ratio.Median, ratio.Low, ratio.High, goals[x.what], verdict)
	}
}
