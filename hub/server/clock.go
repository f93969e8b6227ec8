package server

import (
	"math/rand/v2"
	"time"
)

// clock is when something is due on a session, and the one timer for all of it. The
// session's mu guards it.
type clock struct {
	timer     *time.Timer // nil: nothing is due, or the session has ended
	stopped   bool
	connectBy time.Time // zero: the client is connected
	pingAt    time.Time // zero: it is not
	pongBy    time.Time // zero: no ping is unanswered
	busy      bool      // commands are carried out, so that nobody reads: silence is not the client's
	expiresAt time.Time // of the token, without the grace; zero: never
}

func (c *clock) stop() {
	c.stopped = true
	if c.timer != nil {
		c.timer.Stop()
	}
}

// begin starts the clock of a connection that was just opened.
func (s *session) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock.connectBy = time.Now().Add(s.server.opt.ConnectTimeout)
	s.setLocked()
}

// connectedLocked has the client pinged from now on. The first ping comes early, so
// that those who came together are not pinged together.
func (s *session) connectedLocked() {
	interval := s.server.opt.PingInterval
	s.clock.connectBy = time.Time{}
	s.clock.pingAt = time.Now().Add(interval/2 + rand.N(interval/2))
}

// hears notes a sign of life, and whether the client's commands are carried out now.
func (s *session) hears(busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock.pongBy = time.Time{} // the timer may come in vain
	s.clock.busy = busy
}

// setLocked sets the timer for what is due next.
func (s *session) setLocked() {
	c := &s.clock
	var next time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	earlier(c.connectBy)
	earlier(c.pingAt)
	earlier(c.pongBy)
	earlier(s.withGrace(c.expiresAt))
	for _, sub := range s.subs {
		earlier(s.withGrace(sub.expires))
	}
	switch {
	case c.stopped, next.IsZero():
	case c.timer == nil:
		c.timer = time.AfterFunc(time.Until(next), s.tick) // ends when it has done what is due
	default:
		c.timer.Reset(time.Until(next))
	}
}

func (s *session) withGrace(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(s.server.opt.Grace)
}

// tick does what is due.
func (s *session) tick() {
	by, pings, expired := s.due(time.Now())
	switch {
	case by != nil:
		s.disconnect(by)
		return
	case pings:
		s.client.Send([]byte("{}"), false)
	}
	for channel, sub := range expired {
		s.expire(channel, sub)
	}
}

// due says what is due: an end, a ping, or that subscriptions have expired.
func (s *session) due(now time.Time) (by *disconnect, pings bool, expired map[string]*subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.clock
	past := func(t time.Time) bool { return !t.IsZero() && !t.After(now) }
	switch {
	case c.stopped:
		return nil, false, nil
	case past(c.connectBy):
		return byStaleness, false, nil
	case past(c.pongBy):
		return bySilence, false, nil
	case past(s.withGrace(c.expiresAt)):
		return byExpiry, false, nil
	}
	if past(c.pingAt) {
		pings = true
		c.pingAt = now.Add(s.server.opt.PingInterval)
		if c.pongBy.IsZero() && !c.busy {
			c.pongBy = now.Add(s.server.opt.PongTimeout)
		}
	}
	for channel, sub := range s.subs {
		if past(s.withGrace(sub.expires)) {
			if expired == nil {
				expired = map[string]*subscription{}
			}
			expired[channel] = sub
			sub.expires = time.Time{} // the clock is done with it
		}
	}
	s.setLocked()
	return nil, pings, expired
}

// ttl is what a client is told of a time when something expires.
func ttl(expires time.Time) refreshed {
	if expires.IsZero() {
		return refreshed{}
	}
	seconds := int64(time.Until(expires) / time.Second)
	return refreshed{Expires: true, TTL: uint32(max(1, min(seconds, mostTTL)))}
}

// mostTTL is what fits the timers of browsers, which count milliseconds in 32 bits.
// Who refreshes earlier does no harm.
const mostTTL = 1<<31/1000 - 1
