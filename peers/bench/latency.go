package main

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/wye-org/wye/peers/internal/load"
)

// A plan says when messages are due, whatever became of those before: a server
// that stands still is seen by all that were due meanwhile, and so is a load that
// could not keep to it.
type plan struct {
	interval time.Duration
	end      time.Duration
	next     time.Duration
}

// due calls send with the time of each message that is due by now and was not
// yet.
func (p *plan) due(now time.Duration, send func(at time.Duration) error) error {
	for ; p.next <= now && p.next < p.end; p.next += p.interval {
		if err := send(p.next); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) over() bool { return p.next >= p.end }

// longest is what the histograms can hold. Nothing is waited for longer.
const longest = time.Minute

// openLoop sends rate messages a second, in turn on n connections.
func openLoop(n, rate int, l load.Load) func(server, load.Target, time.Duration) (sample, error) {
	return func(s server, t load.Target, d time.Duration) (sample, error) {
		g, err := load.New()
		if err != nil {
			return sample{}, err
		}
		defer g.Close()
		if _, err := g.Open(n, t); err != nil {
			return sample{}, err
		}
		p := func(d time.Duration) *plan { return &plan{interval: time.Second / time.Duration(rate), end: d} }
		ignored := hdrhistogram.New(1, int64(longest), 3)
		if _, err := planned(g, p(d/warmUp), l.Frames[0], ignored, ignored); err != nil {
			return sample{}, err
		}
		latency, late := hdrhistogram.New(1, int64(longest), 3), hdrhistogram.New(1, int64(longest), 3)
		out, err := measured(s, func() (int, error) { return planned(g, p(d), l.Frames[0], latency, late) })
		out.latency, out.late = latency, late
		return out, err
	}
}

// planned sends frames as p says and records how long after they were due their
// answers came, and how late they were sent.
func planned(g *load.Generator, p *plan, frame []byte, latency, late *hdrhistogram.Histogram) (units int, err error) {
	began, watch := time.Now(), load.Begin()
	for sent := 0; !p.over() || units < sent; {
		now := time.Since(began)
		if err := p.due(now, func(at time.Duration) error {
			c := g.Clients[sent%len(g.Clients)]
			if c.Behind() {
				return fmt.Errorf("the server does not take a message every %s", p.interval)
			}
			c.SentAt = append(c.SentAt, at)
			sent++
			if err := late.RecordValue(int64(now - at)); err != nil {
				return err
			}
			return g.Send(c, frame)
		}); err != nil {
			return units, err
		}
		before := units
		if err := g.Turn(0, func(c *load.Client, m int) error {
			now := time.Since(began)
			for _, at := range c.SentAt[:m] {
				if err := latency.RecordValue(int64(now - at)); err != nil {
					return err
				}
			}
			c.SentAt = append(c.SentAt[:0], c.SentAt[m:]...)
			units += m
			return nil
		}); err != nil {
			return units, err
		}
		if err := watch.Came(units > before || units == sent); err != nil {
			return units, err
		}
	}
	return units, nil
}
