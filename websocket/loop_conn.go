package websocket

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket/wire"
)

// looped is what a Conn has that an event loop serves. What names nobody else
// belongs to the shard's goroutine.
type looped struct {
	loop   *Loop // does not change, as those below
	shard  *shard
	member *wye.Member // of the group
	local  net.Addr
	remote netip.AddrPort

	// Guarded by shard.mu: the place in the wheel.
	later, sooner *Conn
	span          int64

	// Guarded by mu.
	partial  *frames      // sent in part, and waiting for room; nil: none
	resumeAt wire.Instant // when MessageRate lets the next message in; 0: it does
	tasks    *tasks       // callbacks that may block, and wait; nil: none
	watched  uint32       // what the poller tells of fd

	fd       int32 // its last user closes it
	slot     int32 // -1: none yet
	lingered int32 // bytes that came after a failure
	half     bool  // our direction has ended
	gone     bool

	blocked bool  // guarded by mu: the kernel takes no more for now
	cut     bool  // guarded by mu: fd is to be closed by who sends
	reset   bool  // guarded by mu: and how
	paused  uint8 // guarded by mu: why nothing is read; changed by the shard's goroutine alone
	todo    uint8 // guarded by shard.mu: what it was posted for
}

// Why nothing is read.
const (
	pausedByQueue uint8 = 1 << iota // much is to be sent
	pausedByRate                    // too many messages came
	pausedByWork                    // its goroutine has much to do
	pausedByTurn                    // the rest of a message is inflated in the next turn
	pausedByLast                    // the last event waits for the callbacks before it: the end of the input, behind it, must too
	pausedByEnd                     // the input has ended behind the peer's Close, and not all is sent
)

// errBroken is the end of a connection of which the kernel says no more.
var errBroken = errors.New("websocket: connection reset by peer")

// newConn makes a Conn of a socket. start has to follow.
func (s *shard) newConn(fd int, set *settings) *Conn {
	var both struct { // in one piece
		Conn
		looped
	}
	c := &both.Conn
	c.looped = &both.looped
	c.shard, c.fd, c.slot = s, int32(fd), -1
	c.set(set)
	if c.pace != nil {
		c.pace.Allow() // the first message
	}
	return c
}

// receiveEarly takes what came with the head.
func (c *Conn) receiveEarly(early []byte) {
	space := c.in.Space(make([]byte, max(len(early), wire.MinScratch)))
	c.in.Received(copy(space, early))
}

// open has c served.
func (s *shard) open(c *Conn) { s.post(c, toOpen) }

// openHere begins to serve c.
func (c *Conn) openHere() {
	if err := c.shard.enter(c); err != nil {
		c.lost(err)
		return
	}
	c.call(called{what: callOpen})
	c.handle()
}

// receive1 reads once, and handles what came.
func (c *Conn) receive1() {
	space := c.in.Space(c.shard.scratch[:])
	n, again, err := receiveFrom(int(c.fd), space[:min(len(space), turnBytes)])
	c.in.Received(n)
	switch {
	case n > 0:
	case again:
		return
	case err == nil:
		if !c.onlyReads() {
			c.lost(io.ErrUnexpectedEOF)
		}
		return
	default:
		c.lost(os.NewSyscallError("read", err))
		return
	}
	c.heard.Store(int64(c.shard.now()))
	c.in.Allow(turnBytes)
	if c.half {
		if c.lingered += int32(n); c.lingered > lingerBytes {
			c.end(false)
		}
	}
	c.handle()
}

// onlyReads reports whether the peer, whose direction has ended behind its Close,
// has more to read; then nothing is read from it, and the turn in which all is sent
// ends the connection.
func (c *Conn) onlyReads() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.State() != wire.Closed || c.werr != nil || !c.pendingLocked() && !c.sending {
		return false
	}
	c.paused |= pausedByEnd
	return true
}

// handle does what the events of the input ask for, until there is no more or
// the connection is paused.
func (c *Conn) handle() {
	for c.paused == 0 && !c.gone {
		switch ev := c.in.Next(); ev.Kind {
		case wire.None:
			if c.in.Undone() {
				c.pause(pausedByTurn)
				c.shard.post(c, toGoOn)
			}
			return
		case wire.Message:
			c.message1(ev)
			c.mayGoOn()
		case wire.Ping, wire.Pong:
			c.control(ev)
		default:
			if !c.putOff(ev) {
				c.lastEvent(ev)
			}
		}
	}
	if !c.gone {
		c.putAside()
	}
}

// lastEvent begins or ends the closing handshake, or fails the connection.
func (c *Conn) lastEvent(ev wire.Event) {
	if ev.Kind == wire.Close {
		c.closeReceived(ev)
	} else {
		c.peerFailed(ev)
	}
}

// putAside keeps a copy of what is not parsed yet: the scratch is for others.
func (c *Conn) putAside() {
	if c.in.Buffered() > 0 {
		c.in.Space(c.shard.scratch[:])
		c.in.Received(0)
	}
}

// message1 hands a message on.
func (c *Conn) message1(ev wire.Event) {
	if c.quiet.Load() || c.why.Load() != nil {
		if ev.Owned {
			giveBuffer(ev.Data)
		}
		return
	}
	c.call(called{callMessage, MessageType(ev.Op), ev.Data, ev.Owned})
}

// corkMost is how many bytes of replies are gathered before they are sent.
const corkMost = 64 << 10

// mayGoOn pauses the connection if it must not go on.
func (c *Conn) mayGoOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queuedLocked() > corkMost || c.crowdedLocked() {
		c.pushLocked()
	}
	if c.werr == nil && c.crowdedLocked() {
		c.paused |= pausedByQueue
	}
	if c.pace != nil && !c.quiet.Load() {
		if d := c.pace.Reserve().Delay(); d > 0 {
			c.paused |= pausedByRate
			c.resumeAt = c.now() + wire.Instant(d)
			c.scheduleLocked(c.resumeAt)
		}
	}
	if t := c.tasks; t != nil && t.bytes >= aheadBytes && !c.quiet.Load() {
		c.paused |= pausedByWork
	}
}

// pause has nothing be read, nor handled of what was.
func (c *Conn) pause(why uint8) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused |= why
}

// resume ends a pause.
func (c *Conn) resume(why uint8) {
	c.mu.Lock()
	c.paused &^= why
	c.mu.Unlock()
	c.handle()
}

// endTurn sends what there is, and finishes what has ended.
func (c *Conn) endTurn() {
	for !c.gone {
		c.mu.Lock()
		c.pushLocked()
		if c.paused&pausedByQueue == 0 || c.werr == nil && c.crowdedLocked() {
			break
		}
		c.paused &^= pausedByQueue
		c.mu.Unlock()
		c.handle()
	}
	if c.gone {
		return
	}
	c.more.Store(false)
	finished := false
	if state := c.out.State(); state >= wire.Failing && (c.werr != nil || !c.pendingLocked() && !c.sending) {
		finished = state == wire.Closed || c.werr != nil
		if !finished && !c.half {
			// A close with unread input makes the kernel send a reset, which
			// may overtake our Close frame: end our direction, and read theirs.
			c.half = true
			closeSending(int(c.fd))
		}
	}
	c.watchLocked()
	c.mu.Unlock()
	if finished {
		// "After both sending and receiving a Close message … The server MUST
		// close the underlying TCP connection immediately". RFC 6455 §5.5.1
		c.end(false)
	}
}

// wantedLocked returns what the poller is to tell.
func (c *Conn) wantedLocked() (what uint32) {
	if c.paused == 0 {
		what = canRead
	}
	if c.blocked {
		what |= canSend
	}
	return what
}

// watchLocked tells the poller what is wanted.
func (c *Conn) watchLocked() {
	if want := c.wantedLocked(); want != c.watched && c.slot >= 0 && !c.gone {
		c.watched = want
		c.shard.poll.change(int(c.fd), int(c.slot), c.shard.slots.generation(c.slot), want)
	}
}

// pushOrPostLocked sends what there is: at the end of the turn, if one is on,
// else here.
func (c *Conn) pushOrPostLocked() {
	if c.blocked || c.shard.later(c) && !c.lendsMuchLocked() {
		return
	}
	c.pushLocked()
	if c.blocked || c.paused&pausedByQueue != 0 || c.out.State() >= wire.Failing {
		c.shard.post(c, toPush) // to be watched, resumed or finished
	}
}

// lendsMuchLocked reports whether the last message would have to be copied to wait
// for the end of the turn, and is about as much as is gathered until then.
func (c *Conn) lendsMuchLocked() bool { return c.queue != nil && c.queue.lends() >= corkMost/2 }

// pushLocked sends what the kernel takes without waiting. mu is given up while
// sending.
func (c *Conn) pushLocked() {
	for !c.blocked && !c.sending && !c.cut && c.werr == nil && c.pendingLocked() {
		f := c.partial
		if f == nil {
			f = c.takeLocked()
		}
		c.sending = true
		c.mu.Unlock()
		n, err := c.sendHere(f)
		c.mu.Lock()
		c.sending = false
		if c.cut {
			closeSocket(int(c.fd), c.reset)
		}
		f.sent += n
		c.inFlight = f.left()
		switch {
		case err != nil || c.inFlight == 0:
			c.partial = nil
			c.sentLocked(f, err)
		default:
			c.keepLocked(f)
			if c.roomLocked(c.opt.WriteQueueBytes / 2) {
				wake(&c.room)
				c.drainedLocked()
			}
		}
	}
}

// sendHere sends what the kernel takes without waiting.
func (c *Conn) sendHere(f *frames) (n int, err error) {
	c.shard.sends.Add(1)
	return sendTo(int(c.fd), f)
}

// keepLocked keeps f, of which the kernel has taken a part, until it takes more.
func (c *Conn) keepLocked(f *frames) {
	f.keep()
	c.partial, c.blocked, c.inFlight = f, true, f.left()
	if f.by == 0 && c.opt.WriteTimeout > 0 {
		f.by = c.now() + wire.Instant(c.opt.WriteTimeout)
		c.scheduleLocked(f.by)
	}
}

// drainedLocked has Drained be called, if a write found no room.
func (c *Conn) drainedLocked() {
	l := c.callbacks()
	if !c.full || l == nil {
		return
	}
	if c.full = false; l.Drained == nil {
		return
	}
	if c.looped != nil {
		c.shard.post(c, toDrain)
	} else {
		go c.callHere(called{what: callDrained}) // the Conn's: it waits for its other callbacks at the most
	}
}

// scheduleLocked has c looked at next, or before if something else is due.
func (c *Conn) scheduleLocked(next wire.Instant) {
	for _, t := range [...]wire.Instant{c.sendByLocked(), c.resumeAt} {
		if t != 0 && (next == 0 || t < next) {
			next = t
		}
	}
	if next != 0 {
		c.shard.schedule(c, next)
	}
}

// sendByLocked returns when what is sent in part must be sent; 0: nothing is late.
func (c *Conn) sendByLocked() wire.Instant {
	if c.partial == nil {
		return 0
	}
	return c.partial.by
}

// isDue does what time asks for.
func (c *Conn) isDue() {
	c.mu.Lock()
	now := c.now()
	by := c.sendByLocked()
	late := by != 0 && now >= by
	resume := c.resumeAt != 0 && now >= c.resumeAt
	if resume {
		c.resumeAt = 0
	}
	c.mu.Unlock()
	if late {
		c.settle(c.tookNothing(os.ErrDeadlineExceeded))
		c.end(true)
		return
	}
	if resume {
		c.resume(pausedByRate)
	}
	if !c.gone {
		c.tick()
	}
}

// tookNothing is the end of a connection whose peer does not read.
func (c *Conn) tookNothing(err error) *CloseError {
	return &CloseError{Code: StatusAbnormalClosure, Err: fmt.Errorf("websocket: the peer took nothing for %v: %w", c.opt.WriteTimeout, err)}
}

// lost notes the end of the transport before a Close frame came.
func (c *Conn) lost(err error) {
	c.settle(&CloseError{Code: StatusAbnormalClosure, Remote: true, Err: err})
	c.end(false)
}

// forced is how a [wye.Group] ends the connection at once.
func (c *Conn) forced(cause error) {
	c.settle(&CloseError{Code: StatusAbnormalClosure, Err: cause})
	c.abort()
}

// end closes the socket and ends the connection.
func (c *Conn) end(reset bool) {
	if c.gone {
		return
	}
	c.gone = true
	c.shut(func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.cut, c.reset = true, reset; !c.sending { // else who sends does it
			closeSocket(int(c.fd), reset)
		}
		return nil
	})
	c.shard.leave(c)
	c.member.Done()
	c.call(called{what: callClosed})
}
