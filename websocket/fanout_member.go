package websocket

// membership is a connection's place in a [Fanout]. Guarded by the Fanout's mu,
// and next by the Conn's.
type membership struct {
	conn *Conn
	part *part
	next *membership // of the same connection, in another Fanout
	row  int         // in part.members
	from uint64      // how many messages were sent to the part before it came
}

// memberOfLocked returns c's place in f; nil: it has none.
func (c *Conn) memberOfLocked(f *Fanout) *membership {
	for m := c.memberships; m != nil; m = m.next {
		if m.part.fanout == f {
			return m
		}
	}
	return nil
}

// forgetLocked takes m off c's list.
func (c *Conn) forgetLocked(m *membership) {
	at := &c.memberships
	for *at != m {
		at = &(*at).next
	}
	*at = m.next
}

// leaveFanouts is called when c has ended: nothing adds it any more.
func (c *Conn) leaveFanouts() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.memberships != nil {
		m := c.memberships
		f := m.part.fanout
		c.mu.Unlock() // a Fanout's lock is taken before a Conn's
		f.mu.Lock()
		c.mu.Lock()
		there := c.memberOfLocked(f) == m // it was not removed meanwhile
		if there {
			c.forgetLocked(m)
		}
		c.mu.Unlock()
		if there {
			f.removeLocked(m)
		}
		f.mu.Unlock()
		c.mu.Lock()
	}
}

// removeLocked takes m out of its part. Those that have got the batch under way
// stay before those that have not.
func (f *Fanout) removeLocked(m *membership) {
	p := m.part
	f.stats.Members--
	f.stats.Abandoned += p.dueLocked(m)
	hole := m.row
	if hole < p.served {
		p.served--
		hole = p.moveLocked(p.served, hole)
	}
	last := p.moveLocked(len(p.members)-1, hole)
	p.members[last] = nil
	p.members = p.members[:last]
	if last == 0 {
		p.members, p.waiting, p.waitingBytes, p.served = nil, nil, 0, 0
		if p.batched == 0 { // else it is being given to one who was there
			p.restLocked()
		}
	}
}

// moveLocked fills the row to with who is in the row from, if that is another, and
// returns from.
func (p *part) moveLocked(from, to int) int {
	if from != to {
		p.members[to] = p.members[from]
		p.members[to].row = to
	}
	return from
}
