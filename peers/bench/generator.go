package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// A generator is the load: clients on one epoll, served by the calling thread.
// It makes no garbage and knows no more of the protocol than where a message
// ends, so that the server is what is measured.
type generator struct {
	ep      int
	clients []*client
	byFD    []*client
	buf     []byte
	events  []syscall.EpollEvent
}

func newGenerator() (*generator, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	return &generator{ep: ep, buf: make([]byte, 256<<10), events: make([]syscall.EpollEvent, 512)}, err
}

// open adds n clients.
func (g *generator) open(n int, addr, path string) ([]*client, error) {
	first := len(g.clients)
	for range n {
		c, err := dial(addr, path)
		if err != nil {
			return nil, fmt.Errorf("connection %d: %w", len(g.clients)+1, err)
		}
		g.clients = append(g.clients, c)
		for len(g.byFD) <= c.fd {
			g.byFD = append(g.byFD, nil)
		}
		g.byFD[c.fd] = c
		if err := g.watch(c, syscall.EPOLL_CTL_ADD, syscall.EPOLLIN); err != nil {
			return nil, err
		}
	}
	return g.clients[first:], nil
}

func (g *generator) watch(c *client, op int, events uint32) error {
	return syscall.EpollCtl(g.ep, op, c.fd, &syscall.EpollEvent{Events: events, Fd: int32(c.fd)})
}

func (g *generator) close() {
	for _, c := range g.clients {
		c.close()
	}
	syscall.Close(g.ep)
}

// send sends p, or what the kernel takes of it, and the rest as it takes more.
func (g *generator) send(c *client, p []byte) error {
	n, err := again(syscall.Write, c.fd, p)
	if err != nil && err != syscall.EAGAIN {
		return err
	}
	n = max(n, 0)
	waited := len(c.rest) > 0
	c.rest = p[n:]
	switch wait := len(c.rest) > 0; {
	case wait && !waited:
		return g.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|syscall.EPOLLOUT)
	case waited && !wait:
		return g.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN)
	}
	return nil
}

// turn waits for up to wait, -1 for as long as it takes, and calls received with
// each client that messages came for, and how many.
func (g *generator) turn(wait time.Duration, received func(c *client, messages int) error) error {
	ms := int(wait / time.Millisecond)
	n, err := syscall.EpollWait(g.ep, g.events, ms)
	if err == syscall.EINTR {
		return nil
	}
	if err != nil {
		return err
	}
	for _, ev := range g.events[:n] {
		c := g.byFD[ev.Fd]
		if ev.Events&syscall.EPOLLOUT != 0 {
			if err := g.send(c, c.rest); err != nil {
				return err
			}
		}
		if ev.Events&^syscall.EPOLLOUT == 0 {
			continue
		}
		n, err := again(syscall.Read, c.fd, g.buf)
		switch {
		case err == syscall.EAGAIN:
			continue
		case err != nil:
			return err
		case n == 0:
			return errEnded
		}
		if m := c.frames.count(g.buf[:n]); m > 0 {
			if err := received(c, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// errEnded is a server that ends what it should not.
var errEnded = fmt.Errorf("the server closed a connection: %w", io.ErrUnexpectedEOF)

// errLost is a server that does not answer all it should.
var errLost = errors.New("no message for 10 s, and some are due")

// patience is how long the generator waits for messages that are due.
const patience = 10 * time.Second
