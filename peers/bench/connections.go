package main

import (
	"time"

	"github.com/wye-org/wye/peers/internal/load"
)

// handshakes opens connections one after the other.
func handshakes(s server, t load.Target, d time.Duration) (sample, error) {
	opening := func(d time.Duration) (units int, err error) {
		for began := time.Now(); units == 0 || time.Since(began) < d; units++ {
			c, err := load.Dial(t)
			if err != nil {
				return units, err
			}
			c.Reset()
		}
		return units, nil
	}
	if _, err := opening(d / warmUp); err != nil {
		return sample{}, err
	}
	return measured(s, func() (int, error) { return opening(d) })
}

// idle opens n connections that say nothing. The first hundred, which fill the
// server's pools, do not count.
func idle(n int) func(server, load.Target, time.Duration) (sample, error) {
	return func(s server, t load.Target, _ time.Duration) (sample, error) {
		return grown(s, t, 100, n, func(*load.Generator) error { return nil })
	}
}

// compressing opens n connections, and sends so many messages of l on each, one
// after the other. The first twenty connections do not count.
func compressing(n, messages int, l load.Load) func(server, load.Target, time.Duration) (sample, error) {
	return func(s server, t load.Target, _ time.Duration) (sample, error) {
		if err := load.Verify(t, l); err != nil {
			return sample{}, err
		}
		return grown(s, t, 20, n, func(g *load.Generator) error {
			for range messages {
				due := 0
				for _, c := range g.Clients {
					if c.Sent >= messages {
						continue
					}
					if err := g.Send(c, l.Frame(c.Sent)); err != nil {
						return err
					}
					c.Sent++
					due++
				}
				if err := delivered(g, due); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// grown is what the server's memory grows by for each of n connections, after
// some others, when both were used.
func grown(s server, t load.Target, others, n int, use func(*load.Generator) error) (sample, error) {
	g, err := load.New()
	if err != nil {
		return sample{}, err
	}
	defer g.Close()
	memory := func(n int) (int64, error) {
		if _, err := g.Open(n, t); err != nil {
			return 0, err
		}
		if err := use(g); err != nil {
			return 0, err
		}
		return s.SettledMemory()
	}
	before, err := memory(others)
	if err != nil {
		return sample{}, err
	}
	after, err := memory(n)
	return sample{units: n, bytes: float64(after-before) / float64(n)}, err
}
