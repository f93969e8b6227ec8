package servertest

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// A Cutter is a TCP proxy in front of servers that resets connections.
type Cutter struct {
	l     net.Listener
	nodes []string
	wg    sync.WaitGroup

	mu     sync.Mutex // guards what is below
	live   []*cuttable
	closed bool
	passed int
	cut    int
}

type cuttable struct{ near, far net.Conn }

// NewCutter begins to listen. Each connection goes to one of the addresses, by chance.
func NewCutter(t testing.TB, nodes ...string) *Cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cutter{l: l, nodes: nodes}
	c.wg.Go(c.accept) // ends with the listener
	t.Cleanup(c.close)
	return c
}

// Addr is where it listens.
func (c *Cutter) Addr() string { return c.l.Addr().String() }

func (c *Cutter) accept() {
	for {
		near, err := c.l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.nodes[rand.IntN(len(c.nodes))])
		if err != nil {
			near.Close()
			continue
		}
		x := &cuttable{near, far}
		if !c.add(x) {
			x.reset()
			continue
		}
		c.wg.Go(func() { c.pass(x) }) // ends with the connection, which close resets
	}
}

func (c *Cutter) add(x *cuttable) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.live = append(c.live, x)
		c.passed++
	}
	return !c.closed
}

func (c *Cutter) pass(x *cuttable) {
	var wg sync.WaitGroup
	half := func(to, from net.Conn) {
		io.Copy(to, from)
		to.(*net.TCPConn).CloseWrite()
	}
	wg.Go(func() { half(x.far, x.near) }) // waited for below
	half(x.near, x.far)
	wg.Wait()
	x.near.Close()
	x.far.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, o := range c.live {
		if o == x {
			c.live[i] = c.live[len(c.live)-1]
			c.live = c.live[:len(c.live)-1]
			return
		}
	}
}

// Cut resets a connection, on both sides, and reports whether there was one.
func (c *Cutter) Cut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.live) == 0 {
		return false
	}
	i := rand.IntN(len(c.live))
	c.live[i].reset()
	c.live[i] = c.live[len(c.live)-1]
	c.live = c.live[:len(c.live)-1]
	c.cut++
	return true
}

// Counts are how many connections there have been, and how many of them were cut.
func (c *Cutter) Counts() (passed, cut int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed, c.cut
}

// reset closes both without a goodbye: what is on its way is lost.
func (x *cuttable) reset() {
	for _, conn := range []net.Conn{x.near, x.far} {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

func (c *Cutter) close() {
	c.l.Close()
	c.mu.Lock()
	c.closed = true
	for _, x := range c.live {
		x.reset()
	}
	c.mu.Unlock()
	c.wg.Wait()
}
