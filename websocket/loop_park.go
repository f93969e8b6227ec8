package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/internal/handoff"
)

// A connection with callbacks that no event loop can serve, because there is TLS
// between it and its socket, has a goroutine while something comes, and none while
// nothing does: then it is parked, and the poller says when to go on. A record, or
// a frame, that has come in part does not count: what is there of it waits where
// it is, in crypto/tls or in the Conn.

// idleAfter is how long nothing comes before a connection is parked.
const idleAfter = 20 * time.Millisecond

// untilIdle is the context of a read that ends with errIdle when nothing comes for
// idleAfter.
var untilIdle = context.WithValue(context.Background(), idleKey{}, true)

type idleKey struct{}

var errIdle = errors.New("websocket: nothing comes")

// parking is what a Conn has that can be parked.
type parking struct {
	lot    *lot
	raw    syscall.RawConn // of the socket below
	parked atomic.Bool     // there is no goroutine; who changes that to false starts one

	// Guarded by the lot's mu.
	slot int32 // -1: none yet
}

// lot is where connections are parked. Its goroutine runs as long as there are
// connections that have been, and have not ended.
type lot struct {
	mu    sync.Mutex // guards what is below
	poll  *poller    // nil: the goroutine does not run
	slots slots[Conn]
}

var theLot lot

// findParking has c be parked when it is idle, if that can be.
func (c *Conn) findParking() {
	tcp := socketBelow(c.nc)
	if tcp == nil || !canPoll {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		c.park = &parking{lot: &theLot, raw: raw, slot: -1}
		c.lookoutSet.Store(true) // none is ever set: a goroutine reads, or the poller tells
	}
}

// socketBelow returns the socket that nc goes over, if what is between is known to
// hold nothing back when it says that nothing has come.
func socketBelow(nc wye.Conn) *net.TCPConn {
	over, ok := nc.(interface{ NetConn() net.Conn })
	if !ok {
		return nil
	}
	below := handoff.Below(over.NetConn())
	if secure, ok := below.(*tls.Conn); ok {
		below = secure.NetConn()
	}
	tcp, _ := handoff.Below(below).(*net.TCPConn)
	return tcp
}

// serveWhileBusy is serveCallbacks for a connection that can be parked. It returns
// when the connection has ended, or is parked.
func (c *Conn) serveWhileBusy() {
	ctx := untilIdle
	for {
		m, err := c.readPooled(ctx)
		switch {
		case err == nil:
			c.callMessage(context.Background(), m)
		case !errors.Is(err, errIdle):
			<-c.Done()
			c.park.lot.leave(c)
			c.callHere(called{what: callClosed})
			return
		case c.tryPark():
			return
		default:
			ctx = context.Background() // there is no poller for it
		}
	}
}

// wentIdle ends a read for which nothing has come.
func (c *Conn) wentIdle() error {
	c.nc.SetReadDeadline(time.Time{})
	if c.scratch != nil { // what was in it the Receiver keeps: see wire.Receiver.Space
		c.scratch.giveBack()
		c.scratch = nil
	}
	return errIdle
}

// tryPark parks c. It returns false if that cannot be; else c may have its next
// goroutine already.
func (c *Conn) tryPark() bool {
	p := c.park
	p.parked.Store(true)
	if p.lot.await(c) != nil {
		return !p.parked.CompareAndSwap(true, false)
	}
	if c.ended.Load() {
		c.unpark() // who ended it may not have seen that it is parked
	}
	return true
}

// unpark starts the goroutine of a parked connection.
func (c *Conn) unpark() {
	if c.park.parked.CompareAndSwap(true, false) {
		go c.serveWhileBusy() // the Conn's: it ends when that is parked again, or has ended
	}
}

// await has unpark be called when there is something to read from c's socket, once.
func (l *lot) await(c *Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := c.park
	isNew := p.slot < 0
	if isNew {
		if err := l.enterLocked(c); err != nil {
			return err
		}
	}
	var err error
	closed := p.raw.Control(func(fd uintptr) {
		at, gen := int(p.slot), l.slots.generation(p.slot)
		if isNew {
			err = l.poll.add(int(fd), at, gen, canRead|oneShot)
		} else {
			l.poll.change(int(fd), at, gen, canRead|oneShot)
		}
	})
	return errors.Join(closed, err)
}

// enterLocked gives c a place.
func (l *lot) enterLocked(c *Conn) error {
	if l.poll == nil {
		poll, err := newPoller()
		if err != nil {
			return err
		}
		l.poll = poll
		go l.run(poll) // the lot's: it ends with the last connection
	}
	c.park.slot, _ = l.slots.enter(c)
	return nil
}

// leave takes c's place away. Its socket is closed, so the poller has forgotten it.
func (l *lot) leave(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.park.slot < 0 {
		return
	}
	l.slots.leave(c.park.slot)
	c.park.slot = -1
	if l.slots.taken() == 0 {
		l.poll.wakeAt(time.Unix(1, 0))
		l.poll, l.slots = nil, slots[Conn]{}
	}
}

// run is the goroutine.
func (l *lot) run(poll *poller) {
	defer poll.close()
	for {
		poll.wait()
		l.mu.Lock()
		if l.poll != poll {
			l.mu.Unlock()
			return
		}
		for i := range poll.ready {
			at, gen, _ := poll.event(i)
			if c := l.slots.named(at, gen); c != nil {
				c.unpark()
			}
		}
		l.mu.Unlock()
	}
}
