package websocket

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/wye-org/wye/websocket/wire"
)

// While nobody reads, control frames still have to be answered, and the end of
// the connection be noticed. So a second after the last Read a lookout reads
// instead, until the next Read recalls it or 64 KiB of messages have come. It
// costs a busy connection nothing but a timer that runs once a second, and a
// connection that waits in Read nothing at all.
const (
	lookoutAfter = time.Second
	aheadBytes   = 64 << 10
	aheadPerItem = 64 // what an empty message counts
)

// errRecalled is how fill tells the lookout that somebody wants to read.
var errRecalled = errors.New("websocket: a read waits")

type lookoutState struct {
	lookout    atomic.Pointer[time.Timer]
	lookoutAt  atomic.Pointer[chan struct{}] // the lookout reads; closed when it has given the lock up
	lookoutSet atomic.Bool                   // the timer runs: nobody need set one
	deaf       atomic.Bool                   // the read-ahead is full: that the peer is silent says nothing

	seen int // reads when the lookout last looked; guarded by reading
}

// setLookout has the lookout look in a while, unless that is due already. The
// timer is a new one each time, so that who waits in Read holds none.
func (c *Conn) setLookout() {
	if !c.lookoutSet.Load() && c.lookoutSet.CompareAndSwap(false, true) {
		c.lookout.Store(time.AfterFunc(lookoutAfter, c.look))
	}
}

// stopLookout has the timer not hold what has ended.
func (c *Conn) stopLookout() {
	if t := c.lookout.Load(); t != nil {
		t.Stop()
	}
}

// lookingOut reports whether the lookout holds the lock.
func (c *Conn) lookingOut() bool { return c.lookoutAt.Load() != nil }

// recallLookout interrupts the lookout, which either sees wanted or is seen
// here. The channel it returns is closed when the lookout has left.
func (c *Conn) recallLookout() <-chan struct{} {
	if left := c.lookoutAt.Load(); left != nil {
		c.nc.SetReadDeadline(time.Unix(1, 0))
		return *left
	}
	return closedChan
}

var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// look is what the timer calls, or a Ping, on a goroutine of its own, which is the
// Conn's: it ends when somebody reads, the read-ahead is full or the connection
// ends.
func (c *Conn) look() {
	c.lookout.Store(nil)
	c.lookoutSet.Store(false) // before the lock is tried: who reads now sets it again when they leave
	if c.why.Load() != nil {
		return
	}
	select {
	case c.reading <- struct{}{}:
	default:
		return
	}
	idle := c.reads == c.seen || c.awaitsPong()
	c.seen = c.reads
	if idle && !c.deaf.Load() {
		left := make(chan struct{})
		defer close(left)
		c.lookoutAt.Store(&left)
		c.readAhead()
		c.lookoutAt.Store(nil)
	}
	if c.deaf.Load() {
		c.in.Release()
		<-c.reading // the next Read sets the timer
		return
	}
	c.leaveRead()
}

// readAhead reads until it is recalled or full.
func (c *Conn) readAhead() {
	for c.wanted.Load() == 0 {
		switch ev := c.next(); ev.Kind {
		case wire.Message, wire.Chunk:
			c.ahead.put(ev)
		case wire.None:
			if c.ahead.bytes+c.in.Held() >= aheadBytes {
				c.deaf.Store(true)
				return
			}
			if c.fill(context.Background()) != nil {
				return
			}
		}
	}
}

// ahead is the messages that came while nobody read, in order.
type ahead struct {
	messages []wire.Event // or chunks; owned
	bytes    int
}

func (a *ahead) put(m wire.Event) {
	if !m.Owned {
		m.Data, m.Owned = bytes.Clone(m.Data), true
	}
	a.messages = append(a.messages, m)
	a.bytes += len(m.Data) + aheadPerItem
}

// take returns the first message; there is one.
func (a *ahead) take() wire.Event {
	m := a.messages[0]
	a.messages[0] = wire.Event{}
	a.bytes -= len(m.Data) + aheadPerItem
	if a.messages = a.messages[1:]; len(a.messages) == 0 {
		a.messages = nil
	}
	return m
}
