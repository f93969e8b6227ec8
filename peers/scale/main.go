// Command scale measures how the cost of a server grows with its connections, and
// writes docs/scale.md with its charts: what a connection and a message cost, the
// kernel's part and ours, and what a million connections would. The server has the
// first core for itself, the clients come from another process, on the second.
//
//	go run ./scale                                            # all of it
//	go run ./scale -impl wye-loop-http -sizes 100,1000 -out ''
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wye-org/wye/peers/internal/load"
	"github.com/wye-org/wye/peers/internal/report"
)

// A contender is a server with what starts it.
type contender struct {
	name  string
	about string
	kind  report.Kind
}

// limit is the server without a library: what it costs is the kernel's.
const limit = "c-epoll"

var contenders = []contender{
	{limit, "an epoll loop in C without checks, peers/raw/server.c", report.Limit},
	{"wye-loop", "`websocket.Loop`, its own listener", report.Ours},
	{"wye-loop-http", "`websocket.Loop`, behind net/http", report.Ours},
	{"wye-conn", "`websocket.Conn`, a handler that blocks, detached from net/http", report.Ours},
}

func (c contender) command(p load.Programs, pingInterval time.Duration) []string {
	if c.name == limit {
		return p.Raw()
	}
	return p.Server(c.name, "-ping-interval", pingInterval.String())
}

// A setup is what the flags say.
type setup struct {
	sizes  []int // connections, ascending
	rounds int
	length time.Duration // of a measurement
	calm   time.Duration // after messages, and then of the measurement of what is idle
}

// calm is longer than the second after which a Conn that was busy is on the
// lookout.
const calm = 1500 * time.Millisecond

func main() {
	out := flag.String("out", "../docs/scale.md", "the file to write, with its charts beside it; empty: none")
	impl := flag.String("impl", "", "servers, separated by commas; empty: all")
	sizes := flag.String("sizes", "100,1000,5000,10000,19000", "numbers of connections, separated by commas")
	rounds := flag.Int("rounds", 3, "how often everything is measured")
	length := flag.Duration("time", 500*time.Millisecond, "how long a measurement takes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := scale(ctx, *out, *impl, *sizes, *rounds, *length); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func scale(ctx context.Context, out, impl, sizes string, rounds int, length time.Duration) error {
	if out != "" && !strings.HasSuffix(out, ".md") {
		return fmt.Errorf("-out is %q, want a name that ends in .md", out)
	}
	if rounds < 1 || length <= 0 {
		return errors.New("there is nothing to measure: -rounds is to be 1 at least, and -time more than 0")
	}
	numbers, err := parseSizes(sizes)
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
	most, err := load.RaiseDescriptors()
	if err != nil {
		return err
	}
	const spare = 100 // descriptors that are no connections
	if largest := numbers[len(numbers)-1]; largest > most-spare {
		return fmt.Errorf("%d connections are wanted, but a process may have %d descriptors: give smaller -sizes, or raise ulimit -Hn", largest, most)
	}
	programs, err := load.Build(ctx)
	if err != nil {
		return err
	}
	defer programs.Remove()
	res := newResults(who, setup{numbers, rounds, length, calm})
	res.flags = report.Flags(flag.CommandLine, "rounds", "time")
	if err := res.run(ctx, programs); err != nil {
		return err
	}
	res.print(os.Stdout)
	if out != "" {
		if err := res.write(out); err != nil {
			return err
		}
	}
	return errors.Join(res.failures...)
}

// parseSizes reads ascending numbers, of which two at least are needed for a line.
func parseSizes(s string) ([]int, error) {
	var sizes []int
	for f := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 || len(sizes) > 0 && n <= sizes[len(sizes)-1] {
			return nil, fmt.Errorf("-sizes is %q, want ascending numbers like 100,1000", s)
		}
		sizes = append(sizes, n)
	}
	if len(sizes) < 2 {
		return nil, fmt.Errorf("-sizes is %q, want two numbers at least", s)
	}
	return sizes, nil
}

// run measures every server in every round, in changing order.
func (r *results) run(ctx context.Context, programs load.Programs) error {
	began := time.Now()
	neighbours, err := load.WatchNeighbours()
	if err != nil {
		return err
	}
	for round := range r.rounds {
		for i := range r.contenders {
			c := r.contenders[(i+round)%len(r.contenders)]
			if err := r.measure(ctx, programs, c); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Fprintf(os.Stderr, "round %d of %d, %s, after %s\n", round+1, r.rounds, c.name, time.Since(began).Round(time.Second))
		}
	}
	r.took = time.Since(began)
	r.neighbours, err = neighbours.Share()
	return err
}

// pingEvery is the silence before a ping where pings are what is measured.
const pingEvery = time.Second

func (r *results) measure(ctx context.Context, programs load.Programs, c contender) error {
	s, err := load.Start(ctx, c.command(programs, -1))
	if err != nil {
		return err
	}
	err = r.grow(s, c, load.Target{Addr: s.Addr, Path: "/echo"})
	s.Stop()
	if err != nil || c.name == limit {
		return err
	}
	s, err = load.Start(ctx, c.command(programs, pingEvery))
	if err != nil {
		return err
	}
	defer s.Stop()
	if err := r.keepAlive(s, c, load.Target{Addr: s.Addr, Path: "/echo"}); err != nil {
		r.failures = append(r.failures, fmt.Errorf("pings of %s: %w", c.name, err))
	}
	return ctx.Err()
}
