package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wye-org/wye/conform"
)

// exitNonconforming is wye conform's code where a case fails or none ran.
const exitNonconforming = 9

// conformOptions are the flags of wye conform.
type conformOptions struct {
	listen     string
	only       []string
	except     []string
	quick      bool
	list       bool
	json       bool
	out        string
	parallel   int
	authorized string
	insecure   bool
	headers    []string
	carrier    string
}

func newConform(std stdio) *cobra.Command {
	var o conformOptions
	cmd := &cobra.Command{
		Use:   "conform [URL]",
		Short: "Test how a WebSocket server or client keeps to RFC 6455 and RFC 7692",
		Long: `Test how a WebSocket server or client keeps to RFC 6455 and RFC 7692.

With a URL the server there is tested: it has to echo every message. With --listen
clients are tested: they connect to ws://ADDR/runCase?case=N&agent=NAME, echo every
message, and come again for the next case, as drivers of Autobahn|Testsuite do
(/getCaseCount, /getCaseInfo, /getCaseStatus, /updateReports, /stopServer). A client
whose offer of permessage-deflate is missing or declined gets "unimplemented" there.

Verdicts: pass; nonstrict (a SHOULD is broken, or the peer's time wasted);
informational (the RFC leaves the choice free); unimplemented (an optional feature
was declined); fail (a MUST is broken). The exit code is 9 if a case fails or none ran.

The suite sends malformed frames and floods. A server that is neither on this machine
nor on a private network is only tested if --authorized names its host.`,
		Example: `  wye conform ws://127.0.0.1:8080/echo --quick --out report
  wye conform ws://127.0.0.1:8080/echo --case 6 --case 7.9 --exclude 6.4
  wye conform wss://127.0.0.1:8443/echo --carrier h2 --insecure
  wye conform --listen 127.0.0.1:9001 --out report`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signals(cmd.Context())
			defer stop()
			return conformance(ctx, o, args, std)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "", "`address` to wait for clients on; port 0 takes a free one")
	f.StringArrayVar(&o.only, "case", nil, "run only the cases of this `id`; 6, 6.4 and 6.*.1 are fine (repeatable)")
	f.StringArrayVar(&o.except, "exclude", nil, "leave out the cases of this `id` (repeatable)")
	f.BoolVar(&o.quick, "quick", false, "leave out the long performance cases")
	f.BoolVar(&o.list, "list", false, "list the cases and run none")
	f.BoolVar(&o.json, "json", false, "print a line of JSON for every case, and one with the counts")
	f.StringVar(&o.out, "out", "", "write report.html, report.jsonl and junit.xml into this `directory`")
	f.IntVar(&o.parallel, "parallel", 4, "most connections at once at a `number`, to a server")
	f.StringVar(&o.authorized, "authorized", "", "a `host` elsewhere whose owner agreed to be tested")
	f.BoolVar(&o.insecure, "insecure", false, "accept any certificate of a wss: server")
	f.StringVar(&o.carrier, "carrier", "h1", "`version` of HTTP to reach a server by: h1 or h2")
	f.StringArrayVar(&o.headers, "header", nil, "`\"Name: value\"` to send with every opening request (repeatable)")
	return cmd
}

func conformance(ctx context.Context, o conformOptions, args []string, std stdio) error {
	end := conform.Server
	if o.listen != "" {
		end = conform.Client
	}
	usage := func(text string) error { return &exitError{exitUsage, errors.New(text)} }
	switch {
	case end == conform.Client && len(args) > 0:
		return usage("give a URL to test a server or --listen to test clients, not both")
	case end == conform.Client && o.carrier != "h1":
		return usage("--carrier is for testing a server: clients choose theirs")
	case end == conform.Server && len(args) == 0 && !o.list:
		return usage("nothing to test: give a server's URL, such as ws://127.0.0.1:8080/echo, or --listen 127.0.0.1:9001 for clients")
	case o.parallel < 1:
		return usage("--parallel needs a number from 1 up")
	}
	cases, err := conform.Select(conform.Catalogue(end), o.only, o.except)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if o.quick {
		cases = withoutLong(cases)
	}
	if o.list {
		return listCases(cases, std)
	}
	if len(cases) == 0 {
		return &exitError{exitNonconforming, errors.New("no case is left to run")}
	}
	p := newProgress(o.json, len(cases), std)
	report := conform.Report{End: end, Began: time.Now()}
	if end == conform.Server {
		err = testServer(ctx, o, args[0], cases, &report, p)
	} else {
		err = testClients(ctx, o, cases, &report, p, std)
	}
	if err != nil {
		return err
	}
	report.Took = time.Since(report.Began)
	return p.finish(&report, o.out)
}

func withoutLong(cases []*conform.Case) (short []*conform.Case) {
	for _, c := range cases {
		if !c.Long {
			short = append(short, c)
		}
	}
	return short
}

func listCases(cases []*conform.Case, std stdio) error {
	group := 0
	for _, c := range cases {
		if g := c.Group(); g != group {
			group = g
			fmt.Fprintf(std.out, "\n%d %s\n", g, conform.GroupTitle(g))
		}
		long := ""
		if c.Long {
			long = " (long)"
		}
		if _, err := fmt.Fprintf(std.out, "  %-8s %-18s %s%s\n", c.ID, c.Section, c.Title, long); err != nil {
			return &exitError{exitFail, err}
		}
	}
	return nil
}

// testServer runs the cases against the server at target.
func testServer(ctx context.Context, o conformOptions, target string, cases []*conform.Case, report *conform.Report, p *progress) error {
	fields, err := parseHeaders(o.headers)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	report.Target = publicURL(target)
	config := &tls.Config{InsecureSkipVerify: o.insecure}
	open, done, err := o.openBy(target, config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer done()
	run := conform.ServerRun{
		URL: target, Cases: cases, Parallel: o.parallel, Fields: fields, Authorized: o.authorized,
		TLS: config, Open: open, Report: p.result,
	}
	report.Results, err = run.Run(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // what ran is still told
		report.Partial = true
		return nil
	}
	var refused *conform.UnauthorizedError
	if errors.As(err, &refused) {
		return &exitError{exitUsage, fmt.Errorf("%s is neither on this machine nor on a private network: if its owner agreed to this test say so with --authorized %[1]s", refused.Host)}
	}
	return &exitError{exitNonconforming, fmt.Errorf("no case ran: %w", err)}
}

// publicURL is a URL without what may be secret in it.
func publicURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "the server"
	}
	u.User = nil
	u.RawQuery = ""
	return u.String()
}

func parseHeaders(lines []string) (fields []conform.Field, err error) {
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.ContainsAny(line, "\r\n") || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("--header %q is not of the form \"Name: value\"", line)
		}
		fields = append(fields, conform.Field{Name: name, Value: strings.Trim(value, " \t")})
	}
	return fields, nil
}

// testClients waits for clients until a signal or /stopServer.
func testClients(ctx context.Context, o conformOptions, cases []*conform.Case, report *conform.Report, p *progress, std stdio) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return &exitError{exitFail, fmt.Errorf("cannot listen for clients: %w", err)}
	}
	report.Target = "clients at " + ln.Addr().String()
	fmt.Fprintf(std.err, "waiting for clients on ws://%s\n", ln.Addr())
	run := conform.ClientRun{Cases: cases, Report: p.result}
	run.Update = func(agent string) { // a driver that is done wants its report now
		r := *report
		r.Results, r.Took = run.Results(), time.Since(report.Began)
		p.update(&r, agent, o.out)
	}
	err = run.Serve(ctx, ln)
	report.Results = run.Results()
	if err != nil {
		return &exitError{exitFail, err}
	}
	return nil
}
