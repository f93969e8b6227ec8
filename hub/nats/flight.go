package nats

import (
	"context"
	"sync"

	"github.com/wye-org/wye/hub"
)

// flights let calls for the same thing share an answer: one that was asked for
// after the call began, so that it is not older than the call.
type flights struct {
	mu sync.Mutex // guards all
	of map[string]*flight
}

type flight struct {
	next *run // waits for the one that is under way; nil: nobody waits
}

type run struct {
	f    func() error // of the first who asked
	done chan struct{}
	err  error
}

// do has f run, by itself or for others too, and returns its error. f ends by
// itself; do returns earlier if ctx ends.
func (s *flights) do(ctx context.Context, start func(func()) bool, key string, f func() error) error {
	s.mu.Lock()
	if s.of == nil {
		s.of = map[string]*flight{}
	}
	r := &run{f: f, done: make(chan struct{})}
	switch under := s.of[key]; {
	case under == nil:
		s.of[key] = &flight{}
		if !start(func() { s.fly(key, r) }) { // ends when nobody waits any more
			delete(s.of, key)
			s.mu.Unlock()
			return hub.ErrClosed
		}
	case under.next == nil:
		under.next = r
	default:
		r = under.next
	}
	s.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return explain(ctx.Err())
	}
}

// fly runs r, and those that are waited for by then.
func (s *flights) fly(key string, r *run) {
	for r != nil {
		r.err = r.f()
		close(r.done)
		s.mu.Lock()
		under := s.of[key]
		if r = under.next; r == nil {
			delete(s.of, key)
		}
		under.next = nil
		s.mu.Unlock()
	}
}
