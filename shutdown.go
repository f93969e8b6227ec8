package wye

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Drain says how the connections of a [Group] are ended. The zero value ends
// all of them now.
type Drain struct {
	// Over spreads the goodbyes, in random order, so that the clients do not
	// all come back in the same moment.
	Over time.Duration

	// Restart tells the connections [ErrRestart] instead of [ErrShutdown]:
	// another server is there, or soon will be.
	Restart bool
}

func (d Drain) cause() error {
	if d.Restart {
		return ErrRestart
	}
	return ErrShutdown
}

// DrainCounts is how the connections ended that were there when a drain began.
type DrainCounts struct {
	Clean  int // in good order
	Forced int // aborted: the peer did not answer, or time was up
	Lost   int // the transport failed first
}

// Shutdown ends srv and its upgraded connections: it refuses new upgrades with
// 503, shuts the HTTP server down, asks each upgraded connection to leave, in
// random order over d.Over, and waits for them and their handlers. When ctx
// ends it aborts what is left and returns the cause; it then waits no longer for
// handlers that ignore that.
func Shutdown(ctx context.Context, srv *http.Server, d Drain) (DrainCounts, error) {
	g := GroupOf(srv)
	g.refuse(d.cause())
	done := make(chan error, 1)
	go func() { done <- srv.Shutdown(ctx) }() // ends with ctx; received from below
	counts, err := g.Shutdown(ctx, d)
	if other := <-done; !errors.Is(err, other) {
		err = errors.Join(err, other)
	}
	return counts, err
}

// Shutdown is the package's Shutdown for connections alone: it ends those of g
// and lets nobody join any more.
func (g *Group) Shutdown(ctx context.Context, d Drain) (DrainCounts, error) {
	if g == nil {
		return DrainCounts{}, nil
	}
	g.refuse(d.cause())
	t := tally{group: g, cause: d.cause()}
	members, empty := g.snapshot(), g.empty()
	rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })

	began := time.Now()
	for i, m := range members {
		due := began.Add(d.Over * time.Duration(i) / time.Duration(len(members)))
		if !sleep(ctx, empty, time.Until(due)) {
			break // the rest has gone, or is aborted below
		}
		t.Go(func() { t.say(ctx, m) }) // waited for below
	}
	err := wait(ctx, empty)
	if err != nil {
		t.abortAll()
	}
	t.Wait()
	counts := t.counts(members)
	if err == nil && counts.Forced > 0 && ctx.Err() != nil {
		err = context.Cause(ctx) // members were aborted because of it, by themselves
	}
	return counts, err
}

// shutdownAlone is what srv.Shutdown starts. It has no context; each goodbye
// has a bound of its own, and this one is for those that have not.
func (g *Group) shutdownAlone() {
	if g.Draining() != nil {
		return // the package's Shutdown is at work
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	g.Shutdown(ctx, Drain{})
}

func (g *Group) refuse(cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining == nil {
		g.draining = cause
	}
}

func (g *Group) snapshot() []*Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	members := make([]*Member, 0, len(g.members))
	for m := range g.members {
		members = append(members, m)
	}
	return members
}

// empty returns a channel that is closed when nobody is left. Nobody comes any
// more, after refuse.
func (g *Group) empty() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.members) == 0 {
		already := make(chan struct{})
		close(already)
		return already
	}
	if g.emptied == nil {
		g.emptied = make(chan struct{})
	}
	return g.emptied
}

// wait returns when empty is closed, or with the cause of ctx's end.
func wait(ctx context.Context, empty <-chan struct{}) error {
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-empty:
		return nil
	default:
		return context.Cause(ctx)
	}
}

// tally is one drain: its goodbyes, and how they went.
type tally struct {
	sync.WaitGroup
	group *Group
	cause error

	mu     sync.Mutex // guards forced and lost
	forced map[*Member]bool
	lost   map[*Member]bool
}

// say asks m to leave and notes how that went.
func (t *tally) say(ctx context.Context, m *Member) {
	leave := m.leaver(ctx)
	if leave == nil {
		return
	}
	err := leave(ctx, t.cause)
	switch {
	case err == nil:
	case errors.Is(err, ErrForced) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		t.note(&t.forced, m)
	default:
		t.note(&t.lost, m)
	}
}

func (t *tally) note(in *map[*Member]bool, m *Member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if *in == nil {
		*in = make(map[*Member]bool)
	}
	(*in)[m] = true
}

// abortAll aborts who is left.
func (t *tally) abortAll() {
	for _, m := range t.group.snapshot() {
		if m.kill(t.cause) {
			t.note(&t.forced, m)
		}
	}
}

func (t *tally) counts(members []*Member) DrainCounts {
	n := DrainCounts{Forced: len(t.forced)}
	for m := range t.lost {
		if !t.forced[m] {
			n.Lost++
		}
	}
	n.Clean = max(0, len(members)-n.Forced-n.Lost)
	return n
}

// sleep returns false if ctx ended first, or nobody is left to wait for.
func sleep(ctx context.Context, empty <-chan struct{}, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-empty:
		return false
	case <-ctx.Done():
		return false
	}
}
