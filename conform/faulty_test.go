package conform

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/wye-org/wye/conform/internal/faulty"
)

// runServer runs cases against a faulty server in memory, on a clock that
// stands still while somebody works.
func runServer(t *testing.T, fault faulty.Fault, cases []*Case) (results []Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		server := faulty.Endpoint{Fault: fault, State: new(faulty.State)}
		run := ServerRun{
			URL: "ws://endpoint.test/echo", Cases: cases, Parallel: 1,
			Dial: func(context.Context) (net.Conn, error) {
				ours, theirs := faulty.Pipe()
				wg.Go(func() { server.ServeConn(theirs) })
				return ours, nil
			},
		}
		var err error
		results, err = run.Run(t.Context())
		if err != nil {
			t.Errorf("%s: %v", fault, err)
		}
		wg.Wait()
	})
	return results
}

// runClient runs cases against a faulty client in memory.
func runClient(t *testing.T, fault faulty.Fault, cases []*Case) (results []Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		run := ClientRun{Cases: cases}
		ctx, cancel := context.WithCancel(t.Context())
		ln := faulty.Listen()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := run.Serve(ctx, ln); err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
		for i := range cases {
			conn, err := ln.Dial()
			if err != nil {
				t.Fatal(err)
			}
			// What the client thinks of a case is not of interest here.
			_ = faulty.Endpoint{Fault: fault}.Drive(conn, "endpoint.test", fmt.Sprintf("/runCase?case=%d&agent=faulty", i+1))
			synctest.Wait()
		}
		cancel()
		wg.Wait()
		results = run.Results()
	})
	return results
}

func quick(cases []*Case) []*Case {
	return slices.DeleteFunc(slices.Clone(cases), func(c *Case) bool { return c.Long })
}

func TestTheCorrectEndpointPasses(t *testing.T) {
	for _, end := range []End{Server, Client} {
		t.Run(end.String(), func(t *testing.T) {
			cases := quick(Catalogue(end))
			if raceEnabled { // the dear cases are the same code, for minutes
				cases = faultRow{}.cases(end)
			}
			run := runServer
			if end == Client {
				run = runClient
			}
			results := run(t, faulty.None, cases)
			if len(results) != len(cases) {
				t.Fatalf("%d results of %d cases", len(results), len(cases))
			}
			for _, r := range results {
				if r.Verdict == Pass || notForUs(end, r) {
					continue
				}
				t.Errorf("%s %s: %v\n%s\nexpected %s\ngot %s\n%s", r.Case.ID, r.Case.Title, r.Verdict, r.Reason, r.Expected, r.Got, wireText(r.Wire))
			}
		})
	}
}

func wireText(lines []LogLine) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "  %8v %-8s %s\n", l.At.Round(1e6), l.From, l.What)
	}
	return b.String()
}

// dear are the cases that take most of the time: they are held only against the
// faults whose rows name them.
var dear = []string{"9", "12", "13", "24.6", "26.1", "28.2"}

// cases picks the part of the catalogue that a row is held against.
func (row faultRow) cases(end End) []*Case {
	named := func(group string) bool {
		return slices.ContainsFunc(strings.Fields(row.server+" "+row.client), func(p string) bool {
			p = strings.TrimRight(p, "~?-")
			return p != same && (matchID(group, p) || matchID(p, group))
		})
	}
	return slices.DeleteFunc(Catalogue(end), func(c *Case) bool {
		if row.long {
			return c.Group() != 9
		}
		return c.Long || slices.ContainsFunc(dear, func(d string) bool { return matchID(d, c.ID) && !named(d) })
	})
}

// patterns are the row's for one end.
func (row faultRow) patterns(end End) string {
	if end == Client && row.client != same {
		return row.client
	}
	return row.server
}

// verdicts reads a row's patterns: what is expected of each case.
func verdicts(t *testing.T, patterns string, cases []*Case) map[string]Verdict {
	t.Helper()
	want := map[string]Verdict{}
	for _, p := range strings.Fields(patterns) {
		v := Fail
		switch p[len(p)-1] {
		case '~':
			v = Nonstrict
		case '?':
			v = Informational
		case '-':
			v = Unimplemented
		}
		p = strings.TrimRight(p, "~?-")
		found := false
		for _, c := range cases {
			if matchID(p, c.ID) {
				want[c.ID], found = v, true
			}
		}
		if !found {
			t.Errorf("the pattern %s matches no case", p)
		}
	}
	return want
}

// notForUs are the cases that the correct client makes impossible by what it
// offers, unless a row says otherwise.
func notForUs(end End, r Result) bool {
	return end == Client && r.Verdict == Unimplemented && slices.Contains([]string{"22.6.12", "22.6.13", "22.6.14"}, r.Case.ID)
}

// Every fault is switched on, at either end, and exactly the cases that the
// table names see it.
func TestEveryFaultIsSeenByExactlyItsCases(t *testing.T) {
	thin := 4 // every fault takes minutes: one in four, unless it is the gate
	switch {
	case testing.Short() || raceEnabled:
		thin = 12
	case os.Getenv("CI") == "true":
		thin = 1
	}
	for i, row := range faultTable {
		if i%thin != 0 {
			continue
		}
		for _, end := range []End{Server, Client} {
			run := runServer
			if end == Client {
				run = runClient
			}
			t.Run(fmt.Sprintf("%s/%s", end, row.fault), func(t *testing.T) {
				t.Parallel()
				cases := row.cases(end)
				want := verdicts(t, row.patterns(end), cases)
				results := run(t, row.fault, cases)
				if len(results) != len(cases) {
					t.Errorf("%d results of %d cases", len(results), len(cases))
				}
				for _, r := range results {
					if w := want[r.Case.ID]; r.Verdict != w && !(w == Pass && notForUs(end, r)) {
						t.Errorf("%s %s: %v, want %v\n%s\n%s", r.Case.ID, r.Case.Title, r.Verdict, w, r.Reason, wireText(r.Wire))
					}
				}
			})
		}
	}
}

// Every case is seen to fail by a fault of its own kind: one that fails cases
// all over the catalogue proves nothing of any.
func TestEveryCaseIsSeenToFail(t *testing.T) {
	for _, end := range []End{Server, Client} {
		all := Catalogue(end)
		seen := map[string]bool{}
		for _, row := range faultTable {
			want := verdicts(t, row.patterns(end), row.cases(end))
			groups := map[int]bool{}
			for _, c := range all {
				if want[c.ID] == Fail || want[c.ID] == Nonstrict || want[c.ID] == Informational {
					groups[c.Group()] = true
				}
			}
			if len(groups) > len(groupTitles)/2 {
				continue
			}
			for id, v := range want {
				// To be declined is no proof that a case can fail, but for
				// offers that have to be understood.
				if v != Pass && (v != Unimplemented || row.fault != faulty.NoDeflate && strings.HasPrefix(id, "22.")) {
					seen[id] = true
				}
			}
		}
		for _, c := range all {
			if !seen[c.ID] {
				t.Errorf("%s: no fault makes %s fail: %s", end, c.ID, c.Title)
			}
		}
	}
}

// The table has a row for every fault that the endpoint can have.
func TestEveryFaultIsInTheTable(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "internal/faulty/faulty.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		lit, ok := v.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil || text == "" {
			return true
		}
		names = append(names, v.Names[0].Name)
		if !slices.ContainsFunc(faultTable, func(row faultRow) bool { return row.fault == faulty.Fault(text) }) {
			t.Errorf("%s has no row", v.Names[0].Name)
		}
		return true
	})
	if len(names) != len(faultTable) {
		t.Errorf("%d faults and %d rows", len(names), len(faultTable))
	}
}
