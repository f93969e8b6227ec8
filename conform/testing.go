package conform

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"testing"
)

// An Option changes what TestServer and TestClient run.
type Option func(*testOptions)

type testOptions struct {
	only, except []string
	long         bool
	strict       bool
	fields       []Field
	tls          *tls.Config
}

// Only runs the cases that match a pattern, as [Select] reads it.
func Only(patterns ...string) Option {
	return func(o *testOptions) { o.only = append(o.only, patterns...) }
}

// Except leaves out the cases that match a pattern, as [Select] reads it.
func Except(patterns ...string) Option {
	return func(o *testOptions) { o.except = append(o.except, patterns...) }
}

// Long runs the long performance cases too.
func Long() Option { return func(o *testOptions) { o.long = true } }

// Strict has a nonstrict verdict fail the test, where it would only be logged.
func Strict() Option { return func(o *testOptions) { o.strict = true } }

// WithField sends a header field with every opening request to a server.
func WithField(name, value string) Option {
	return func(o *testOptions) { o.fields = append(o.fields, Field{name, value}) }
}

// WithTLS sets the TLS configuration for a wss: server.
func WithTLS(config *tls.Config) Option { return func(o *testOptions) { o.tls = config } }

func options(t testing.TB, end End, opts []Option) (o testOptions, cases []*Case) {
	t.Helper()
	for _, opt := range opts {
		opt(&o)
	}
	cases, err := Select(Catalogue(end), o.only, o.except)
	if err != nil {
		t.Fatal(err)
	}
	var kept []*Case
	for _, c := range cases {
		if o.long || !c.Long {
			kept = append(kept, c)
		}
	}
	return o, kept
}

// tell reports one result to a test.
func (o *testOptions) tell(t testing.TB, r Result) {
	t.Helper()
	switch {
	case r.Verdict == Fail || r.Verdict == Nonstrict && o.strict:
		t.Errorf("%s %s: %v: %s\n%s, %s\nexpected %s\ngot %s\n%s", r.Case.ID, r.Case.Title, r.Verdict, r.Reason, r.Case.Section, r.Case.Why, r.Expected, r.Got, wireWords(r.Wire))
	case r.Verdict == Nonstrict || r.Verdict == Informational:
		t.Logf("%s %s: %v: %s (%s)", r.Case.ID, r.Case.Title, r.Verdict, r.Reason, r.Case.Section)
	}
}

// wireWords is a log for a terminal, without the hex.
func wireWords(lines []LogLine) (s string) {
	for _, l := range lines {
		s += fmt.Sprintf("  %s %s\n", arrow(l.From), l.What)
	}
	return s
}

// TestServer tests the server at url, which has to echo every message, and
// returns the results. A failing case fails the test; an unimplemented one does
// not, and is to be found in what is returned.
func TestServer(t testing.TB, url string, opts ...Option) []Result {
	t.Helper()
	o, cases := options(t, Server, opts)
	run := ServerRun{URL: url, Cases: cases, Fields: o.fields, TLS: o.tls}
	results, err := run.Run(t.Context())
	if err != nil {
		t.Fatalf("conform: %v", err)
	}
	for _, r := range results {
		o.tell(t, r)
	}
	t.Logf("conform: %+v", Summarize(results))
	return results
}

// TestClient tests a client. drive is called once for every case, one call
// after the other: it connects to url, echoes every message until the
// connection ends, and returns. Its error is ignored but for the log, as most
// cases are there to make a client give up. Results are judged as in TestServer.
func TestClient(t testing.TB, drive func(url string) error, opts ...Option) []Result {
	t.Helper()
	o, cases := options(t, Client, opts)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("conform: %v", err)
	}
	came := make(chan Result, 1)
	run := ClientRun{Cases: cases, Report: func(r Result) {
		select {
		case came <- r:
		default: // a driver that comes more often than it was called
		}
	}}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- run.Serve(ctx, ln) }() // ended and awaited below
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("conform: %v", err)
		}
	}()
	for i, c := range cases {
		err := drive(fmt.Sprintf("ws://%s/runCase?case=%d&agent=test", ln.Addr(), i+1))
		waiting, stop := context.WithTimeout(t.Context(), c.bound()+DefaultBound)
		if r, ok := await(waiting, came, c); ok {
			o.tell(t, r)
		} else {
			t.Errorf("%s %s: the client did not come, or did not stay: %v", c.ID, c.Title, err)
		}
		stop()
	}
	results := run.Results()
	t.Logf("conform: %+v", Summarize(results))
	return results
}

// await takes the case's result and drops those of earlier ones that came late.
func await(ctx context.Context, came <-chan Result, c *Case) (Result, bool) {
	for {
		select {
		case r := <-came:
			if r.Case == c {
				return r, true
			}
		case <-ctx.Done():
			return Result{}, false
		}
	}
}
