// Command fanout measures what it costs to send one message to many members: with
// wye's hub, and with github.com/centrifugal/centrifuge. It writes docs/fanout.md.
//
//	go run ./fanout                 # all of it, eight rounds
//	go run ./fanout -rounds 2 -members 1000 -out ''
//
// The members are in the server's process, where a message is counted and dropped,
// or behind WebSocket connections over loopback, which another process holds;
// wye's server has a goroutine for each of these, or a websocket.Loop. The
// server has the first core for itself. Both hubs send the same bytes: the
// message in the envelope that centrifuge's client protocol has for it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wye-org/wye/peers/internal/load"
	"github.com/wye-org/wye/peers/internal/report"
)

func main() {
	serve := flag.String("serve", "", "be the server, of wye, wye-loop or centrifuge; for this command's own use")
	out := flag.String("out", "../docs/fanout.md", "the file to write; empty: none")
	rounds := flag.Int("rounds", 8, "how often everything is measured")
	members := flag.String("members", "1000,10000", "numbers of members, separated by commas")
	length := flag.Duration("time", time.Second, "how long a measurement takes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *serve != "" {
		err = server(*serve)
	} else {
		err = fanout(ctx, *out, *members, *rounds, *length)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fanout:", err)
		os.Exit(1)
	}
}

// impls are the two hubs, of which centrifuge is the measure. wye has two ways to
// serve connections: by a goroutine each, and by a websocket.Loop.
var impls = []string{"wye", "wye-loop", "centrifuge"}

// A setup is where the members are, and how many.
type setup struct {
	loopback bool
	members  int
}

func (s setup) String() string {
	if s.loopback {
		return fmt.Sprintf("%d over loopback", s.members)
	}
	return fmt.Sprintf("%d in process", s.members)
}

// bursts are how many messages are published at once.
var bursts = []int{1, 16}

func fanout(ctx context.Context, out, numbers string, rounds int, length time.Duration) error {
	var setups []setup
	for _, s := range strings.Split(numbers, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("-members %s: want numbers", numbers)
		}
		setups = append(setups, setup{false, n}, setup{true, n})
	}
	slices.SortStableFunc(setups, func(a, b setup) int { return boolInt(a.loopback) - boolInt(b.loopback) })
	if err := load.Pin(); err != nil {
		return err
	}
	res := newResults(setups)
	for round := range rounds {
		for _, s := range setups {
			for i := range impls {
				impl := impls[(i+round)%len(impls)]
				if impl == "wye-loop" && !s.loopback {
					continue // there are no connections
				}
				if err := measure(ctx, impl, s, length, res); err != nil {
					return fmt.Errorf("%s, %s: %w", impl, s, err)
				}
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, rounds)
	}
	page := res.page(report.Flags(flag.CommandLine, "rounds", "time"))
	fmt.Print(page)
	if out == "" {
		return nil
	}
	return os.WriteFile(out, []byte(page), 0o644)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// measure runs one server through one setup.
func measure(ctx context.Context, impl string, s setup, length time.Duration, res *results) error {
	p, err := start(ctx, impl)
	if err != nil {
		return err
	}
	defer p.Stop()
	before, err := p.memory(s.loopback)
	if err != nil {
		return err
	}
	publish := func(burst int) (int, error) { return p.ask(fmt.Sprintf("/publish?burst=%d&for=%s", burst, length)) }
	if s.loopback {
		subs, err := subscribe(p.Addr, s.members)
		if err != nil {
			return err
		}
		defer subs.close()
		publish = func(burst int) (int, error) { return subs.run(p, burst, length) }
	} else if _, err := p.ask(fmt.Sprintf("/members?n=%d", s.members)); err != nil {
		return err
	}
	if _, err := publish(1); err != nil { // warm
		return err
	}
	after, err := p.memory(s.loopback)
	if err != nil {
		return err
	}
	res.add(impl, s, "bytes", float64(after-before)/float64(s.members))
	for _, burst := range bursts {
		// What was given back for the sake of the measurement is taken again.
		if _, err := publish(burst); err != nil {
			return err
		}
		began, err := p.CPU()
		if err != nil {
			return err
		}
		n, err := publish(burst)
		if err != nil {
			return err
		}
		took, err := p.CPU()
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("nothing was delivered")
		}
		res.add(impl, s, cpuOf(burst), float64(took-began)/float64(n))
	}
	return nil
}

func cpuOf(burst int) string { return fmt.Sprintf("cpu %d", burst) }
