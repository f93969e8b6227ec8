package main

import (
	"slices"
	"time"

	"github.com/wye-org/wye/peers/internal/load"
)

// fanOut has one publisher send burst messages to n members, and the next when
// all have them.
func fanOut(n, burst int, l load.Load) func(server, load.Target, time.Duration) (sample, error) {
	frames := slices.Repeat(l.Frames[0], burst)
	return func(s server, t load.Target, d time.Duration) (sample, error) {
		g, err := load.New()
		if err != nil {
			return sample{}, err
		}
		defer g.Close()
		if _, err := g.Open(n, t); err != nil {
			return sample{}, err
		}
		t.Path = "/pub"
		publisher, err := g.Open(1, t)
		if err != nil {
			return sample{}, err
		}
		time.Sleep(50 * time.Millisecond) // handlers join the group after their handshake
		publishing := func(d time.Duration) (units int, err error) {
			for began := time.Now(); units == 0 || time.Since(began) < d; units += n * burst {
				if err := g.Send(publisher[0], frames); err != nil {
					return units, err
				}
				if err := delivered(g, n*burst); err != nil {
					return units, err
				}
			}
			return units, nil
		}
		if _, err := publishing(d / warmUp); err != nil {
			return sample{}, err
		}
		return measured(s, func() (int, error) { return publishing(d) })
	}
}

// delivered returns when so many messages have come.
func delivered(g *load.Generator, due int) error {
	for watch := load.Begin(); due > 0; {
		before := due
		if err := g.Turn(10*time.Millisecond, func(_ *load.Client, m int) error {
			due -= m
			return nil
		}); err != nil {
			return err
		}
		if err := watch.Came(due < before); err != nil {
			return err
		}
	}
	return nil
}
