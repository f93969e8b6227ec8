package websocket

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/wye-org/wye/websocket/wire"
)

// reader is the receiving direction of a Conn whose reads block.
type reader struct {
	reading chan struct{} // a lock that a context can give up waiting for; full: somebody reads
	wanted  atomic.Int32  // how many wait for the lock

	// Guarded by reading.
	drained  bool           // in has no event without further input
	filled   bool           // the last read through nc was as long as it could be
	dropping bool           // the rest of a message that nobody reads any more is to come
	scratch  *scratch       // what in is parsing; nil: nothing
	got      received       // what receiveNow has come to
	current  *MessageReader // the message that is read as it comes; nil: none
	reads    int            // messages and parts returned so far
	watch    watch
	ahead    ahead

	tryReceive func(fd uintptr) bool // receiveNow, made once

	lookoutState
}

// Read returns the next message. The slice is the caller's.
//
// A Read whose ctx ends returns ctx's error and leaves the connection as it
// was; nothing that has come is lost. What has been received already is
// returned even if ctx has ended. When the connection has ended the error is
// its [*CloseError].
//
// Successive reads under the same context, or contexts with the same Done
// channel, share one registration with it; a new context for each call costs one
// each time.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	if err := c.lockRead(ctx); err != nil {
		return 0, nil, err
	}
	var m wire.Event
	err := c.await(ctx)
	if err == nil {
		m, err = c.message(ctx)
	}
	if err == nil && !m.Owned {
		m.Data = append(make([]byte, 0, len(m.Data)), m.Data...)
	}
	c.unlockRead()
	if err != nil {
		return 0, nil, err
	}
	c.countReceived(MessageType(m.Op), len(m.Data))
	return MessageType(m.Op), m.Data, nil
}

// ReadInto appends the next message to dst, which may be nil, and returns the
// extended slice. On an error it returns dst as it was. With a dst that has
// room it allocates nothing. Otherwise it is [Conn.Read].
func (c *Conn) ReadInto(ctx context.Context, dst []byte) (MessageType, []byte, error) {
	if err := c.lockRead(ctx); err != nil {
		return 0, dst, err
	}
	var m wire.Event
	err := c.await(ctx)
	if err == nil {
		m, err = c.message(ctx)
	}
	n := len(m.Data)
	dst = append(dst, m.Data...)
	if m.Owned {
		giveBuffer(m.Data)
	}
	c.unlockRead()
	if err != nil {
		return 0, dst, err
	}
	c.countReceived(MessageType(m.Op), n)
	return MessageType(m.Op), dst, nil
}

// ErrCallbacks: the connection's messages go to the callbacks of a [Loop], so they
// cannot be read.
var ErrCallbacks = errors.New("websocket: read from a connection that has callbacks")

// lockRead makes the caller, who is the application, the only reader.
func (c *Conn) lockRead(ctx context.Context) error {
	if c.callbacks() != nil {
		return c.notForReads()
	}
	return c.lockReading(ctx)
}

// notForReads is what the application's reads return beside callbacks.
func (c *Conn) notForReads() error {
	if err := c.Err(); err != nil {
		return err
	}
	return ErrCallbacks
}

func (c *Conn) lockReading(ctx context.Context) error {
	select {
	case c.reading <- struct{}{}:
		return nil
	default:
	}
	c.wanted.Add(1)
	defer c.wanted.Add(-1)
	select {
	case c.reading <- struct{}{}:
		return nil
	case <-c.recallLookout():
		// It has left at once, so that even a ctx that has ended gets what it
		// read ahead.
	}
	return acquire(ctx, c.reading)
}

func (c *Conn) unlockRead() {
	if c.deaf.Load() {
		c.deaf.Store(false) // there is room again
	}
	c.leaveRead()
}

// leaveRead gives the lock up, and what an idle or ended connection need not
// hold.
func (c *Conn) leaveRead() {
	c.freeScratch()
	c.in.Release() // what a compressed message lay in
	ended := c.why.Load() != nil
	if ended {
		c.watch.forget()
	}
	<-c.reading
	if !ended {
		c.setLookout()
	}
}

// await waits for input if there has to be some: mostly there has, and in
// need not be asked first.
func (c *Conn) await(ctx context.Context) error {
	if !c.drained || c.pace != nil || len(c.ahead.messages) > 0 {
		return nil
	}
	return c.fill(ctx)
}

// message returns the next message. It does what the frames before it ask for,
// and waits for input.
func (c *Conn) message(ctx context.Context) (wire.Event, error) {
	c.supersede()
	if c.pace != nil {
		if err := c.pace.Wait(ctx); err != nil {
			if ctx.Err() == nil {
				<-ctx.Done() // it ends before their turn comes
			}
			return wire.Event{}, ctx.Err()
		}
	}
	return c.part(ctx, true)
}

// next returns the next event, after doing what it asks for.
func (c *Conn) next() wire.Event {
	ev := c.in.Next()
	switch ev.Kind {
	case wire.None:
		c.drained = true
		c.freeScratch()
		if c.more.Load() {
			c.more.Store(false)
			c.sendPending()
		}
	case wire.Message, wire.Chunk:
		more := c.in.Buffered() > 0
		c.drained = !more && ev.Kind == wire.Message
		if more != c.more.Load() {
			c.more.Store(more)
		}
	case wire.Ping, wire.Pong:
		c.control(ev)
	case wire.Close:
		c.closeReceived(ev)
	case wire.Failed:
		c.peerFailed(ev)
	}
	return ev
}

// control hands a ping or pong to the sending direction.
func (c *Conn) control(ev wire.Event) {
	c.mu.Lock()
	answers := c.out.Answers()
	c.out.Apply(ev, c.now())
	answered, rtt := c.out.Answers() > answers, time.Duration(c.out.RTT())
	if ev.Kind == wire.Pong {
		c.pongReceivedLocked(ev.Data)
	}
	if c.in.Buffered() > 0 {
		c.more.Store(true) // what is buffered may have replies, too
	}
	c.sendLocked()
	c.mu.Unlock()
	if answered {
		c.tellRoundTrip(rtt)
	}
}

// fill waits for input. It fails when the connection has ended, when ctx ends,
// and with errRecalled.
func (c *Conn) fill(ctx context.Context) error {
	for {
		if why := c.why.Load(); why != nil {
			return why
		}
		if err := c.arm(ctx); err != nil {
			return err
		}
		if ctx == untilIdle {
			c.nc.SetReadDeadline(time.Now().Add(idleAfter))
		}
		n, err := c.receive()
		switch {
		case n > 0:
			return nil // a read error will come again
		case ctx == untilIdle && errors.Is(err, os.ErrDeadlineExceeded):
			return c.wentIdle()
		case errors.Is(err, os.ErrDeadlineExceeded):
			// Somebody interrupts us, or did when we were not looking: clear
			// that first and look then, so that the next one is not lost.
			c.nc.SetReadDeadline(time.Time{})
			if c.lookingOut() && c.wanted.Load() > 0 {
				return errRecalled
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		case err != nil:
			return c.transportEnded(err)
		}
	}
}

// receive reads once.
func (c *Conn) receive() (n int, err error) {
	if c.raw != nil { // changed only here, while others might read
		n, err = c.receiveFromSocket()
	} else {
		n, err = c.receiveThrough()
	}
	if n <= 0 {
		return 0, err
	}
	c.heard.Store(int64(c.now()))
	if c.rawLater {
		c.mu.Lock()
		c.findRaw()
		c.mu.Unlock()
	}
	return n, nil
}

// receiveThrough reads once from what may be anything, and therefore has to hold a
// scratch while it waits: a small one, until one was filled.
func (c *Conn) receiveThrough() (int, error) {
	size := smallScratch
	if c.filled {
		size = mediumScratch
	}
	s := takeScratch(size)
	space := c.offer(s)
	n, err := c.nc.Read(space)
	c.took(s, n)
	c.filled = n == len(space)
	return n, err
}

// offer returns where to read to: s, unless it is the message that the input
// belongs to.
func (c *Conn) offer(s *scratch) []byte {
	space := c.in.Space(s.b)
	if c.lookingOut() {
		space = space[:min(len(space), mediumScratch)]
	}
	return space
}

// took notes that n bytes were read. If there were none, s is given back.
func (c *Conn) took(s *scratch, n int) {
	c.in.Received(n)
	if n <= 0 {
		s.giveBack()
		return
	}
	c.scratch, c.drained = s, false
}

// freeScratch gives the scratch back once it is parsed to its end.
func (c *Conn) freeScratch() {
	if c.scratch != nil && c.in.Buffered() == 0 {
		c.scratch.giveBack()
		c.scratch = nil
	}
}

// transportEnded notes the end of the transport before a Close frame came.
func (c *Conn) transportEnded(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	c.settle(&CloseError{Code: StatusAbnormalClosure, Remote: true, Err: err})
	c.shut(c.nc.Close)
	return c.Err()
}

// watch interrupts reads when their context ends: with one registration for as
// long as they have the same one.
type watch struct {
	done <-chan struct{}
	stop func() bool
}

// arm has the end of ctx interrupt reads.
func (c *Conn) arm(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w, done := &c.watch, ctx.Done()
	if own, ok := ctx.(handlerContext); ok && own.conn == c {
		done = nil // it ends with the connection, as reads do
	}
	if done != w.done {
		w.forget()
		if done != nil {
			w.done = done
			w.stop = context.AfterFunc(ctx, func() { c.nc.SetReadDeadline(time.Unix(1, 0)) })
		}
	}
	return nil
}

func (w *watch) forget() {
	if w.stop != nil {
		w.stop()
	}
	*w = watch{}
}
