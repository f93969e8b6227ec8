package main

import (
	"slices"
	"time"

	"github.com/wye-org/wye/peers/internal/load"
)

// echo keeps burst messages under way on each of n connections.
func echo(n, burst int, l load.Load) func(server, load.Target, time.Duration) (sample, error) {
	bursts := load.Load{Data: l.Data}
	for _, f := range l.Frames {
		bursts.Frames = append(bursts.Frames, slices.Repeat(f, burst))
	}
	return func(s server, t load.Target, d time.Duration) (sample, error) {
		if err := load.Verify(t, l); err != nil {
			return sample{}, err
		}
		g, err := load.New()
		if err != nil {
			return sample{}, err
		}
		defer g.Close()
		if _, err := g.Open(n, t); err != nil {
			return sample{}, err
		}
		if _, err := echoing(g, burst, bursts, d/warmUp); err != nil {
			return sample{}, err
		}
		return measured(s, func() (int, error) { return echoing(g, burst, bursts, d) })
	}
}

// echoing sends bursts on all connections for so long, each when the one before
// has come back, and returns when all have.
func echoing(g *load.Generator, burst int, bursts load.Load, d time.Duration) (units int, err error) {
	due := 0
	send := func(c *load.Client) error {
		c.Due = burst
		due += burst
		c.Sent++
		return g.Send(c, bursts.Frame(c.Sent-1))
	}
	for _, c := range g.Clients {
		if err := send(c); err != nil {
			return 0, err
		}
	}
	began, watch := time.Now(), load.Begin()
	for due > 0 {
		before := units
		over := time.Since(began) > d
		if err := g.Turn(10*time.Millisecond, func(c *load.Client, m int) error {
			units += m
			due -= m
			if c.Due -= m; c.Due > 0 || over {
				return nil
			}
			return send(c)
		}); err != nil {
			return units, err
		}
		if err := watch.Came(units > before); err != nil {
			return units, err
		}
	}
	return units, nil
}
