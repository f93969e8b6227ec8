package conform

import (
	"context"
	"fmt"
	"net"
	"slices"
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
		run := ServerRun{
			URL: "ws://endpoint.test/echo", Cases: cases, Parallel: 1,
			Dial: func(context.Context) (net.Conn, error) {
				ours, theirs := faulty.Pipe()
				wg.Go(func() { faulty.Endpoint{Fault: fault}.ServeConn(theirs) })
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
			run := runServer
			if end == Client {
				run = runClient
			}
			results := run(t, faulty.None, cases)
			if len(results) != len(cases) {
				t.Fatalf("%d results of %d cases", len(results), len(cases))
			}
			for _, r := range results {
				if r.Verdict == Pass || end == Client && r.Verdict == Unimplemented && strings.HasPrefix(r.Case.ID, "22.6.") {
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
