package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A sample is what one server did with one workload in one round.
type sample struct {
	units   int           // messages, deliveries, connections
	cpu     time.Duration // of the server for all of them
	took    time.Duration
	busy    float64 // the generator's part of its core while it took that
	bytes   float64 // of the server's memory for each unit, where that is measured
	latency *hdrhistogram.Histogram
}

// A workload is one thing to do with a server.
type workload struct {
	name  string
	about string
	unit  string // what is counted
	run   func(s *process, d time.Duration) (sample, error)
}

var workloads = []workload{
	{"echo-64-100", "64 B echo, 100 connections, one message under way on each", "message", echo(100, 64, 1)},
	{"echo-64-1000", "64 B echo, 1,000 connections", "message", echo(1000, 64, 1)},
	{"pipelined-16", "64 B echo, 100 connections, 16 messages at once", "message", echo(100, 64, 16)},
	{"echo-16k", "16 KiB echo, 100 connections", "message", echo(100, 16<<10, 1)},
	{"echo-1m", "1 MiB echo, 10 connections", "message", echo(10, 1<<20, 1)},
	{"fanout-1", "128 B to 1,000 members, one message at a time", "delivery", fanOut(1000, 128, 1)},
	{"fanout-16", "128 B to 1,000 members, 16 messages at once", "delivery", fanOut(1000, 128, 16)},
	{"handshake", "connect, handshake, reset", "connection", handshakes},
	{"idle", "memory of an idle connection, 5,000 of them", "connection", idle(5000)},
	{"latency", "64 B echo, 100 connections, 10,000 messages a second whether answered or not", "message", openLoop(100, 64, 10_000)},
}

// measured runs f between two readings of the clocks.
func measured(s *process, f func() (units int, err error)) (sample, error) {
	own, err := threadCPU()
	if err != nil {
		return sample{}, err
	}
	cpu, err := s.cpu()
	if err != nil {
		return sample{}, err
	}
	began := time.Now()
	units, err := f()
	if err != nil {
		return sample{}, err
	}
	took := time.Since(began)
	cpuAfter, err := s.cpu()
	if err != nil {
		return sample{}, err
	}
	ownAfter, err := threadCPU()
	return sample{units: units, cpu: cpuAfter - cpu, took: took, busy: float64(ownAfter-own) / float64(took)}, err
}

// echo keeps burst messages of size bytes under way on each of n connections.
func echo(n, size, burst int) func(*process, time.Duration) (sample, error) {
	return func(s *process, d time.Duration) (sample, error) {
		g, err := newGenerator()
		if err != nil {
			return sample{}, err
		}
		defer g.close()
		clients, err := g.open(n, s.addr, "/echo")
		if err != nil {
			return sample{}, err
		}
		frames := slices.Repeat(message(size), burst)
		load := func(d time.Duration) (units int, err error) {
			due := 0
			for _, c := range clients {
				if err := g.send(c, frames); err != nil {
					return 0, err
				}
				c.due = burst
				due += burst
			}
			began := time.Now()
			last := began
			for due > 0 {
				before := units
				over := time.Since(began) > d
				if err := g.turn(10*time.Millisecond, func(c *client, m int) error {
					units += m
					due -= m
					if c.due -= m; c.due > 0 || over {
						return nil
					}
					c.due = burst
					due += burst
					return g.send(c, frames)
				}); err != nil {
					return units, err
				}
				if now := time.Now(); units > before {
					last = now
				} else if now.Sub(last) > patience {
					return units, errLost
				}
			}
			return units, nil
		}
		if _, err := load(d / 4); err != nil { // the server's pools fill
			return sample{}, err
		}
		return measured(s, func() (int, error) { return load(d) })
	}
}

// fanOut has one publisher send burst messages to n members, and the next when
// all have them.
func fanOut(n, size, burst int) func(*process, time.Duration) (sample, error) {
	return func(s *process, d time.Duration) (sample, error) {
		g, err := newGenerator()
		if err != nil {
			return sample{}, err
		}
		defer g.close()
		if _, err := g.open(n, s.addr, "/sub"); err != nil {
			return sample{}, err
		}
		publisher, err := g.open(1, s.addr, "/pub")
		if err != nil {
			return sample{}, err
		}
		time.Sleep(50 * time.Millisecond) // handlers join the group after their handshake
		frames := slices.Repeat(message(size), burst)
		load := func(d time.Duration) (units int, err error) {
			for began := time.Now(); time.Since(began) < d; {
				if err := g.send(publisher[0], frames); err != nil {
					return units, err
				}
				last := time.Now()
				for due := n * burst; due > 0; {
					before := due
					if err := g.turn(10*time.Millisecond, func(_ *client, m int) error {
						due -= m
						units += m
						return nil
					}); err != nil {
						return units, err
					}
					if now := time.Now(); due < before {
						last = now
					} else if now.Sub(last) > patience {
						return units, fmt.Errorf("%w: %d of %d deliveries", errLost, due, n*burst)
					}
				}
			}
			return units, nil
		}
		if _, err := load(d / 4); err != nil {
			return sample{}, err
		}
		return measured(s, func() (int, error) { return load(d) })
	}
}

// handshakes opens connections one after the other.
func handshakes(s *process, d time.Duration) (sample, error) {
	load := func(d time.Duration) (units int, err error) {
		for began := time.Now(); time.Since(began) < d; units++ {
			c, err := dial(s.addr, "/echo")
			if err != nil {
				return units, err
			}
			c.reset()
		}
		return units, nil
	}
	if _, err := load(d / 4); err != nil {
		return sample{}, err
	}
	return measured(s, func() (int, error) { return load(d) })
}

// idle opens n connections that say nothing. The first hundred, which fill the
// server's pools, do not count.
func idle(n int) func(*process, time.Duration) (sample, error) {
	return func(s *process, _ time.Duration) (sample, error) {
		g, err := newGenerator()
		if err != nil {
			return sample{}, err
		}
		defer g.close()
		if _, err := g.open(100, s.addr, "/echo"); err != nil {
			return sample{}, err
		}
		before, err := s.settledMemory()
		if err != nil {
			return sample{}, err
		}
		if _, err := g.open(n, s.addr, "/echo"); err != nil {
			return sample{}, err
		}
		after, err := s.settledMemory()
		return sample{units: n, bytes: float64(after-before) / float64(n)}, err
	}
}

// openLoop sends rate messages a second in turn on n connections, whether the
// ones before were answered or not: a server that stands still is seen by all
// that were due meanwhile.
func openLoop(n, size, rate int) func(*process, time.Duration) (sample, error) {
	return func(s *process, d time.Duration) (sample, error) {
		g, err := newGenerator()
		if err != nil {
			return sample{}, err
		}
		defer g.close()
		clients, err := g.open(n, s.addr, "/echo")
		if err != nil {
			return sample{}, err
		}
		frame := message(size)
		interval := time.Second / time.Duration(rate)
		latency := hdrhistogram.New(1, int64(10*time.Second), 3)
		load := func(d time.Duration) (units int, err error) {
			latency.Reset()
			began := time.Now()
			last := began
			for sent, next := 0, time.Duration(0); next < d || units < sent; {
				for now := time.Since(began); next <= now && next < d; next += interval {
					c := clients[sent%n]
					c.sentAt = append(c.sentAt, next)
					if len(c.rest) > 0 {
						return units, fmt.Errorf("the server does not take %d messages a second", rate)
					}
					if err := g.send(c, frame); err != nil {
						return units, err
					}
					sent++
				}
				before := units
				if err := g.turn(0, func(c *client, m int) error {
					now := time.Since(began)
					for _, at := range c.sentAt[:m] {
						if err := latency.RecordValue(int64(now - at)); err != nil {
							return err
						}
					}
					c.sentAt = append(c.sentAt[:0], c.sentAt[m:]...)
					units += m
					return nil
				}); err != nil {
					return units, err
				}
				if now := time.Now(); units > before {
					last = now
				} else if now.Sub(last) > patience {
					return units, errLost
				}
			}
			return units, nil
		}
		if _, err := load(d / 4); err != nil {
			return sample{}, err
		}
		out, err := measured(s, func() (int, error) { return load(d) })
		out.latency = latency
		return out, err
	}
}
