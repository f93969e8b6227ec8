package load

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// A Generator is the load: clients on one epoll, served by the calling thread.
// It makes no garbage and knows no more of the protocol than where a message
// ends, so that the server is what is measured. It answers pings.
type Generator struct {
	Clients []*Client
	Pings   int // answered so far
	Ready   int // clients that the last Turn had something to do for

	ep     int
	byFD   []*Client
	buf    []byte
	events []syscall.EpollEvent
}

// AtOnce is how many clients one Turn serves at most.
const AtOnce = 512

// New makes a generator without clients.
func New() (*Generator, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	return &Generator{ep: ep, buf: make([]byte, 256<<10), events: make([]syscall.EpollEvent, AtOnce)}, err
}

// Open adds n clients, and returns them.
func (g *Generator) Open(n int, t Target) ([]*Client, error) {
	first := len(g.Clients)
	for range n {
		c, err := Dial(t)
		if err != nil {
			return nil, fmt.Errorf("connection %d: %w", len(g.Clients)+1, err)
		}
		g.Clients = append(g.Clients, c)
		for len(g.byFD) <= c.fd {
			g.byFD = append(g.byFD, nil)
		}
		g.byFD[c.fd] = c
		if err := g.watch(c, syscall.EPOLL_CTL_ADD, syscall.EPOLLIN); err != nil {
			return nil, err
		}
		if err := g.answer(c); err != nil { // to what came along with the 101
			return nil, err
		}
	}
	return g.Clients[first:], nil
}

func (g *Generator) watch(c *Client, op int, events uint32) error {
	return syscall.EpollCtl(g.ep, op, c.fd, &syscall.EpollEvent{Events: events, Fd: int32(c.fd)})
}

// Close ends all connections.
func (g *Generator) Close() {
	for _, c := range g.Clients {
		c.Reset()
	}
	syscall.Close(g.ep)
}

// Behind says whether the kernel has not taken all that was sent on c. Then
// nothing further can be.
func (c *Client) Behind() bool { return len(c.rest) > 0 }

// Send sends p, or what the kernel takes of it, and the rest as it takes more. p
// must not change meanwhile.
func (g *Generator) Send(c *Client, p []byte) error {
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

// Turn waits for up to wait, in whole milliseconds, and calls received with each
// client that messages came for, and how many.
func (g *Generator) Turn(wait time.Duration, received func(c *Client, messages int) error) error {
	n, err := syscall.EpollWait(g.ep, g.events, int(wait/time.Millisecond))
	g.Ready = max(n, 0)
	if err == syscall.EINTR {
		return nil
	}
	if err != nil {
		return err
	}
	for _, ev := range g.events[:n] {
		c := g.byFD[ev.Fd]
		if ev.Events&syscall.EPOLLOUT != 0 {
			if err := g.Send(c, c.rest); err != nil {
				return err
			}
		}
		if ev.Events&^syscall.EPOLLOUT == 0 {
			continue
		}
		if err := g.receive(c, received); err != nil {
			return err
		}
	}
	return nil
}

func (g *Generator) receive(c *Client, received func(c *Client, messages int) error) error {
	n, err := again(syscall.Read, c.fd, g.buf)
	switch {
	case err == syscall.EAGAIN:
		return nil
	case err != nil:
		return err
	case n == 0:
		return errEnded
	}
	m := c.frames.count(g.buf[:n])
	if err := g.answer(c); err != nil {
		return err
	}
	if m == 0 {
		return nil
	}
	return received(c, m)
}

// answer sends a pong if pings came. One that came while something is being sent
// is answered with the next.
func (g *Generator) answer(c *Client) error {
	if c.frames.pings == 0 || c.Behind() {
		return nil
	}
	// "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in
	// response to previous Ping frame(s), the endpoint MAY elect to send a Pong
	// frame for only the most recently processed Ping frame." RFC 6455 §5.5.3
	g.Pings += c.frames.pings
	c.frames.pings = 0
	c.pong = appendFrame(c.pong[:0], 0x80|opPong, c.frames.ping)
	return g.Send(c, c.pong)
}

// errEnded is a server that ends what it should not.
var errEnded = fmt.Errorf("the server closed a connection: %w", io.ErrUnexpectedEOF)

// errLost is a server that does not answer all it should.
var errLost = errors.New("messages are due, and none came")

// patience is how long the generator waits for what is due.
const patience = 10 * time.Second

// A Watch notices that nothing comes any more. Its zero value is not ready: see
// Begin.
type Watch struct{ last time.Time }

// Begin starts a watch.
func Begin() Watch { return Watch{time.Now()} }

// Came says whether something came since the last call, and fails when nothing
// has for long.
func (w *Watch) Came(something bool) error {
	switch now := time.Now(); {
	case something:
		w.last = now
	case now.Sub(w.last) > patience:
		return fmt.Errorf("%w for %s", errLost, patience)
	}
	return nil
}
