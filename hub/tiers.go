package hub

import "sync"

// tiers are the seats of a room. A small room has one; the clients of a large one
// sit in one for each flusher, so that who comes and goes waits for a part of a
// fan-out only.
type tiers struct {
	hub   *Hub
	mu    sync.RWMutex // guards the slice
	tiers []*tier
}

type tier struct {
	mu    sync.Mutex // guards seats, and row of each
	seats []*seat
}

// largeRoom is how many seats make a room large.
const largeRoom = 512

// A seat is a client's place in a room.
type seat struct {
	client  *Client
	channel *room
	row     int     // in its tier
	you     *Member // as presence has it; nil: it has not; set while joining

	// The client's mu guards what is below.
	joining bool
	left    bool
	held    bool       // messages wait until the member has been greeted
	waiting []*Message // while held; at most as many as fit the client's queue
	bytes   int        // of waiting
	overran bool       // more came than that
	after   uint64     // what the member was given on joining went up to this offset
}

// hold keeps m for later. The client's mu is held.
func (s *seat) hold(m *Message) {
	most := s.client.most
	if len(s.waiting) >= most.messages || s.bytes+len(m.Data) > most.bytes {
		s.overran = true
		return
	}
	s.waiting = append(s.waiting, m)
	s.bytes += len(m.Data)
}

func (t *tiers) add(s *seat) {
	t.mu.RLock()
	if len(t.tiers) == 0 || len(t.tiers) == 1 && len(t.hub.flushers) > 1 && t.tiers[0].len() >= largeRoom {
		t.mu.RUnlock()
		t.grow()
		t.mu.RLock()
	}
	defer t.mu.RUnlock()
	t.of(s.client).add(s)
}

func (t *tiers) remove(s *seat) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.of(s.client).remove(s)
}

// of is the tier of a client. mu is held.
func (t *tiers) of(c *Client) *tier { return t.tiers[int(c.share)%len(t.tiers)] }

// grow makes the first tier, or makes one into as many as there are flushers.
func (t *tiers) grow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(t.tiers) == 0:
		t.tiers = []*tier{{}}
	case len(t.tiers) == 1 && len(t.hub.flushers) > 1:
		all := t.tiers[0].seats
		t.tiers = make([]*tier, len(t.hub.flushers))
		for i := range t.tiers {
			t.tiers[i] = new(tier)
		}
		for _, s := range all {
			t.of(s.client).add(s)
		}
	}
}

func (t *tier) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.seats)
}

func (t *tier) add(s *seat) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.row = len(t.seats)
	t.seats = append(t.seats, s)
}

func (t *tier) remove(s *seat) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.seats) - 1
	t.seats[s.row] = t.seats[last]
	t.seats[s.row].row = s.row
	t.seats[last] = nil
	t.seats = t.seats[:last]
}

// fanOut queues m for every seat. It waits for none of them.
func (t *tiers) fanOut(m *Message) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, tier := range t.tiers {
		tier.fanOut(m, t.hub)
	}
}

func (t *tier) fanOut(m *Message, h *Hub) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Clients that have to be flushed are put on their list some at a time:
	// those of a large room have the same flusher.
	var some [64]*Client
	n := 0
	for _, s := range t.seats {
		if !s.client.offer(s, m) {
			continue
		}
		if n == len(some) || n > 0 && some[0].share != s.client.share {
			h.flusherOf(some[0]).add(some[:n]...)
			n = 0
		}
		some[n] = s.client
		n++
	}
	if n > 0 {
		h.flusherOf(some[0]).add(some[:n]...)
	}
}

// each calls f for every client that has a seat.
func (t *tiers) each(f func(*Client)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, tier := range t.tiers {
		tier.mu.Lock()
		for _, s := range tier.seats {
			f(s.client)
		}
		tier.mu.Unlock()
	}
}

func (h *Hub) flusherOf(c *Client) *flusher { return &h.flushers[int(c.share)%len(h.flushers)] }

// len is how many seats are taken.
func (t *tiers) len() (n int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, tier := range t.tiers {
		n += tier.len()
	}
	return n
}

// has reports whether the client of that ID has a seat.
func (t *tiers) has(id string) (found bool) {
	t.each(func(c *Client) { found = found || c.self.ID == id })
	return found
}
