package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/wye-org/wye/peers/internal/load"
	"github.com/wye-org/wye/peers/internal/report"
)

// A ratio is taken within a round: a machine that is slower in one does not
// change it.
func TestRatioIsWithinRounds(t *testing.T) {
	w := workload{name: "w"}
	a, b := contender{name: "a"}, contender{name: "b", golang: true}
	r := newResults([]workload{w}, []contender{a, b}, 9, time.Second)
	for round := range 8 {
		slow := time.Duration(1 + round%3)
		r.add(round, w, a, sample{units: 10, cpu: 100 * slow}, nil)
		r.add(round, w, b, sample{units: 10, cpu: 250 * slow}, nil)
	}
	r.add(8, w, a, sample{}, errors.New("it ended"))
	r.add(8, w, b, sample{units: 10, cpu: 1}, nil)
	if f := r.ratio(w, "b", "a"); f.Median != 2.5 || f.Spread() != 0 || f.Rounds != 8 || !f.OK() {
		t.Errorf("ratio %+v, want 2.5 in 8 rounds that agree", f)
	}
	if f := r.absolute(w, "a"); f.OK() {
		t.Errorf("absolute %+v counts, want void: its rounds differ", f)
	}
	if name := r.best(w); name != "b" {
		t.Errorf("the best library is %q, want b", name)
	}
	if f := r.ratio(w, "a", r.best(w)); f.Median != 0.4 {
		t.Errorf("to the best library: %v, want 0.4", f)
	}
	if f := r.ratio(w, "a", "nobody"); !f.Missing() {
		t.Errorf("to nobody: %+v", f)
	}
}

// Of several Go libraries the cheapest is the best; ours and the limit are none.
func TestBest(t *testing.T) {
	w := workload{name: "w"}
	who := []contender{{name: "limit", kind: report.Limit}, {name: "ours", kind: report.Ours}, {name: "dear", golang: true}, {name: "cheap", golang: true}, {name: "absent", golang: true}}
	r := newResults([]workload{w}, who, 1, time.Second)
	for i, c := range who[:4] {
		r.add(0, w, c, sample{units: 1, cpu: []time.Duration{1, 2, 9, 5}[i]}, nil)
	}
	if name := r.best(w); name != "cheap" {
		t.Errorf("the best is %q, want cheap", name)
	}
}

func TestJudge(t *testing.T) {
	steady := func(x float64) report.Figure { return exact(x) }
	for _, tt := range []struct {
		f    report.Figure
		want verdict
	}{
		{steady(1.0), reached},
		{steady(1.05), reached}, // at most
		{steady(1.06), missed},
		{report.Summarize([]float64{1}), void},
		{report.Summarize(nil), unmeasured},
	} {
		if got := judge(tt.f, 1.05); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.f, verdicts[got], verdicts[tt.want])
		}
	}
}

// Every goal is of a workload and of contenders that there are.
func TestGoals(t *testing.T) {
	r := newResults(workloads, contenders, 1, time.Second)
	kinds := make(map[string]report.Kind)
	for _, c := range contenders {
		kinds[c.name] = c.kind
	}
	for _, w := range workloads {
		if _, ok := kinds[w.base]; !ok {
			t.Errorf("%s is held against %q, who is not there", w.name, w.base)
		}
	}
	for _, g := range goals {
		if _, ok := r.workload(g.workload); !ok {
			t.Errorf("there is no workload %q", g.workload)
		}
		for _, name := range g.ours {
			if kinds[name] != report.Ours {
				t.Errorf("%q is not ours", name)
			}
		}
		if g.base == 0 && g.best == 0 && g.amount == 0 {
			t.Errorf("%s: no goal", g.workload)
		}
	}
}

// made is a run with figures that are known: our loop reaches what it is to, our
// Conn misses, gws is void, coder fails.
func made(t *testing.T) *results {
	t.Helper()
	who, err := report.Choose(contenders, "c-epoll,wye-loop-http,wye-conn,gws,coder,bun", func(c contender) string { return c.name })
	if err != nil {
		t.Fatal(err)
	}
	r := newResults(workloads, who, 8, time.Second)
	r.took, r.neighbours, r.flags = 90*time.Second, 0.02, "-rounds 8 -time 1s"
	r.missing = []string{"node-ws: it is not installed"}
	cost := map[string]float64{"c-epoll": 1, "wye-loop-http": 0.3, "wye-conn": 3, "gws": 4, "bun": 1.2}
	for _, w := range workloads {
		for _, c := range who {
			if !c.can(w) {
				continue
			}
			if c.name == "coder" {
				r.add(0, w, c, sample{}, errors.New("it | broke"))
				continue
			}
			for round := range 8 {
				x := cost[c.name]
				if c.name == "gws" && round%2 == 1 {
					x *= 2
				}
				s := sample{units: 1000, cpu: time.Duration(x * 1e6), took: time.Second, busy: 0.5, bytes: x * 2000}
				if c.name == "c-epoll" {
					s.busy = 0.99
				}
				if w.open() {
					s.latency, s.late = hdrhistogram.New(1, int64(longest), 3), hdrhistogram.New(1, int64(longest), 3)
					for i := range 1000 {
						_ = s.latency.RecordValue(int64(i+1) * 1000)
						_ = s.late.RecordValue(int64(i + 1))
					}
				}
				r.add(round, w, c, s, nil)
			}
		}
	}
	return r
}

func TestPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	r := made(t)
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, want := range []string{
		"cd peers && go run ./bench -rounds 8 -time 1s\n",
		"in 1m30s, on ",
		"Other processes had 2 % of the cores meanwhile: the machine was quiet.",
		"| 64 B echo, 100 connections, one message under way on each | wye-loop-http | 300 ns | 0.30 reached (≤ 1.02 of c-epoll) | (0.056) void (≤ 0.6 of gws) |\n",
		"| 64 B echo, 100 connections, one message under way on each | wye-conn | 3.00 µs | **3.00** missed (≤ 1.3 of c-epoll) | (0.56) void (≤ 0.75 of gws) |\n",
		"| memory of an idle connection, 5,000 of them | wye-loop-http | 600 B reached (≤ 700 B) | 0.25 | (0.056) |\n",
		"| memory of an idle connection, 5,000 of them | wye-loop | – not measured (≤ 400 B) |  |  |\n",
		"| connect, handshake, reset, one after the other | wye-loop-http | 300 ns reached (≤ 75.0 µs) | 0.25 | (0.056) void (≤ 1 of gws) |\n",
		"- 64 B echo, 100 connections, one message under way on each, wye-conn, to c-epoll: 3.00, wanted ≤ 1.3 of c-epoll\n",
		"| 64 B echo, 1,000 connections | c-epoll, 1.00 µs | 1.00 | 0.30 | 3.00 | (6.00) | – | 1.20 |\n",
		"| 64 B echo, 1,000 connections | 1.00 µs | 300 ns | 3.00 µs | (6.00 µs) | – | 1.20 µs |\n",
		"| memory of an idle connection, 5,000 of them | 2.00 KB | 600 B | 6.00 KB | (12.0 KB) | – | 2.40 KB |\n",
		"| 64 B echo, 1,000 connections | 1,000 † | 1,000 | 1,000 | 1,000 | – | 1,000 |\n",
		"| 1 KiB JSON echo, compressed, each message for itself, 100 connections | bun, 1.20 µs | – | 0.25 | 2.50 | (5.00) | – | 1.00 |\n",
		"| gws | 500 µs (500 µs – 500 µs) | 990 µs (990 µs – 990 µs) | 999 µs (999 µs – 999 µs) | 990 ns (990 ns – 990 ns) |\n",
		"- node-ws: it is not installed\n",
		"- idle, coder: it | broke\n",
		"![1 MiB echo, 10 connections](benchmarks/echo-1m.svg)\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "%!") {
		t.Error("the page has what no reader should see")
	}
	checkTables(t, page)
	for _, w := range workloads {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "benchmarks", w.name+".svg")); err != nil {
			t.Errorf("no chart: %v", err)
		}
	}
}

// checkTables wants the same number of cells in all rows of a table.
func checkTables(t *testing.T, page string) {
	t.Helper()
	cells := 0
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") - 1
		if cells != 0 && n != cells {
			t.Errorf("%d cells, want %d: %s", n, cells, line)
		}
		cells = n
	}
}

// A page of nothing is a page.
func TestPageOfFailures(t *testing.T) {
	r := newResults(workloads, contenders, 8, time.Second)
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(b), "NaN") || strings.Contains(string(b), "%!") {
		t.Errorf("%v, or the page has what no reader should see", err)
	}
	checkTables(t, string(b))
}

// What cannot be started is left out, and said.
func TestCan(t *testing.T) {
	nct, plain := workload{}, workload{}
	nct.target.Deflate = load.NoTakeover
	for _, tt := range []struct {
		c    contender
		w    workload
		want bool
	}{
		{contender{}, plain, true},
		{contender{}, nct, false},
		{contender{deflate: []load.Deflate{load.Takeover}}, nct, false},
		{contender{deflate: both}, nct, true},
	} {
		if got := tt.c.can(tt.w); got != tt.want {
			t.Errorf("%v, %q: %t, want %t", tt.c.deflate, tt.w.target.Deflate, got, tt.want)
		}
	}
}
