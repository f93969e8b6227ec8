package websocket

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/wye-org/wye/websocket/wire"
)

// writer is the sending direction of a Conn: a queue of frames, and at any
// moment at most one goroutine that sends them.
//
// Who writes when nobody sends sends at once, as far as the kernel takes it
// without waiting; what is left, or cannot be sent so, is a flusher's: a
// goroutine that sends all that has come together in one call, and ends when
// nothing is left.
//
// As long as further input is buffered, though, more replies may follow. Then
// the reader sends, when it has parsed all of it, so that replies to input that
// came together leave together; or a flusher does, batchMost later, if the
// handler takes its time.
type writer struct {
	mu        sync.Mutex // guards what is below; not held while sending
	out       wire.Sender
	queue     *frames        // nil: empty
	inFlight  int            // bytes that are being sent
	werr      *CloseError    // why a send failed
	streaming *MessageWriter // its message is not ended yet; nil: none
	goodbye   *CloseError    // what our Close frame says; nil: none was asked for

	memberships *membership // in Fanouts; nil: it is in none

	expiry *time.Timer             // closes the connection; nil: never
	cancel context.CancelCauseFunc // of a detached handler; nil: there is none

	room, idle chan struct{} // closed when there is room, or nothing left; made by who waits
	done       chan struct{} // closed when the transport is, by shut
}

// flusher is what a writer needs that sends by goroutines of its own.
type flusher struct {
	// Guarded by mu.
	flushing bool        // a flusher was started and has not looked yet
	batching bool        // batch runs
	timer    *time.Timer // keepalive and close bounds
	batch    *time.Timer // starts a flusher; nil: not needed yet

	flush   func()                // flushSoon, made once
	trySend func(fd uintptr) bool // sendNow, made once
	attempt attempt               // of who sends
}

// attempt is what sendNow sends, and has come to.
type attempt struct {
	f      *frames
	onward bool // it is to wait for room
	err    error
}

// Write queues one message and returns; p is the caller's again. It waits, until
// ctx ends, only for room in the queue, and then nothing was sent and the
// connection is as usable as it was. A text must be valid UTF-8.
//
// That Write returned nil says that the message will be sent as soon as the peer
// takes it, not that it was: see [Conn.Flush]. Once a send has failed, or the
// connection has ended, every Write returns why.
func (c *Conn) Write(ctx context.Context, typ MessageType, p []byte) error {
	return c.write(ctx, outgoing{typ: typ, p: p})
}

// WritePlain is [Conn.Write] without compression, whatever was agreed on: for a
// message that holds a secret beside what somebody else chose, or that is
// compressed already.
func (c *Conn) WritePlain(ctx context.Context, typ MessageType, p []byte) error {
	return c.write(ctx, outgoing{typ: typ, p: p, plain: true})
}

// WritePrepared is [Conn.Write] for a message that many connections get.
func (c *Conn) WritePrepared(ctx context.Context, p *Prepared) error {
	return c.write(ctx, outgoing{prepared: p.frame})
}

// TryWrite is [Conn.Write] that never waits: without room in the queue it
// returns [ErrQueueFull].
func (c *Conn) TryWrite(typ MessageType, p []byte) error {
	return c.write(context.Background(), outgoing{typ: typ, p: p, try: true})
}

// TryWritePrepared is [Conn.WritePrepared] that never waits: without room in
// the queue it returns [ErrQueueFull].
func (c *Conn) TryWritePrepared(p *Prepared) error {
	return c.write(context.Background(), outgoing{prepared: p.frame, try: true})
}

// Flush waits, until ctx ends, for the kernel to have all that was written. It
// returns why a send failed.
func (c *Conn) Flush(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pendingLocked() || c.sending {
		if err := c.brokenLocked(); err != nil {
			return err
		}
		c.sendNowOrSoonLocked()
		if !c.pendingLocked() && !c.sending {
			break
		}
		if err := c.waitLocked(ctx, &c.idle); err != nil {
			return err
		}
	}
	if c.werr != nil {
		return c.brokenLocked()
	}
	return nil
}

// outgoing is a message to be queued.
type outgoing struct {
	typ      MessageType
	p        []byte
	prepared *wire.Prepared // instead of typ and p
	plain    bool           // not compressed
	try      bool           // ErrQueueFull instead of waiting
}

func (m outgoing) size() int {
	if m.prepared != nil {
		return len(m.prepared.Payload())
	}
	return len(m.p)
}

// write queues m and sees to it that it is sent.
func (c *Conn) write(ctx context.Context, m outgoing) error {
	if err := c.queueMessage(ctx, m); err != nil {
		return err
	}
	if m.prepared != nil {
		m.typ = MessageType(m.prepared.Op())
	}
	c.countSent(m.typ, m.size())
	return nil
}

func (c *Conn) queueMessage(ctx context.Context, m outgoing) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.awaitRoomLocked(ctx, nil, m.size(), m.try); err != nil {
		return err
	}
	if err := c.appendLocked(m); err != nil {
		return err
	}
	c.sendLocked()
	if c.queue != nil {
		c.queue.keep() // what was not sent: p is the caller's again
	}
	return nil
}

// awaitRoomLocked waits until n bytes may be queued: as part of the message that
// w streams or, if w is nil, as a message. try waits for nothing.
func (c *Conn) awaitRoomLocked(ctx context.Context, w *MessageWriter, n int, try bool) error {
	for {
		if err := c.brokenLocked(); err != nil {
			return err
		}
		if c.out.State() != wire.Open {
			return ErrClosing
		}
		if c.streaming == w && c.roomLocked(n) {
			return nil
		}
		if try || c.mayNotWait() {
			c.full = true
			return ErrQueueFull
		}
		if err := c.waitLocked(ctx, &c.room); err != nil {
			return err
		}
	}
}

// roomLocked reports whether a message of n bytes fits the queue. One that
// never would, fits an empty one.
//
// Nor does one to which a callback replies, if the queue was not half full
// before: input is not read while it is.
func (c *Conn) roomLocked(n int) bool {
	if c.mayNotWait() && !c.crowdedLocked() {
		return true
	}
	q := c.queue
	if q == nil {
		return c.inFlight == 0 || c.inFlight+n <= c.opt.WriteQueueBytes
	}
	return q.left()+c.inFlight+n <= c.opt.WriteQueueBytes && q.messages < c.opt.WriteQueueMessages
}

func (c *Conn) appendLocked(m outgoing) (err error) {
	q := c.tailLocked()
	c.out.Plain = m.plain
	form, lies := c.out.Form()
	if c.looped == nil && c.raw == nil || m.size() < largeBytes {
		lies = false // only the kernel takes several parts as one, and only large ones are worth it
	}
	switch {
	case lies && m.prepared != nil && isMessage(m.prepared.Op()):
		q.add(large{p: m.prepared.Frame(form)})
	case m.prepared != nil:
		q.grow(m.size() + wire.MaxHeader)
		q.b, err = c.out.AppendPrepared(q.b, m.prepared)
	case lies && form == (wire.Form{}):
		q.grow(wire.MaxHeader)
		if q.b, err = c.out.AppendHeader(q.b, wire.Opcode(m.typ), len(m.p)); err == nil {
			q.add(large{p: m.p, lent: true})
		}
	default:
		q.grow(m.size() + wire.MaxHeader)
		q.b, err = c.out.AppendMessage(q.b, wire.Opcode(m.typ), m.p)
	}
	switch {
	case err == nil:
		q.messages++
	case q.left() == 0:
		c.queue = nil
		q.free()
	}
	if errors.Is(err, wire.ErrOpcode) {
		return ErrMessageType
	}
	return err
}

func isMessage(op wire.Opcode) bool { return op == wire.OpText || op == wire.OpBinary }

// tailLocked is where frames are queued.
func (c *Conn) tailLocked() *frames {
	if c.queue == nil {
		c.queue = framesPool.Get().(*frames)
		c.queue.grow(1)
	}
	return c.queue
}

// brokenLocked is why nothing can be sent any more; nil: it can.
func (c *Conn) brokenLocked() error {
	if why := c.why.Load(); why != nil {
		return why
	}
	if c.werr != nil {
		return c.werr
	}
	return nil
}

// pendingLocked reports whether there is something to send.
func (c *Conn) pendingLocked() bool {
	return c.queue != nil || c.out.Owes() || c.looped != nil && c.partial != nil
}

// queuedLocked returns how many bytes wait to be sent.
func (c *Conn) queuedLocked() int {
	if c.queue == nil {
		return c.inFlight
	}
	return c.inFlight + c.queue.left()
}

// crowdedLocked reports whether the queue is more than half full.
func (c *Conn) crowdedLocked() bool {
	return c.queuedLocked() > c.opt.WriteQueueBytes/2 || c.queue != nil && c.queue.messages > c.opt.WriteQueueMessages/2
}

// sendPending sends what is queued or owed.
func (c *Conn) sendPending() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendLocked()
}

// batchMost is how long a reply waits, at the most, for those to the input that
// came with its own.
const batchMost = time.Millisecond

// sendLocked sees to it that what is queued and owed is sent: now, or at the end
// of the batch of input. mu is given up while sending.
func (c *Conn) sendLocked() {
	switch {
	case !c.more.Load() || c.looped != nil && c.lendsMuchLocked():
		c.sendNowOrSoonLocked()
	case c.looped != nil: // at the end of the turn
	case !c.batching && !c.sending && !c.flushing && c.pendingLocked():
		c.batching = true
		if c.batch == nil {
			c.batch = time.AfterFunc(batchMost, c.batchOver)
		} else {
			c.batch.Reset(batchMost)
		}
	}
}

// sendNowOrSoonLocked sends here if that takes no waiting, else by a flusher.
func (c *Conn) sendNowOrSoonLocked() {
	switch {
	case c.sending || c.werr != nil || !c.pendingLocked():
	case c.looped != nil:
		c.pushOrPostLocked()
	case c.flushing:
	case c.raw == nil:
		c.startFlusherLocked()
	default:
		c.sendNowLocked()
	}
}

// batchOver is what the batch timer calls.
func (c *Conn) batchOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batching = false
	c.sendNowOrSoonLocked()
}

// takeLocked makes the caller the one that sends, and gives it what to send.
// What is owed is appended only here, so that there is one pong at most on the
// way however many pings come.
func (c *Conn) takeLocked() *frames {
	if c.blocking != nil && c.batching {
		c.batching = false
		c.batch.Stop() // in vain if batchOver waits for mu: then the next batch is sent in two
	}
	f := c.tailLocked()
	if c.out.Owes() {
		f.b = c.out.AppendReplies(f.b, c.now())
		c.resetTimerLocked() // for the answer to a ping
	}
	c.queue, c.sending, c.inFlight = nil, true, f.left()
	return f
}

// sentLocked ends a takeLocked. err is why it failed, or nil. If nothing failed,
// what is left of f is queued again, before what came meanwhile.
func (c *Conn) sentLocked(f *frames, err error) {
	if err == nil && f.left() > 0 {
		f.messages = 0
		if c.queue != nil {
			f.join(c.queue)
		}
		c.queue = f
	} else {
		f.free()
	}
	c.sentAllLocked(err)
}

// sentAllLocked is sentLocked for what was no part of the queue.
func (c *Conn) sentAllLocked(err error) {
	c.sending, c.inFlight = false, 0
	if err != nil && c.werr == nil {
		c.werr = &CloseError{Code: StatusAbnormalClosure, Remote: true, Err: err}
	}
	if c.werr != nil || c.roomLocked(c.opt.WriteQueueBytes/2) {
		wake(&c.room)
		c.drainedLocked()
	}
	if c.werr != nil || !c.pendingLocked() {
		wake(&c.idle)
	}
}

// sendNowLocked sends what the kernel takes without waiting, and leaves the
// rest to a flusher.
func (c *Conn) sendNowLocked() {
	f := c.takeLocked()
	c.mu.Unlock()
	err := c.sendFrames(f, false)
	c.mu.Lock()
	c.sentLocked(f, err)
	if c.werr == nil && c.pendingLocked() {
		c.startFlusherLocked()
	}
}

// sendFrames sends f through the socket, as far as the kernel takes it, or to its
// end if it is onward. The caller is the one who sends.
func (c *Conn) sendFrames(f *frames, onward bool) error {
	c.attempt = attempt{f: f, onward: onward}
	err := c.raw.Write(c.trySend)
	if err == nil {
		err = c.attempt.err
	}
	c.attempt = attempt{}
	return err
}

// startFlusherLocked starts the goroutine that sends what is queued. It is the
// Conn's; it ends when nothing is left or a send fails, which WriteTimeout
// bounds.
func (c *Conn) startFlusherLocked() {
	if !c.flushing && !c.sending {
		c.flushing = true
		go c.flush()
	}
}

// flushSoon is the flusher.
func (c *Conn) flushSoon() {
	if err := c.flushAll(); errors.Is(err, os.ErrDeadlineExceeded) {
		// The peer takes nothing. After any other failure the reader is left
		// to find out more: a Close frame may have come.
		c.settle(&CloseError{Code: StatusAbnormalClosure, Err: fmt.Errorf("websocket: the peer took nothing for %v: %w", c.opt.WriteTimeout, err)})
		c.abort()
	}
}

// flushAll sends until nothing is left or a send fails.
func (c *Conn) flushAll() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushing = false
	for !c.sending && c.werr == nil && c.pendingLocked() {
		f, bare := c.takeLocked(), c.raw != nil
		c.mu.Unlock()
		err := c.sendAll(f, bare)
		c.mu.Lock()
		c.sentLocked(f, err)
		if err != nil {
			return err
		}
	}
	return nil
}

// sendAll sends f within WriteTimeout, through the bare socket if there is one.
func (c *Conn) sendAll(f *frames, bare bool) error {
	if c.opt.WriteTimeout > 0 {
		c.nc.SetWriteDeadline(time.Now().Add(c.opt.WriteTimeout))
		defer c.nc.SetWriteDeadline(time.Time{}) // for those who send at once
	}
	if bare {
		return c.sendFrames(f, true)
	}
	b := f.joined()
	n, err := c.nc.Write(b)
	f.sent += n
	return err
}

// waitLocked gives mu up until *ch is closed or ctx ends.
func (c *Conn) waitLocked(ctx context.Context, ch *chan struct{}) error {
	if *ch == nil {
		*ch = make(chan struct{})
	}
	woken, done := *ch, c.doneLocked()
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-woken:
		return nil
	case <-done:
		return nil // brokenLocked says why
	case <-ctx.Done():
		return ctx.Err()
	}
}

func wake(ch *chan struct{}) {
	if *ch != nil {
		close(*ch)
		*ch = nil
	}
}
