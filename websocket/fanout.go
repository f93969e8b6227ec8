package websocket

import (
	"context"
	"runtime"
	"sync"
)

// Fanout sends messages to many connections: to a room, or to the subscribers of
// a channel. The zero Fanout is ready, its fields must not change once it has a
// member, and its methods may be called concurrently, also from callbacks and
// handlers. It is not to be confused with a [wye.Group], which ends connections
// in good order.
//
// A message is framed once and, for each way in which compression was agreed on,
// compressed once. Members that event loops serve are written to by these: what
// was sent in a turn goes to each member in one piece, made once, and those that
// wait cost no goroutine and no buffer. For members that no event loop serves up
// to GOMAXPROCS goroutines do the same, which are there while there is something
// to send. Of large fan-outs a turn of an event loop does a part, so that the
// other connections have theirs.
//
// All members get the messages in the same order: the one in which they were
// sent. A member gets those that are sent after it was added and before it is
// removed. It leaves by itself when its connection has ended.
type Fanout struct {
	// SlowCode is the status code with which a member is closed whose queue has
	// no room for a message: [StatusTryAgainLater], say, or
	// [StatusPolicyViolation]. 0: it stays, and does not get the message. The
	// queue is the connection's: see [Options].WriteQueueBytes. Who streams a
	// message by [Conn.Writer] has no room until that has ended.
	SlowCode StatusCode

	// Skipped is told that a member did not get so many messages, because its
	// queue had no room. It must not block: it is called on an event loop. nil:
	// they are counted alone.
	Skipped func(c *Conn, messages int)

	// QueueBytes bounds what was sent and is not in the members' queues yet:
	// what an event loop sends at the end of its turn. 0: 4 MiB.
	QueueBytes int

	mu    sync.Mutex // guards what is below, and what parts and members say
	parts []*part
	stats FanoutStats
	moved chan struct{} // closed when a part has gone on; made by who waits
}

// FanoutStats is what a Fanout has done. Once nothing is under way
//
//	Offered = Queued + Skipped + Abandoned
type FanoutStats struct {
	Members int // at this moment

	Sent    uint64 // messages
	Refused uint64 // messages for which Send returned ErrQueueFull

	Offered   uint64 // the sum of the members that each message sent had
	Queued    uint64 // given to a member's connection, as Conn.Write does
	Skipped   uint64 // not given to it: its queue had no room
	Abandoned uint64 // the member had ended, or was removed, before it could be given
	Closed    uint64 // members that were closed with SlowCode
}

// Stats may be called at any time.
func (f *Fanout) Stats() FanoutStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// Len returns how many members there are.
func (f *Fanout) Len() int { return f.Stats().Members }

// Add makes c a member, if it is none. It reports false if c has ended.
func (f *Fanout) Add(c *Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended.Load() {
		return false
	}
	if c.memberOfLocked(f) == nil {
		p := f.partForLocked(c)
		c.memberships = &membership{conn: c, part: p, next: c.memberships, row: len(p.members), from: p.sent}
		p.members = append(p.members, c.memberships)
		f.stats.Members++
	}
	return true
}

// Remove makes c a member no more, and reports whether it was one. What was sent
// before, and has not reached c's queue yet, is not given to it any more, unless
// that is being done at the moment.
func (f *Fanout) Remove(c *Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.mu.Lock()
	m := c.memberOfLocked(f)
	if m != nil {
		c.forgetLocked(m)
	}
	c.mu.Unlock()
	if m == nil {
		return false
	}
	f.removeLocked(m)
	return true
}

// Send sends a message to all members. It keeps nothing of p, and never waits.
// [ErrQueueFull] says that the event loops have QueueBytes to do: then nobody was
// sent the message. See [Fanout.Flush]. A text must be valid UTF-8.
//
// What the members get of it, Stats and Skipped tell.
func (f *Fanout) Send(typ MessageType, p []byte) error {
	return f.SendPrepared(Prepare(typ, p))
}

// SendPrepared is [Fanout.Send] for a message that was prepared.
func (f *Fanout) SendPrepared(p *Prepared) error {
	if p == nil || p.frame == nil || p.Type() != MessageText && p.Type() != MessageBinary {
		return ErrMessageType
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	most := f.QueueBytes
	if most <= 0 {
		most = 4 << 20
	}
	for _, part := range f.parts {
		if part.waitingBytes > 0 && part.waitingBytes+costOf(p) > most {
			f.stats.Refused++
			return ErrQueueFull
		}
	}
	f.stats.Sent++
	for _, part := range f.parts {
		if len(part.members) > 0 {
			part.sendLocked(p)
		}
	}
	return nil
}

// Flush waits, until ctx ends, until what was sent before is in the members'
// queues. It is not for callbacks of a [Loop].
func (f *Fanout) Flush(ctx context.Context) error {
	type target struct {
		*part
		sent uint64
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var targets []target
	for _, p := range f.parts {
		targets = append(targets, target{p, p.sent})
	}
	for _, t := range targets {
		for t.doneLocked() < t.sent {
			if err := f.awaitLocked(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaitLocked gives mu up until a part has gone on or ctx ends.
func (f *Fanout) awaitLocked(ctx context.Context) error {
	if f.moved == nil {
		f.moved = make(chan struct{})
	}
	moved := f.moved
	f.mu.Unlock()
	defer f.mu.Lock()
	select {
	case <-moved:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// partForLocked finds or makes the part that c belongs to: that of its event
// loop, or one of those without.
func (f *Fanout) partForLocked(c *Conn) *part {
	var s *shard
	if c.looped != nil {
		s = c.shard
	}
	var best *part
	n := 0
	for _, p := range f.parts {
		if p.shard != s {
			continue
		}
		if n++; best == nil || len(p.members) < len(best.members) {
			best = p
		}
	}
	if best == nil || s == nil && n < runtime.GOMAXPROCS(0) && len(best.members) >= turnMembers {
		best = &part{fanout: f, shard: s}
		f.parts = append(f.parts, best)
	}
	return best
}
