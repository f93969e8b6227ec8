package websocket

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/wye-org/wye/websocket/wire"
)

// shard is an event loop and the connections that it serves. It turns: it serves
// what is ready, each connection once, then what was posted and who is due, and
// waits. Its goroutine runs as long as there are connections.
type shard struct {
	began time.Time
	live  atomic.Int64 // connections, also those that are about to come; changed with mu
	sends atomic.Int64 // how often the kernel was asked to send, for tests that count
	turns atomic.Int64 // the number of this turn, likewise

	// Of the goroutine.
	poll    *poller
	scratch *loopScratch
	slots   slots[Conn]
	work    []*Conn // posted, or due

	mu      sync.Mutex // guards what is below
	running bool       // the goroutine runs
	turning bool       // and will look at inbox before it waits
	inbox   []*Conn
	parts   *part // of Fanouts, that have something to send; nil: there are none
	last    *part // of these
	wheel   wheel
	alarm   wire.Instant // when the wait ends; 0: with what is ready
}

// turnBytes is how much is read from a connection in a turn, and about how much
// is inflated.
const turnBytes = 64 << 10

type loopScratch [turnBytes]byte

var loopScratches = sync.Pool{New: func() any { return new(loopScratch) }}

// What a connection is posted for.
const (
	toOpen   uint8 = 1 << iota
	toPush         // it has something to send, or to finish
	toResume       // the queue of its goroutine has room
	toGoOn         // it has inflated enough for a turn, and is not done
	toDrain        // Drained is due
	toFinish       // the callbacks before its last event have returned
	toAbort
)

func newShard() *shard { return &shard{began: time.Now()} }

func (s *shard) now() wire.Instant { return wire.Instant(time.Since(s.began)) }

// reserve counts a connection that is about to come, and has the goroutine run.
// It reports false if that cannot be.
func (s *shard) reserve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		p, err := newPoller()
		if err != nil {
			return false
		}
		s.poll, s.running, s.turning, s.alarm = p, true, true, 0
		s.scratch = loopScratches.Get().(*loopScratch)
		go s.run() // the shard's: it ends with its last connection
	}
	s.live.Add(1)
	return true
}

// unreserve takes that back.
func (s *shard) unreserve() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live.Add(-1)
	s.wakeLocked()
}

// wakeLocked ends the wait, if it waits.
func (s *shard) wakeLocked() {
	if s.running && !s.turning && s.alarm != woken {
		s.alarm = woken
		s.poll.wakeAt(time.Unix(1, 0))
	}
}

// woken is the alarm that is over.
const woken wire.Instant = -1

// post has c served in this turn or the next.
func (s *shard) post(c *Conn, what uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.postLocked(c, what)
}

func (s *shard) postLocked(c *Conn, what uint8) {
	if !s.running {
		return // its connections have ended
	}
	if c.todo == 0 {
		s.inbox = append(s.inbox, c)
		s.wakeLocked()
	}
	c.todo |= what
}

// later reports whether a turn is on, and then has c push at its end.
func (s *shard) later(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turning {
		s.postLocked(c, toPush)
	}
	return s.turning
}

// schedule has c looked at when it is due.
func (s *shard) schedule(c *Conn, due wire.Instant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wheel.add(c, due)
	if !s.turning {
		s.setAlarmLocked()
	}
}

// setAlarmLocked has the wait end when somebody is due.
func (s *shard) setAlarmLocked() {
	next := s.wheel.due()
	if !s.running || next == s.alarm || s.alarm == woken && !s.turning {
		return
	}
	s.alarm = next
	if next == 0 {
		s.poll.wakeAt(time.Time{})
	} else {
		s.poll.wakeAt(s.began.Add(time.Duration(next)))
	}
}

// run is the goroutine.
func (s *shard) run() {
	for {
		s.turns.Add(1)
		for i := range s.poll.ready {
			s.serve(i)
		}
		switch s.chores() {
		case goOn:
			s.poll.look()
		case rest:
			s.poll.wait()
			s.mu.Lock()
			s.turning = true
			s.mu.Unlock()
		case over:
			return
		}
	}
}

// verdict is what follows a turn.
type verdict int

const (
	goOn verdict = iota // another one at once
	rest                // nothing, until something is ready
	over                // nothing: there are no connections
)

// chores serves those who were posted and those who are due, once, and says
// what is next.
func (s *shard) chores() verdict {
	s.mu.Lock()
	s.work = s.wheel.turn(s.work[:0], s.now())
	due := len(s.work)
	s.work = append(s.work, s.inbox...)
	clear(s.inbox)
	s.inbox = s.inbox[:0]
	s.mu.Unlock()
	for i, c := range s.work {
		s.chore(c, i < due)
	}
	clear(s.work)
	s.fanOut()

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.inbox) > 0 || s.parts != nil:
		return goOn
	case s.live.Load() == 0:
		s.poll.close()
		loopScratches.Put(s.scratch)
		s.poll, s.scratch, s.running, s.turning = nil, nil, false, false
		s.slots, s.work, s.inbox = slots[Conn]{}, nil, nil
		return over
	}
	s.setAlarmLocked()
	s.turning = false
	return rest
}

// chore serves c, which is due or posted.
func (s *shard) chore(c *Conn, due bool) {
	todo := uint8(0)
	if !due {
		s.mu.Lock()
		todo, c.todo = c.todo, 0
		s.mu.Unlock()
	}
	if c.gone {
		return
	}
	defer c.recovered()
	c.more.Store(true)
	c.in.Allow(turnBytes)
	if todo&toOpen != 0 {
		c.openHere()
	}
	if due {
		c.isDue()
	}
	if todo&toDrain != 0 {
		c.call(called{what: callDrained})
	}
	if todo&toResume != 0 {
		c.resume(pausedByWork)
	}
	if todo&toGoOn != 0 {
		c.resume(pausedByTurn)
	}
	if todo&toFinish != 0 {
		if ev, ok := c.takeLast(); ok {
			c.lastEvent(ev)
		}
	}
	if todo&toAbort != 0 {
		c.end(!c.half)
	}
	c.endTurn()
}

// serve serves what is ready.
func (s *shard) serve(i int) {
	at, gen, what := s.poll.event(i)
	c := s.slots.named(at, gen)
	if c == nil {
		return // it has ended in this turn
	}
	defer c.recovered()
	c.more.Store(true)
	if what&canSend != 0 {
		c.mu.Lock()
		c.blocked = false
		c.mu.Unlock()
	}
	switch {
	case c.paused == 0 && what&(canRead|broken) != 0:
		c.receive1()
	case what&broken != 0:
		c.lost(errBroken)
	}
	c.endTurn()
}

// enter gives c a place.
func (s *shard) enter(c *Conn) error {
	var gen uint32
	c.slot, gen = s.slots.enter(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched = c.wantedLocked()
	return s.poll.add(int(c.fd), int(c.slot), gen, c.watched)
}

// leave takes c's place away.
func (s *shard) leave(c *Conn) {
	if c.slot >= 0 {
		s.slots.leave(c.slot)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wheel.remove(c)
	s.live.Add(-1)
}
