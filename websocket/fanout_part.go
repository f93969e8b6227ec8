package websocket

import "slices"

// part is those members of a Fanout that one goroutine serves: that of an event
// loop, or one of the Fanout's own.
//
// What is sent waits in the part, and is given to the members in batches: to all
// of them one batch, and then the next. So a member's place in the order is the
// batch's, and whether it was served.
type part struct {
	fanout *Fanout
	shard  *shard // nil: the part has a goroutine while there is something to do
	after  *part  // the next of those that the shard has to serve; guarded by its mu

	// Guarded by the Fanout's mu.
	members      []*membership
	served       int // so many of the first have been given the batch
	batched      int // how many messages are in it; 0: there is none
	waiting      []*Prepared
	waitingBytes int
	sent         uint64 // messages so far, of which
	begun        uint64 // so many were in batches that all members have been given
	running      bool   // a goroutine will look at what waits

	batch *batch // of the goroutine that serves; nil: there is none
}

// turnMembers is how many members get something in a turn of an event loop:
// about as much work as the connections that are ready may ask for.
const turnMembers = 256

// stepMembers is how many of a part do before it is another part's turn.
const stepMembers = 64

// costOf is what counts of a message that waits.
func costOf(p *Prepared) int { return len(p.Payload()) + 64 }

// sendLocked has a message be given to the members there are.
func (p *part) sendLocked(m *Prepared) {
	p.waiting = append(p.waiting, m)
	p.waitingBytes += costOf(m)
	p.sent++
	p.fanout.stats.Offered += uint64(len(p.members))
	if p.running {
		return
	}
	p.running = true
	if p.shard != nil {
		p.shard.postPart(p)
	} else {
		go p.serve() // the Fanout's: it ends when nothing waits
	}
}

// dueLocked returns how many messages m is still to be given.
func (p *part) dueLocked(m *membership) uint64 {
	next := p.begun
	if m.row < p.served {
		next += uint64(p.batched)
	}
	return p.sent - max(next, m.from)
}

// doneLocked returns how many messages all members have been given.
func (p *part) doneLocked() uint64 { return p.begun }

// serve is the goroutine of a part that no event loop serves.
func (p *part) serve() {
	for more := true; more; {
		_, more = p.step()
	}
}

// given is a member that is being given a batch, from one of its messages on.
type given struct {
	conn *Conn
	from int
}

// step gives the batch to some members, or begins the next. It returns how many
// these were, and whether there is more to do.
func (p *part) step() (n int, more bool) {
	var some [stepMembers]given
	f := p.fanout
	f.mu.Lock()
	if p.batched == 0 {
		p.beginLocked()
	}
	for n < len(some) && p.served < len(p.members) && p.batched > 0 {
		m := p.members[p.served]
		p.served++
		if from := max(m.from, p.begun) - p.begun; from < uint64(p.batched) {
			some[n] = given{m.conn, int(from)}
			n++
		}
	}
	f.mu.Unlock()

	var sum FanoutStats
	for i := range some[:n] {
		p.give(some[i], &sum)
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Queued += sum.Queued
	f.stats.Skipped += sum.Skipped
	f.stats.Abandoned += sum.Abandoned
	f.stats.Closed += sum.Closed
	if p.served == len(p.members) {
		p.endLocked()
	}
	if p.batched == 0 && len(p.waiting) == 0 {
		p.running = false
		if p.shard != nil {
			p.shard.unpostPart(p)
		}
	}
	return n, p.running
}

// beginLocked makes the next batch of what waits.
func (p *part) beginLocked() {
	n, bytes := 0, 0
	for _, m := range p.waiting {
		if bytes += len(m.Payload()); n > 0 && bytes > batchBytes {
			break
		}
		p.waitingBytes -= costOf(m)
		n++
	}
	if n == 0 {
		return
	}
	p.batch = batches.Get().(*batch)
	p.batch.messages = append(p.batch.messages, p.waiting[:n]...)
	p.batched, p.served = n, 0
	clear(p.waiting[:n])
	if p.waiting = p.waiting[n:]; len(p.waiting) == 0 {
		p.waiting = nil
	}
}

// endLocked ends a batch that all members have been given.
func (p *part) endLocked() {
	if p.batch == nil {
		return
	}
	p.batch.free()
	p.batch = nil
	p.batched, p.served = 0, 0
	p.restLocked()
}

// restLocked is for when there is no batch: nothing is due to anybody but what
// waits. Without members the part is gone.
func (p *part) restLocked() {
	f := p.fanout
	p.begun = p.sent - uint64(len(p.waiting))
	if len(p.members) == 0 {
		f.parts = slices.DeleteFunc(f.parts, func(o *part) bool { return o == p })
	}
	wake(&f.moved)
}

// give gives a member the batch, and counts in sum what became of it.
func (p *part) give(g given, sum *FanoutStats) {
	c := g.conn
	defer c.recovered()
	r := c.queueShared(p.batch, g.from)
	sum.Queued += uint64(r.queued)
	sum.Skipped += uint64(r.skipped)
	sum.Abandoned += uint64(len(p.batch.messages) - g.from - r.queued - r.skipped)
	if r.skipped > 0 && p.fanout.SlowCode != 0 {
		sum.Closed++
		if c.sayGoodbye(p.fanout.SlowCode, tooSlow) != nil {
			c.sayGoodbye(StatusTryAgainLater, tooSlow) // that code may not be sent
		}
	}
	c.countShared(&r)
	if r.skipped > 0 && p.fanout.Skipped != nil {
		p.fanout.Skipped(c, r.skipped)
	}
}

// tooSlow is the reason in the Close frame of a member without room.
const tooSlow = "too far behind: messages were missed"

// postPart has p be served in this turn or the next.
func (s *shard) postPart(p *part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.parts = p
	} else {
		s.last.after = p
	}
	s.last = p
	s.wakeLocked()
}

// unpostPart takes p, which is the first, off again.
func (s *shard) unpostPart(p *part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts, p.after = p.after, nil; s.parts == nil {
		s.last = nil
	}
}

// firstPart returns whom to serve next; nil: nobody.
func (s *shard) firstPart() *part {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts
}

// passPart lets the others go before p, which is the first.
func (s *shard) passPart(p *part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.after == nil {
		return
	}
	s.parts, p.after = p.after, nil
	s.last.after, s.last = p, p
}

// fanOut gives some members what was sent to them.
func (s *shard) fanOut() {
	for left := turnMembers; left > 0; {
		p := s.firstPart()
		if p == nil {
			return
		}
		n, more := p.step()
		if more {
			s.passPart(p)
		}
		left -= max(n, 1)
	}
}
