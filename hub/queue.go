package hub

import (
	"slices"
	"sync"
)

// queue is what waits for a client, in order. What is being sent is part of it,
// for the bounds and the counts, but no policy touches it any more.
type queue struct {
	entries []entry // nil: nothing waits
	sending int     // so many of the first are on their way
	bytes   int     // of all entries
	greets  int     // messages and
	greeted int     // bytes that the bounds do not count: see entry.greeting
}

type entry struct {
	m *Message
	s *seat // of the channel it comes from; nil: it is for the client alone
	// greeting: it is part of what a member is told on joining. That is as
	// bounded as a history is, and a policy must not tear holes into it.
	greeting bool
}

type bounds struct{ messages, bytes int }

func (q *queue) messages() int { return len(q.entries) }

// room reports whether a message of n bytes fits. One that never would, fits an
// empty queue.
func (q *queue) room(most bounds, n int) bool {
	messages, bytes := len(q.entries)-q.greets, q.bytes-q.greeted
	return messages == 0 || messages < most.messages && bytes+n <= most.bytes
}

func (q *queue) push(e entry) {
	if n := len(q.entries); n == cap(q.entries) && n >= keepEntries && n < burstEntries {
		room := bursts.Get().(*[burstEntries]entry)
		q.entries = room[:copy(room[:], q.entries)]
	}
	q.entries = append(q.entries, e)
	q.add(e, 1)
}

// add counts e, or with -1 counts it no more.
func (q *queue) add(e entry, sign int) {
	q.bytes += sign * len(e.m.Data)
	if e.greeting {
		q.greets += sign
		q.greeted += sign * len(e.m.Data)
	}
}

// batch marks the next messages, at most so many and, from the second on, so
// many bytes, as being sent, and appends them to b.
func (q *queue) batch(b []*Message, most bounds) []*Message {
	bytes := 0
	for _, e := range q.entries {
		bytes += len(e.m.Data)
		if len(b) > 0 && bytes > most.bytes || len(b) == most.messages {
			break
		}
		b = append(b, e.m)
	}
	q.sending = len(b)
	return b
}

// sent removes the first n, which were on their way; the rest waits again.
func (q *queue) sent(n int) {
	n = min(n, q.sending)
	for _, e := range q.entries[:n] {
		q.add(e, -1)
	}
	q.sending = 0
	q.entries = slices.Delete(q.entries, 0, n)
	q.rest()
}

// rest gives up the place of a queue that is empty, but for keepEntries.
func (q *queue) rest() {
	if len(q.entries) > 0 || cap(q.entries) <= keepEntries {
		return
	}
	if cap(q.entries) == burstEntries {
		bursts.Put((*[burstEntries]entry)(q.entries[:burstEntries]))
	}
	q.entries = nil
}

// keepEntries is what an idle client keeps of its queue: the place for what is
// published now and then.
const keepEntries = 2

// burstEntries is the place for more, which clients take turns to have: each has
// it from when more waits until nothing does.
const burstEntries = 32

var bursts = sync.Pool{New: func() any { return new([burstEntries]entry) }} // of nothing but zeros

// conflate lets m take the place of an entry with its key from the same channel,
// and reports whether there was one.
func (q *queue) conflate(s *seat, m *Message) bool {
	if m.Key == "" || m.Kind != Data {
		return false
	}
	for i := len(q.entries) - 1; i >= q.sending; i-- {
		e := &q.entries[i]
		if e.s == s && e.m.Key == m.Key && e.m.Kind == Data && !e.greeting {
			q.bytes += len(m.Data) - len(e.m.Data)
			e.m = m
			return true
		}
	}
	return false
}

// dropOldest removes the oldest entry of s that may go, and reports whether
// there was one.
func (q *queue) dropOldest(s *seat) bool {
	for i := q.sending; i < len(q.entries); i++ {
		if e := q.entries[i]; e.s == s && !e.greeting {
			q.add(e, -1)
			q.entries = slices.Delete(q.entries, i, i+1)
			return true
		}
	}
	return false
}

// forget removes what waits of s; nil is everything. It returns how many that
// were.
func (q *queue) forget(s *seat) (n int) {
	kept := q.entries[:q.sending]
	for _, e := range q.entries[q.sending:] {
		if s == nil || e.s == s {
			q.add(e, -1)
			n++
			continue
		}
		kept = append(kept, e)
	}
	clear(q.entries[len(kept):])
	q.entries = kept
	q.rest()
	return n
}

// offer queues m for s as the namespace's policy says, and reports whether the
// client has to be flushed.
func (c *Client) offer(s *seat, m *Message) (wake bool) {
	if m.Others && m.From != nil && m.From.ID == c.self.ID {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.why != nil || s.left:
		return false
	case s.held:
		s.hold(m)
		return false
	case m.stored() && m.Offset <= s.after:
		return false // it was in the history that the member began with
	}
	return c.offerLocked(s, m)
}

func (c *Client) offerLocked(s *seat, m *Message) (wake bool) {
	c.countLocked(offered, 1)
	slow := s.channel.Namespace.Slow
	if slow == Conflate && c.state == behind && c.queue.conflate(s, m) {
		c.countLocked(conflated, 1)
		return false
	}
	for !c.queue.room(c.most, len(m.Data)) {
		switch {
		case slow == Disconnect:
			c.countLocked(droppedNewest, 1)
			c.endLocked(ErrSlow)
			return false
		case slow == Conflate && c.queue.conflate(s, m):
			c.countLocked(conflated, 1)
			return false
		case slow != DropNewest && c.queue.dropOldest(s):
			c.countLocked(droppedOldest, 1)
		default:
			c.countLocked(droppedNewest, 1)
			return false
		}
	}
	return c.pushLocked(entry{m: m, s: s})
}

// pushLocked queues e, and reports whether the client has to be flushed.
func (c *Client) pushLocked(e entry) (wake bool) {
	c.queue.push(e)
	if c.state == idle {
		c.state = waiting
		return true
	}
	return false
}

// abandonLocked gives up what waits.
func (c *Client) abandonLocked() {
	c.countLocked(abandoned, c.queue.forget(nil))
}
