// Command interop runs wye's server against other libraries' clients, and wye's
// client against their servers, each directly and through proxies, and writes
// docs/interop.md. It runs in the folder peers:
//
//	go run ./interop
//
// Node's ws needs `npm ci` in the folder node, the others the packages
// python3-websockets, python3-aiohttp and nginx; package internal/interop names
// what the upgrades to h2c and TLS need. What is not there is named and
// left out, and then nothing is written; with CI=true that is a failure.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	out := flag.String("out", "../docs/interop.md", "the file to write")
	only := flag.String("only", "", "run this peer alone, and write nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		stop()
		os.Exit(1)
	}
}

// A pairing is a row of the table: a peer that meets our other end.
type pairing struct {
	peer    string
	version string
	results func(ctx context.Context, r route) ([]verdict, error) // one for each of cases
}

func run(ctx context.Context, out, only string) error {
	pairs, missing := pairings(only)
	if only == "" {
		missing = append(missing, missingPrograms()...)
	}
	routes := []route{direct()}
	for _, start := range []func() (route, error){nginx, reverseProxy} {
		r, err := start()
		if err != nil {
			missing = append(missing, fmt.Sprintf("a proxy: %v", err))
			continue
		}
		defer r.stop()
		routes = append(routes, r)
	}
	for _, m := range missing {
		fmt.Fprintln(os.Stderr, "skipped, for it is not there:", m)
	}
	if len(missing) > 0 && os.Getenv("CI") == "true" {
		return errors.New("programs are missing")
	}
	var doc bytes.Buffer
	fails := 0
	writeIntroduction(&doc)
	for _, d := range []struct {
		title string
		pairs []pairing
	}{{"wye's server, and the clients of others", pairs.clients}, {"wye's client, and the servers of others", pairs.servers}} {
		for _, r := range routes {
			var rows []row
			for _, p := range d.pairs {
				began := time.Now()
				verdicts, err := p.results(ctx, r)
				if err == nil {
					err = ctx.Err() // of a run that was ended nothing is written
				}
				if err != nil {
					return fmt.Errorf("%s, %s, %s: %w", d.title, r.name, p.peer, err)
				}
				rows = append(rows, row{p, verdicts})
				fails += report(d.title, r, p, verdicts)
				fmt.Fprintf(os.Stderr, "%s, %s, %s: %.1f s\n", d.title, r.name, p.peer, time.Since(began).Seconds())
			}
			writeTable(&doc, d.title+", "+r.name, rows)
		}
	}
	if only == "" {
		more, err := writeUpgrades(ctx, &doc)
		if err != nil {
			return err
		}
		fails += more
	}
	if only == "" && len(missing) == 0 {
		if err := os.WriteFile(out, doc.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if fails > 0 {
		return fmt.Errorf("%d failed", fails)
	}
	return nil
}

// report prints what failed, and returns how many did.
func report(title string, r route, p pairing, verdicts []verdict) (fails int) {
	for i, v := range verdicts {
		if v.kind == fail {
			fails++
			fmt.Fprintf(os.Stderr, "FAIL %s, %s, %s, %s: %s\n", title, r.name, p.peer, cases[i].title, v.note)
		}
	}
	return fails
}

type allPairings struct{ clients, servers []pairing }

// pairings lists what is there, and names what is not.
func pairings(only string) (all allPairings, missing []string) {
	for _, p := range programs {
		if only != "" && only != p.name {
			continue
		}
		version, err := p.version()
		if err != nil {
			missing = append(missing, fmt.Sprintf("%s, which is from %s: %v", p.name, p.from, err))
			continue
		}
		all.clients = append(all.clients, pairing{p.name, version, programAgainstOurServer(p)})
		if p.server != nil {
			all.servers = append(all.servers, pairing{p.name, version, func(ctx context.Context, r route) ([]verdict, error) {
				s, err := startProcess(p)
				if err != nil {
					return nil, err
				}
				return ourClientAgainst(ctx, p.name, s, r)
			}})
		}
	}
	for _, l := range libraries {
		if only != "" && only != l.name {
			continue
		}
		version, err := output("go", "list", "-m", "-f", "{{.Version}}", l.module)()
		if err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", l.name, err))
			continue
		}
		version = strings.TrimPrefix(version, "v")
		all.clients = append(all.clients, pairing{l.name, version, libraryAgainstOurServer(l)})
		all.servers = append(all.servers, pairing{l.name, version, func(ctx context.Context, r route) ([]verdict, error) {
			s, err := startServer(&l)
			if err != nil {
				return nil, err
			}
			return ourClientAgainst(ctx, l.name, s, r)
		}})
	}
	return all, missing
}

// programAgainstOurServer has a process run all its cases.
func programAgainstOurServer(p program) func(context.Context, route) ([]verdict, error) {
	return func(ctx context.Context, r route) ([]verdict, error) {
		s, err := startServer(nil)
		if err != nil {
			return nil, err
		}
		defer s.stop()
		reports, err := runClient(ctx, p, r.base(s.address()))
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return nil, err
		}
		return judgeAll(p.name, func(c testCase) error {
			report, ok := reports[c.name]
			if !ok {
				return fmt.Errorf("the client reported nothing, and ended: %w", err)
			}
			return report
		}, s), nil
	}
}

// libraryAgainstOurServer runs the cases with a library's client.
func libraryAgainstOurServer(l library) func(context.Context, route) ([]verdict, error) {
	return func(ctx context.Context, r route) ([]verdict, error) {
		s, err := startServer(nil)
		if err != nil {
			return nil, err
		}
		defer s.stop()
		return judgeAll(l.name, func(c testCase) error {
			return runCase(ctx, c, func(ctx context.Context) (session, error) {
				return l.dial(ctx, caseURL(r, s, c), c.mode)
			})
		}, s), nil
	}
}

// judgeAll runs and judges what a peer's client does with our server.
func judgeAll(peer string, run func(testCase) error, s *goServer) (verdicts []verdict) {
	for _, c := range cases {
		m := meeting{peer: peer, weServe: true, err: run(c)}
		var missed error
		m.wire, missed = s.look(c.name)
		if m.err == nil {
			m.err = missed
		}
		m.seen = seenBy(s, c, m.err)
		verdicts = append(verdicts, judge(c, m))
	}
	return verdicts
}

// ourClientAgainst stops the server at the end.
func ourClientAgainst(ctx context.Context, peer string, s server, r route) (verdicts []verdict, _ error) {
	defer s.stop()
	for _, c := range cases {
		wire := &tap{}
		m := meeting{peer: peer}
		m.err = runCase(ctx, c, func(ctx context.Context) (session, error) {
			return dialWye(ctx, caseURL(r, s, c), c.mode, wire)
		})
		m.wire = wire.look(false)
		m.seen = seenBy(s, c, m.err)
		verdicts = append(verdicts, judge(c, m))
	}
	return verdicts, nil
}

// seenBy asks the server only where the judge wants to know.
func seenBy(s server, c testCase, err error) closeFrame {
	if c.name != "client-close" || err != nil {
		return closeFrame{}
	}
	return s.seen(c.name)
}

func caseURL(r route, s server, c testCase) string {
	return r.base(s.address()) + "/" + string(c.mode) + "?id=" + c.name
}

// runCase is a client's half. It closes the connection if the case has not.
func runCase(ctx context.Context, c testCase, dial func(context.Context) (session, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := dial(ctx)
	if err != nil {
		return err
	}
	defer s.abort()
	return c.run(ctx, s)
}
