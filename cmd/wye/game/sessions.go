package game

import (
	"sync"
	"time"

	"github.com/wye-org/wye/cmd/wye/rooms"
)

// sessions are those that somebody sees on this server, and those that nobody
// has seen for less than a while.
type sessions struct {
	limits rooms.Limits
	open   func(name string) *owner

	mu     sync.Mutex
	byName map[string]*session
}

// session is an owner that ticks while there are viewers; the mutex of sessions
// guards it.
type session struct {
	owner   *owner
	viewers int
	since   time.Time   // without viewers
	drop    *time.Timer // without viewers
}

// enter is for one more viewer of the session of that name. With the first one
// its time goes on.
func (ss *sessions) enter(name string) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.byName[name]
	if s == nil {
		if len(ss.byName) >= ss.limits.Rooms {
			ss.evict()
		}
		s = &session{owner: ss.open(name)}
		ss.byName[name] = s
	}
	if s.viewers == 0 {
		if err := s.owner.start(); err != nil {
			return err
		}
		if s.drop != nil {
			s.drop.Stop()
			s.drop = nil
		}
	}
	s.viewers++
	return nil
}

// leave is for one viewer less. Without any the session stands still, and it is
// forgotten after [rooms.Limits.Linger].
func (ss *sessions) leave(name string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.byName[name]
	if s.viewers--; s.viewers > 0 {
		return
	}
	s.owner.stop() // takes no longer than a tick
	s.since = time.Now()
	// Its function ends at once; enter and close stop it.
	var drop *time.Timer
	drop = time.AfterFunc(ss.limits.Linger, func() {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		if s.drop == drop { // not stopped too late
			delete(ss.byName, name)
		}
	})
	s.drop = drop
}

// evict forgets the session that has been without viewers for longest: those
// that linger must not lock newcomers out. How many have viewers is the hub's to
// bound.
func (ss *sessions) evict() {
	var oldest string
	var found *session
	for name, s := range ss.byName {
		if s.viewers == 0 && (found == nil || s.since.Before(found.since)) {
			oldest, found = name, s
		}
	}
	if found != nil {
		found.drop.Stop()
		found.drop = nil
		delete(ss.byName, oldest)
	}
}

// close forgets the sessions without viewers.
func (ss *sessions) close() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for name, s := range ss.byName {
		if s.viewers == 0 {
			s.drop.Stop()
			s.drop = nil
			delete(ss.byName, name)
		}
	}
}
