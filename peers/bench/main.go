// Command bench measures what servers made with wye and with other libraries
// cost, side by side, and writes docs/benchmarks.md with its charts. Each server
// has the first core for itself, the load comes from the second.
//
//	go run ./bench                                # all of it
//	go run ./bench -only echo-64-100 -impl gws,wye-conn -out ''
//
// In every round each server gets each workload once, one after the other, and
// in another order the next time. What counts is the ratio within a round, of
// which the median is taken: the machine may be slower in the next round, for
// all of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A contender is a server with what starts it.
type contender struct {
	name    string
	about   string
	command func(bin string) []string
	needs   string // a program or file without which it is left out
	ours    bool
	limit   bool // no library: what could be done at most
	golang  bool // a Go library of others
}

func goServer(impl string) func(bin string) []string {
	return func(bin string) []string { return []string{bin + "/server", "-impl", impl, "-port", "0"} }
}

const bunBinary = "bun/node_modules/@oven/bun-linux-x64/bin/bun"

var contenders = []contender{
	{name: "c-epoll", about: "an epoll loop in C without checks, raw/server.c: the limit", limit: true,
		command: func(bin string) []string { return []string{bin + "/raw", "0"} }},
	{name: "net-conn", about: "Go's net.Conn without a protocol", limit: true, command: goServer("net-conn")},
	{name: "wye-conn", about: "websocket.Conn, a handler that blocks", ours: true, command: goServer("wye-conn")},
	{name: "wye-loop-http", about: "websocket.Loop, behind net/http", ours: true, command: goServer("wye-loop-http")},
	{name: "gws", about: "github.com/lxzan/gws", golang: true, command: goServer("gws")},
	{name: "gorilla", about: "github.com/gorilla/websocket", golang: true, command: goServer("gorilla")},
	{name: "coder", about: "github.com/coder/websocket", golang: true, command: goServer("coder")},
	{name: "gobwas", about: "github.com/gobwas/ws, with its helpers", golang: true, command: goServer("gobwas")},
	{name: "fasthttp", about: "github.com/fasthttp/websocket", golang: true, command: goServer("fasthttp")},
	{name: "bun", about: "bun, with uWebSockets inside (cd bun && npm install)", needs: bunBinary,
		command: func(string) []string { return []string{bunBinary, "bun/server.js", "0"} }},
	{name: "node-ws", about: "ws on Node (cd node && npm ci)", needs: "node/node_modules/ws",
		command: func(string) []string { return []string{"node", "node/server.js", "0", "none"} }},
}

func main() {
	out := flag.String("out", "../docs/benchmarks.md", "the file to write, with its charts beside it; empty: none")
	only := flag.String("only", "", "workloads, separated by commas; empty: all")
	impl := flag.String("impl", "", "servers, separated by commas; empty: all. The first is the measure of the others")
	rounds := flag.Int("rounds", 8, "how often everything is measured; fewer than 8 are not enough for a verdict")
	length := flag.Duration("time", time.Second, "how long a measurement takes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, *out, *only, *impl, *rounds, *length); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, out, only, impl string, rounds int, length time.Duration) error {
	if err := pin(); err != nil {
		return err
	}
	if err := raiseDescriptors(); err != nil {
		return err
	}
	doing, err := choose(workloads, only, func(w workload) string { return w.name })
	if err != nil {
		return err
	}
	who, err := choose(contenders, impl, func(c contender) string { return c.name })
	if err != nil {
		return err
	}
	bin, err := os.MkdirTemp("", "wye-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	if err := build(ctx, bin); err != nil {
		return err
	}
	who = slices.DeleteFunc(who, func(c contender) bool {
		if c.needs == "" {
			return false
		}
		_, err := os.Stat(c.needs)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s is left out: there is no %s\n", c.name, c.needs)
		}
		return err != nil
	})
	res := newResults(doing, who, rounds, length)
	for round := range rounds {
		for _, w := range doing {
			for i := range who {
				c := who[(i+round)%len(who)]
				s, err := measure(ctx, bin, c, w, length)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					fmt.Fprintf(os.Stderr, "%s, %s: %v\n", w.name, c.name, err)
				}
				res.add(round, w, c, s, err)
			}
			fmt.Fprintf(os.Stderr, "round %d of %d, %s\n", round+1, rounds, w.name)
		}
	}
	res.print(os.Stdout)
	if out != "" {
		if err := res.write(out); err != nil {
			return err
		}
	}
	if len(res.failures) > 0 {
		return fmt.Errorf("%d measurements failed", len(res.failures))
	}
	return nil
}

// measure runs one workload against a server that nothing was done with before.
func measure(ctx context.Context, bin string, c contender, w workload, length time.Duration) (sample, error) {
	s, err := start(ctx, c.command(bin))
	if err != nil {
		return sample{}, err
	}
	defer s.stop()
	return w.run(s, length)
}

func build(ctx context.Context, bin string) error {
	for _, command := range [][]string{
		{"go", "build", "-o", bin + "/server", "./server"},
		{"gcc", "-O2", "-o", filepath.Join(bin, "raw"), "raw/server.c"},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
		}
	}
	return nil
}

// choose returns those of all that names has, in its order.
func choose[T any](all []T, names string, name func(T) string) ([]T, error) {
	if names == "" {
		return slices.Clone(all), nil
	}
	var chosen []T
	for n := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(t T) bool { return name(t) == n })
		if i < 0 {
			var have []string
			for _, t := range all {
				have = append(have, name(t))
			}
			return nil, fmt.Errorf("there is no %q: want some of %s", n, strings.Join(have, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// raiseDescriptors asks for as many as it may have; servers inherit that.
func raiseDescriptors() error {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	limit.Cur = limit.Max
	return errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}
