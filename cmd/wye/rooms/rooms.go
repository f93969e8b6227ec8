// Package rooms keeps rooms by name, within bounds: so many rooms, so many
// seats in each, and an empty one is dropped after a while.
package rooms

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Limits bound what strangers can make a [Set] hold.
type Limits struct {
	Rooms int // rooms at a time; at least 1
	Seats int // seats taken at a time in one room; at least 1
	// Linger is how long a room whose last seat was given back is kept, if it
	// is worth keeping at all.
	Linger time.Duration
}

// A Set holds rooms of type R by name. Its methods may be called concurrently.
type Set[R any] struct {
	limits Limits
	open   func(name string) R
	keep   func(R) bool

	mu     sync.Mutex
	rooms  map[string]*entry[R]
	closed bool
}

// entry is a room and how many are in it; the Set's mu protects it.
type entry[R any] struct {
	room  R
	taken int
	// Of a room without a taken seat:
	since time.Time
	drop  *time.Timer
}

// NewSet returns an empty set. It calls open for the first seat of a room. When
// the last seat is given back it asks keep whether the room holds anything that
// a newcomer would want; if not, or with a nil keep, the room is dropped at
// once. Both are called with the set locked: they must not call it.
func NewSet[R any](limits Limits, open func(name string) R, keep func(R) bool) *Set[R] {
	return &Set[R]{limits: limits, open: open, keep: keep, rooms: map[string]*entry[R]{}}
}

// FullError says which bound was met. It answers a request with 503.
type FullError struct {
	Room  string // the room without a free seat; empty when there is no room for another room
	Limit int
}

func (e *FullError) Error() string {
	if e.Room == "" {
		return fmt.Sprintf("the server has its %d rooms already: try one that exists, or try later", e.Limit)
	}
	return fmt.Sprintf("room %q is full with %d people: try another room, or try later", e.Room, e.Limit)
}

// Answer is what a request for a seat is answered with.
func (e *FullError) Answer() (status int, h http.Header, text string) {
	return http.StatusServiceUnavailable, http.Header{"Retry-After": {"10"}}, e.Error()
}

var errClosed = errors.New("rooms: the set is closed")

// Enter takes a seat in the room of that name, which it opens if need be, and
// returns the room and the function that gives the seat back; calling that more
// than once does no harm. With no seat or no room to be had the error is a
// *FullError.
//
// A new room takes the place of the one that has been empty for longest when
// the set is full: rooms that linger must not lock newcomers out.
func (s *Set[R]) Enter(name string) (room R, leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return room, nil, errClosed
	}
	e := s.rooms[name]
	switch {
	case e == nil:
		if len(s.rooms) >= s.limits.Rooms && !s.evict() {
			return room, nil, &FullError{Limit: s.limits.Rooms}
		}
		e = &entry[R]{room: s.open(name)}
		s.rooms[name] = e
	case e.taken >= s.limits.Seats:
		return room, nil, &FullError{Room: name, Limit: s.limits.Seats}
	case e.drop != nil:
		e.drop.Stop()
		e.drop = nil
	}
	e.taken++
	return e.room, sync.OnceFunc(func() { s.leave(name, e) }), nil
}

func (s *Set[R]) leave(name string, e *entry[R]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.taken--
	if e.taken > 0 {
		return
	}
	if s.closed || s.keep == nil || !s.keep(e.room) || s.limits.Linger <= 0 {
		delete(s.rooms, name)
		return
	}
	e.since = time.Now()
	// The timer's function ends at once; Close stops the timer.
	var drop *time.Timer
	drop = time.AfterFunc(s.limits.Linger, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		// A timer that was stopped too late finds another one, or none.
		if e.drop == drop {
			delete(s.rooms, name)
		}
	})
	e.drop = drop
}

// evict drops the room that has been empty for longest, and reports whether
// there was one. The caller holds mu.
func (s *Set[R]) evict() bool {
	var oldest string
	var found *entry[R]
	for name, e := range s.rooms {
		if e.taken == 0 && (found == nil || e.since.Before(found.since)) {
			oldest, found = name, e
		}
	}
	if found == nil {
		return false
	}
	found.drop.Stop()
	found.drop = nil
	delete(s.rooms, oldest)
	return true
}

// Len is the number of rooms, those that linger included.
func (s *Set[R]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rooms)
}

// Close drops every empty room and refuses new seats; those taken stay valid
// until they are given back.
func (s *Set[R]) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for name, e := range s.rooms {
		if e.drop != nil {
			e.drop.Stop()
			e.drop = nil
			delete(s.rooms, name)
		}
	}
}
