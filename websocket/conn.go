package websocket

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket/wire"
)

// Conn is a WebSocket connection. All methods may be called concurrently and in
// any order, also after the connection has ended; reads wait for each other.
//
// A Conn must be closed, or be read until there is an error.
type Conn struct {
	opt     *settings
	request atomic.Pointer[wye.Request] // server side only; nil from Pipe
	subprot string
	agreed  *wire.Agreed // on compression; nil: none

	why     atomic.Pointer[CloseError] // why the connection ended; set once, by settle
	release func()                     // called by shut; may be nil
	ended   atomic.Bool                // shut was called
	quiet   atomic.Bool                // Close was called: messages are of no interest
	more    atomic.Bool                // further input is buffered: its replies will follow
	sending bool                       // guarded by mu: somebody sends, and will look at the queue again
	full    bool                       // guarded by mu: a write found no room and did not wait for it
	heard   atomic.Int64               // wire.Instant of the last input

	in   wire.Receiver // guarded by reading
	pace *rate.Limiter // of messages received; nil: as they come
	writer
	counters
	*pinger   // nil: nobody has pinged yet
	*blocking // nil: looped is not
	*looped   // nil: blocking is not
}

// blocking is what a Conn has whose reads block, on a transport that is a
// net.Conn.
type blocking struct {
	nc         wye.Conn
	raw        syscall.RawConn // nc, if that is nothing but a socket; changed by who holds mu and reading
	rawLater   bool            // raw may be had later; guarded by reading
	calledLast bool            // Closed was called; guarded by calling
	began      time.Time
	carrier    string   // a client's; "": not known
	calls      *Loop    // whose callbacks get what is read; nil: there are none
	park       *parking // of one that needs no goroutine while it is idle; nil: it does, or has no callbacks

	calling sync.Mutex // held during a callback
	reader
	flusher
}

// now is the clock that package wire is given. Its zero is the connection's own,
// because a test's may be of another time than the program's.
func (c *Conn) now() wire.Instant {
	if c.looped != nil {
		return c.shard.now()
	}
	return wire.Instant(time.Since(c.began))
}

// newConn makes a Conn of nc, on which the peer speaks WebSocket from the next
// byte on. start has to follow.
func newConn(nc wye.Conn, set *settings) *Conn {
	var both struct { // in one piece
		Conn
		blocking
	}
	c := &both.Conn
	c.blocking = &both.blocking
	c.nc, c.began = nc, time.Now()
	c.reading, c.drained = make(chan struct{}, 1), true
	c.flush, c.trySend, c.tryReceive = c.flushSoon, c.sendNow, c.receiveNow
	c.set(set)
	return c
}

// set makes c begin as s says.
func (c *Conn) set(s *settings) {
	c.opt = s
	c.in, c.out = wire.NewReceiver(&s.wire), wire.NewSender(&s.wire)
	if s.MessageRate > 0 {
		c.pace = rate.NewLimiter(rate.Limit(s.MessageRate), s.MessageBurst)
	}
}

// agree notes what was agreed of compression, before start.
func (c *Conn) agree(a wire.Agreed) {
	if a.InUse {
		held := a // only this goes to the heap
		c.agreed = &held
	}
}

// start lets the timers run, and makes c a member that can be asked to leave.
func (c *Conn) start() *Conn {
	c.heard.Store(int64(c.now()))
	c.mu.Lock()
	if c.agreed != nil {
		c.in.Agree(*c.agreed)
		c.out.Agree(*c.agreed)
	}
	if c.blocking != nil {
		c.findRaw()
		c.timer = time.AfterFunc(time.Hour, c.tick)
		c.setLookout()
	}
	c.resetTimerLocked()
	c.mu.Unlock()
	if l, ok := c.leaver(); ok {
		l.OnLeave(c.leave)
	}
	if f := c.opt.Hooks.Opened; f != nil {
		f(c)
	}
	switch {
	case c.looped != nil:
		c.shard.open(c)
	case c.calls != nil:
		go c.serveCallbacks() // the Conn's: it ends with the connection
	}
	return c
}

// leaver is what tells c to leave, if it is part of a group.
func (c *Conn) leaver() (l interface {
	OnLeave(func(context.Context, error) error)
}, ok bool) {
	if c.looped != nil {
		return c.member, true
	}
	l, ok = c.nc.(interface {
		OnLeave(func(context.Context, error) error)
	})
	return l, ok
}

// callbacks returns the Loop that has c's callbacks; nil: c is read from.
func (c *Conn) callbacks() *Loop {
	if c.looped != nil {
		return c.loop
	}
	return c.calls
}

// mayNotWait reports whether those who call c's methods must not be made to wait.
func (c *Conn) mayNotWait() bool {
	l := c.callbacks()
	return l != nil && !l.Blocking
}

// findRaw looks for the socket that nc is, if it is nothing else: TLS is more, and
// what somebody has wrapped may count on its Read and Write. It is not to be had as
// long as bytes that came with the head are unread. mu and reading are held.
func (c *Conn) findRaw() {
	c.rawLater = false
	nc, ok := c.nc.(interface {
		syscall.Conn
		NetConn() net.Conn
		Take() (net.Conn, []byte, *wye.Member)
	})
	if !ok || !canUseSockets {
		return
	}
	switch nc.NetConn().(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := nc.SyscallConn()
		if c.rawLater = err != nil; err == nil {
			c.raw = raw
		}
	}
}

// Subprotocol returns what was agreed on; empty: none.
func (c *Conn) Subprotocol() string { return c.subprot }

// Compressed reports whether permessage-deflate was agreed on.
func (c *Conn) Compressed() bool { return c.agreed != nil }

// Extensions returns what was agreed on as Sec-WebSocket-Extensions says it;
// empty: none. RFC 7692 section 7.1.
func (c *Conn) Extensions() string {
	if c.agreed == nil {
		return ""
	}
	return c.agreed.String()
}

// Request returns the request that became this connection, on a server; nil on
// a client and from [Pipe].
func (c *Conn) Request() *wye.Request { return c.request.Load() }

// Carrier returns the version of HTTP that the connection goes over: "h1", "h2"
// or "h3"; "" from [Pipe], and in a browser, which does not say.
func (c *Conn) Carrier() string {
	if r := c.request.Load(); r != nil {
		return r.Carrier()
	}
	if c.looped != nil {
		return "h1"
	}
	return c.carrier
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr {
	if c.looped != nil {
		return c.local
	}
	return c.nc.LocalAddr()
}

// RemoteAddr returns the address of the peer, or of the last proxy before it.
func (c *Conn) RemoteAddr() net.Addr {
	if c.looped != nil {
		return net.TCPAddrFromAddrPort(c.remote)
	}
	return c.nc.RemoteAddr()
}

// Done returns a channel that is closed when the connection has ended and its
// transport is closed. [Conn.Err] then says why.
func (c *Conn) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doneLocked()
}

func (c *Conn) doneLocked() <-chan struct{} {
	if c.done == nil {
		c.done = make(chan struct{})
	}
	return c.done
}

// Err returns nil while the connection lives, and then why it ended: always the
// same [*CloseError].
func (c *Conn) Err() error {
	if e := c.why.Load(); e != nil {
		return e
	}
	return nil
}

// settle says why the connection ended, and reports whether that was not said
// before.
func (c *Conn) settle(why *CloseError) bool { return c.why.CompareAndSwap(nil, why) }
