package main

import (
	"errors"
	"os"
	"time"

	"github.com/wye-org/wye/peers/internal/load"
)

// A server is what is measured of one.
type server interface {
	CPU() (time.Duration, error)
	Modes() (user, kernel time.Duration, err error)
	Memory() (int64, error)
	SettledMemory() (int64, error)
}

// A point is what one server costs with so many connections, in one round.
type point struct {
	open         time.Duration // CPU of each connection that was added, its handshake and all
	memory       int64         // of the process, after it gave back what it does not use
	inUse        int64         // of the process, right after it was busy
	sockets      int64         // of the kernel, with the clients' ends
	buffers      int64         // of the kernel, queued
	message      time.Duration // CPU of each
	user, kernel time.Duration // of all messages, sampled
}

// grow opens connections until there are as many as the largest size, and
// measures at each.
func (r *results) grow(s server, c contender, t load.Target) error {
	g, err := load.New()
	if err != nil {
		return err
	}
	defer g.Close()
	for i, n := range r.sizes {
		var p point
		added := n - len(g.Clients)
		before, err := s.CPU()
		if err != nil {
			return err
		}
		if err := open(g, n, perAddress, t); err != nil {
			return err
		}
		after, err := s.CPU()
		if err != nil {
			return err
		}
		p.open = (after - before) / time.Duration(added)
		if p.memory, err = s.SettledMemory(); err != nil {
			return err
		}
		if p.sockets, err = load.Sockets(); err != nil && !errors.Is(err, os.ErrPermission) { // then it stays 0
			return err
		}
		if p.buffers, err = load.Buffers(); err != nil {
			return err
		}
		if err := p.echo(s, g, r.length); err != nil {
			return err
		}
		r.points[c.name][i] = append(r.points[c.name][i], p)
	}
	time.Sleep(r.calm) // what is done once after the last message is done
	idle, err := idle(s, r.calm)
	if err != nil {
		return err
	}
	r.idle[c.name] = append(r.idle[c.name], float64(idle)/r.calm.Seconds()/float64(len(g.Clients)))
	return nil
}

// perAddress is how many connections one address of the clients has: some ten
// thousand less than it has ports.
const perAddress = 10_000

// open adds connections until there are n, so many of each address.
func open(g *load.Generator, n, each int, t load.Target) error {
	for have := len(g.Clients); have < n; have = len(g.Clients) {
		// 127.0.0.2 and on: all of 127.0.0.0/8 is this machine.
		t.From = &[4]byte{127, 0, 0, byte(2 + have/each)}
		if _, err := g.Open(min(n-have, each-have%each), t); err != nil {
			return err
		}
	}
	return nil
}

// underWay is how many messages are at any time, on as many connections.
const underWay = 64

// echo sends 64 bytes over all connections in turn, in an order that jumps.
func (p *point) echo(s server, g *load.Generator, d time.Duration) error {
	frame := load.Binary(64).Frame(0)
	// Once over all connections, which takes from each what its first message
	// needs.
	if _, err := circle(g, frame, func(sent int, _ time.Duration) bool { return sent >= len(g.Clients) }); err != nil {
		return err
	}
	user, kernel, err := s.Modes()
	if err != nil {
		return err
	}
	before, err := s.CPU()
	if err != nil {
		return err
	}
	messages, err := circle(g, frame, func(_ int, took time.Duration) bool { return took > d })
	if err != nil {
		return err
	}
	after, err := s.CPU()
	if err != nil {
		return err
	}
	userAfter, kernelAfter, err := s.Modes()
	if err != nil {
		return err
	}
	p.message = (after - before) / time.Duration(max(messages, 1))
	p.user, p.kernel = userAfter-user, kernelAfter-kernel
	p.inUse, err = s.Memory()
	return err
}

// circle keeps some messages under way until enough says so, and returns how many
// came back, which is all.
func circle(g *load.Generator, frame []byte, enough func(sent int, took time.Duration) bool) (messages int, err error) {
	began, watch := time.Now(), load.Begin()
	sent := 0
	jump := stride(len(g.Clients))
	send := func() error {
		c := g.Clients[sent*jump%len(g.Clients)]
		sent++
		return g.Send(c, frame)
	}
	for range min(underWay, len(g.Clients)) {
		if err := send(); err != nil {
			return 0, err
		}
	}
	for messages < sent {
		before := messages
		over := enough(sent, time.Since(began))
		if err := g.Turn(10*time.Millisecond, func(_ *load.Client, m int) error {
			messages += m
			for range m {
				if over {
					break
				}
				if err := send(); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return messages, err
		}
		if err := watch.Came(messages > before); err != nil {
			return messages, err
		}
	}
	return messages, nil
}

// stride is how far the next connection is from the last: about two fifths of
// all, and such that all have their turn.
func stride(n int) int {
	for s := max(1, n*2/5); ; s++ {
		a, b := s, n
		for b > 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return s
		}
	}
}

// idle is the server's CPU time in d with connections that say nothing.
func idle(s server, d time.Duration) (time.Duration, error) {
	before, err := s.CPU()
	if err != nil {
		return 0, err
	}
	time.Sleep(d)
	after, err := s.CPU()
	return after - before, err
}

// keepAlive measures what a ping and its pong cost, on as many connections as the
// largest size.
func (r *results) keepAlive(s server, c contender, t load.Target) error {
	g, err := load.New()
	if err != nil {
		return err
	}
	defer g.Close()
	if err := open(g, r.sizes[len(r.sizes)-1], perAddress, t); err != nil {
		return err
	}
	if err := caughtUp(g); err != nil {
		return err
	}
	all, answered := len(g.Clients), g.Pings
	before, err := s.CPU()
	if err != nil {
		return err
	}
	if err := pinged(g, answered+2*all); err != nil {
		return err
	}
	after, err := s.CPU()
	if err != nil {
		return err
	}
	r.ping[c.name] = append(r.ping[c.name], float64(after-before)/float64(g.Pings-answered))
	return nil
}

// caughtUp answers what came while connections were opened: until few wait for
// an answer at a time, and each has had its first ping. That may be never on a
// machine that is too slow; then it takes what it has.
func caughtUp(g *load.Generator) error {
	if err := pinged(g, len(g.Clients)); err != nil {
		return err
	}
	for began := time.Now(); g.Ready == load.AtOnce && time.Since(began) < 5*pingEvery; {
		if err := g.Turn(0, func(*load.Client, int) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// pinged answers pings until there were so many.
func pinged(g *load.Generator, n int) error {
	for watch := load.Begin(); g.Pings < n; {
		before := g.Pings
		if err := g.Turn(10*time.Millisecond, func(*load.Client, int) error { return nil }); err != nil {
			return err
		}
		if err := watch.Came(g.Pings > before); err != nil {
			return err
		}
	}
	return nil
}
