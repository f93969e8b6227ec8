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
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/wye-org/wye/peers/internal/load"
	"github.com/wye-org/wye/peers/internal/report"
)

func main() {
	out := flag.String("out", "../docs/benchmarks.md", "the file to write, with its charts beside it; empty: none")
	only := flag.String("only", "", "workloads, separated by commas; empty: all")
	impl := flag.String("impl", "", "servers, separated by commas; empty: all")
	rounds := flag.Int("rounds", 8, "how often everything is measured; fewer than 8 are not enough for a verdict")
	length := flag.Duration("time", 250*time.Millisecond, "how long a measurement takes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, *out, *only, *impl, *rounds, *length); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, out, only, impl string, rounds int, length time.Duration) error {
	if out != "" && !strings.HasSuffix(out, ".md") {
		return fmt.Errorf("-out is %q, want a name that ends in .md", out)
	}
	if rounds < 1 || length <= 0 {
		return errors.New("there is nothing to measure: -rounds is to be 1 at least, and -time more than 0")
	}
	doing, err := report.Choose(workloads, only, func(w workload) string { return w.name })
	if err != nil {
		return err
	}
	who, err := report.Choose(contenders, impl, func(c contender) string { return c.name })
	if err != nil {
		return err
	}
	if err := load.Pin(); err != nil {
		return err
	}
	if _, err := load.RaiseDescriptors(); err != nil {
		return err
	}
	programs, err := load.Build(ctx)
	if err != nil {
		return err
	}
	defer programs.Remove()
	who, missing := here(who)
	res := newResults(doing, who, rounds, length)
	res.missing, res.flags = missing, report.Flags(flag.CommandLine, "rounds", "time")
	if err := res.run(ctx, programs); err != nil {
		return err
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

// run measures everything, and says meanwhile where it is.
func (r *results) run(ctx context.Context, programs load.Programs) error {
	began := time.Now()
	neighbours, err := load.WatchNeighbours()
	if err != nil {
		return err
	}
	for round := range r.rounds {
		for _, w := range r.workloads {
			for i := range r.contenders {
				c := r.contenders[(i+round)%len(r.contenders)]
				if !c.can(w) {
					continue
				}
				s, err := measure(ctx, programs, c, w, r.length)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					fmt.Fprintf(os.Stderr, "%s, %s: %v\n", w.name, c.name, err)
				}
				r.add(round, w, c, s, err)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d after %s\n", round+1, r.rounds, time.Since(began).Round(time.Second))
	}
	r.took = time.Since(began)
	r.neighbours, err = neighbours.Share()
	return err
}

// measure runs one workload against a server that nothing was done with before.
func measure(ctx context.Context, programs load.Programs, c contender, w workload, length time.Duration) (sample, error) {
	mode := string(w.target.Deflate)
	if w.target.Deflate == load.Plain {
		mode = "none"
	}
	s, err := load.Start(ctx, c.command(programs, mode))
	if err != nil {
		return sample{}, err
	}
	defer s.Stop()
	t := w.target
	t.Addr = s.Addr
	return w.run(s, t, length)
}
