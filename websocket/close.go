package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket/wire"
)

// Close sends what is queued and a Close frame with code and reason, and waits
// for the peer's: until then messages that still come are discarded. A code of 0
// sends none; a reason is cut to 123 bytes. RFC 6455 section 7.1.2.
//
// It returns nil when the closing handshake is complete, also if the peer began
// it, and the connection's [*CloseError] when it ended otherwise. The wait is
// bounded by CloseTimeout; when that or ctx ends, the connection is cut. A code
// that may not be sent is an error that changes nothing.
//
// With a [Loop] whose callbacks must not block it waits for nothing: how it ended
// the Closed callback learns.
func (c *Conn) Close(ctx context.Context, code StatusCode, reason string) error {
	if err := c.sayGoodbye(code, reason); err != nil {
		return err
	}
	if c.mayNotWait() {
		return nil
	}
	return c.awaitEnd(ctx)
}

// sayGoodbye begins the closing handshake, unless that was begun.
func (c *Conn) sayGoodbye(code StatusCode, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine, err := c.out.Close(code, reason, c.now())
	if err != nil {
		return fmt.Errorf("websocket: Close: %w", err)
	}
	if mine {
		c.goodbye = &CloseError{Code: code, Reason: reason}
		if code == 0 {
			c.goodbye.Code = StatusNoStatusRcvd
		}
		c.quiet.Store(true)
		wake(&c.room) // who waits there will not write any more
		if c.looped != nil && c.tasks != nil {
			// The peer's Close waits for replies, or is not read because of what
			// waits for callbacks: there are none any more.
			if c.tasks.last != nil {
				c.shard.post(c, toFinish)
			}
			if c.paused&pausedByWork != 0 {
				c.shard.post(c, toResume)
			}
		}
		c.resetTimerLocked()
		c.sendNowOrSoonLocked()
	}
	return nil
}

// CloseNow ends the connection at once, without a closing handshake and without
// sending what is queued. It may be deferred beside a Close: on a connection
// that has ended, or that has received the peer's Close, it does nothing.
func (c *Conn) CloseNow() error {
	if c.settle(&CloseError{Code: StatusAbnormalClosure, Err: ErrClosedNow}) {
		c.abort()
	} // else the transport ends in good order, and within CloseTimeout
	return nil
}

// awaitEnd discards messages until the connection has ended.
func (c *Conn) awaitEnd(ctx context.Context) error {
	done := c.Done()
	if c.blocking != nil {
		c.discardUntil(ctx, done)
	}
	select {
	case <-done:
	case <-ctx.Done():
		c.settle(&CloseError{Code: StatusAbnormalClosure, Err: ctx.Err()})
		c.abort()
	}
	if why := c.why.Load(); why != nil && why.Err != nil {
		return why
	}
	return nil
}

// discardUntil reads if nobody else does.
func (c *Conn) discardUntil(ctx context.Context, done <-chan struct{}) {
	select {
	case c.reading <- struct{}{}:
		c.discard(ctx)
	default:
		// Somebody reads: the peer's Close comes to them. If they stop reading
		// before, we go on.
		select {
		case c.reading <- struct{}{}:
			c.discard(ctx)
		case <-done:
		case <-ctx.Done():
		}
	}
}

// discard reads, and gives the lock up that it was called with.
func (c *Conn) discard(ctx context.Context) {
	defer c.leaveRead()
	for {
		switch ev := c.next(); {
		case (ev.Kind == wire.Message || ev.Kind == wire.Chunk) && ev.Owned:
			giveBuffer(ev.Data)
		case ev.Kind == wire.None:
			if c.fill(ctx) != nil {
				return
			}
		}
	}
}

// closeReceived takes the peer's Close frame: it begins the closing handshake,
// or ends it.
func (c *Conn) closeReceived(ev wire.Event) {
	why := &CloseError{Code: ev.Code, Reason: string(ev.Data), Remote: true}
	c.mu.Lock()
	if c.goodbye != nil {
		why = c.goodbye
	}
	c.settle(why)
	c.out.Apply(ev, c.now())
	c.finishLocked()
	c.mu.Unlock()
}

// peerFailed fails the connection, RFC 6455 section 7.1.7.
func (c *Conn) peerFailed(ev wire.Event) {
	c.settle(&CloseError{Code: ev.Code, Reason: ev.Why.Rule, Err: ev.Why})
	c.mu.Lock()
	c.out.Apply(ev, c.now())
	c.finishLocked()
	c.mu.Unlock()
}

// finishLocked lets the last frames out and ends the transport.
func (c *Conn) finishLocked() {
	wake(&c.room)
	c.resetTimerLocked()
	if c.looped != nil {
		return // the turn does the rest
	}
	c.more.Store(false) // no input, no replies
	c.sendNowOrSoonLocked()
	if c.opt.wire.Client || c.out.State() == wire.Failing || c.pendingLocked() || c.sending {
		go c.finish() // the Conn's; ends within two CloseTimeouts
		return
	}
	// "After both sending and receiving a Close message … The server MUST close
	// the underlying TCP connection immediately". RFC 6455 §5.5.1
	c.mu.Unlock()
	c.shut(c.nc.Close)
	c.mu.Lock()
}

// finish is finishLocked where something has to be waited for.
func (c *Conn) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), c.opt.CloseTimeout)
	defer cancel()
	c.flushEnding(ctx)
	c.mu.Lock()
	failing := c.out.State() == wire.Failing
	c.mu.Unlock()
	if failing && !c.opt.wire.Client && c.Carrier() == "h2" {
		// Nothing can overtake our Close frame on a stream, and the peer sees
		// the end of our direction only when the handler has returned.
		failing = false
	}
	if failing {
		// A close with unread input makes the kernel send a reset, which may
		// overtake our Close frame: end our direction, and read theirs.
		c.nc.CloseWrite()
	}
	if failing || c.opt.wire.Client {
		// "…the client SHOULD wait for the server to close the connection".
		// RFC 6455 §5.5.1
		c.nc.SetReadDeadline(time.Now().Add(c.opt.CloseTimeout))
		io.CopyN(io.Discard, c.nc, lingerBytes)
	}
	c.shut(c.nc.Close)
}

// lingerBytes is how much is read of a peer that sends on after its part was
// played.
const lingerBytes = 1 << 20

// flushEnding is Flush for a connection that has ended already.
func (c *Conn) flushEnding(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for (c.pendingLocked() || c.sending) && c.werr == nil && !c.ended.Load() {
		if c.waitLocked(ctx, &c.idle) != nil {
			return
		}
	}
}

// shut ends the transport by end, once. Of a looped Conn it is part of a turn.
func (c *Conn) shut(end func() error) {
	if !c.ended.CompareAndSwap(false, true) {
		return
	}
	if c.blocking != nil {
		c.stopLookout()
	}
	end()
	c.leaveFanouts()
	c.mu.Lock()
	if c.blocking != nil {
		c.timer.Stop()
		if c.batch != nil {
			c.batch.Stop()
		}
	}
	if c.expiry != nil {
		c.expiry.Stop()
	}
	wake(&c.room)
	wake(&c.idle)
	c.mu.Unlock()
	if c.agreed != nil {
		c.agreed.Release()
	}
	if c.release != nil {
		c.release()
	}
	c.mu.Lock()
	if c.done == nil {
		c.done = closedChan
	} else {
		close(c.done)
	}
	c.mu.Unlock()
	c.onEnd(nil)
	if f := c.opt.Hooks.Closed; f != nil {
		f(c)
	}
	if c.blocking == nil {
		return
	}
	select {
	case c.reading <- struct{}{}:
		c.leaveRead() // forgets the last context
	default: // who reads will
	}
}

// onEnd has cancel be called with why the connection ended, once it has: the
// last one that was given. shut calls it with nil.
func (c *Conn) onEnd(cancel context.CancelCauseFunc) {
	c.mu.Lock()
	if cancel != nil {
		c.cancel = cancel
	}
	cancel = c.cancel
	c.mu.Unlock()
	if cancel != nil && c.ended.Load() {
		cancel(c.Err())
	}
}

// expireAt closes the connection when the credentials that it was opened with
// stop being valid.
func (c *Conn) expireAt(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended.Load() {
		return
	}
	c.expiry = time.AfterFunc(time.Until(t), func() { // ends with the closing handshake
		c.Close(context.Background(), StatusPolicyViolation, "the credentials have expired")
	})
}

// abort cuts the transport. settle goes before it.
func (c *Conn) abort() {
	if c.looped != nil {
		c.shard.post(c, toAbort)
		return
	}
	c.shut(func() error {
		wye.Abort(c.nc, c.Err())
		return nil
	})
}

// leave is how a [wye.Group] ends the connection.
func (c *Conn) leave(ctx context.Context, cause error) error {
	code := StatusGoingAway
	if errors.Is(cause, wye.ErrRestart) {
		code = StatusServiceRestart
	}
	err := c.sayGoodbye(code, "")
	if err == nil {
		err = c.awaitEnd(ctx)
	}
	if errors.Is(err, ErrCloseTimeout) || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: %w", wye.ErrForced, err)
	}
	return err
}
