package wye

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"weak"
)

// Causes that a [Group] gives to the connections it ends.
var (
	// ErrShutdown: the server goes away, for all that is known.
	ErrShutdown = errors.New("wye: server is shutting down")
	// ErrRestart: another server takes its place; coming back is welcome.
	ErrRestart = errors.New("wye: server is restarting")
)

// ErrForced is wrapped by what a leave function returns when it had to abort a
// connection because the peer did not play its part in time.
var ErrForced = errors.New("wye: connection aborted")

// A Group is the live upgraded connections of a server, so that they can be
// counted and ended together: [http.Server.Shutdown] neither waits for hijacked
// connections nor tells them. The zero Group is ready; a nil one is always
// empty. Its methods may be called concurrently.
type Group struct {
	mu       sync.Mutex // guards what is below
	members  map[*Member]struct{}
	draining error         // why nobody may join any more; nil: they may
	emptied  chan struct{} // closed when the last one has gone; made by who asks for it
}

// Member is one connection's place in a [Group]. A nil or zero Member is in
// none, and its methods do nothing.
type Member struct {
	group *Group

	// Guarded by group.mu.
	abort   func(cause error) // nil: the connection is not there yet
	killed  error             // it is to be aborted as soon as it is
	leave   func(ctx context.Context, cause error) error
	handler bool          // a handler still runs
	ended   bool          // the connection has ended
	ready   chan struct{} // closed when leave is set or the connection has ended; made by who waits for that
}

// Join adds a connection that abort ends at once; abort may call Done. It fails
// with an [Answerer], 503, when the group is draining. [Accept] joins; call it
// for connections that come about in other ways.
func (g *Group) Join(abort func(cause error)) (*Member, error) {
	m, err := g.reserve()
	if err == nil {
		m.arm(abort)
	}
	return m, err
}

// reserve is Join before there is something to abort: arm has to follow, or
// Done.
func (g *Group) reserve() (*Member, error) {
	if g == nil {
		return nil, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining != nil {
		return nil, &Refusal{
			Status: http.StatusServiceUnavailable,
			Header: http.Header{"Connection": {"close"}},
			Text:   "The server is going away, try again",
			Err:    g.draining,
		}
	}
	m := &Member{group: g}
	if g.members == nil {
		g.members = make(map[*Member]struct{})
	}
	g.members[m] = struct{}{}
	return m, nil
}

// arm says how to abort the connection, and does it if that was asked for.
func (m *Member) arm(abort func(cause error)) {
	if m == nil || m.group == nil || abort == nil {
		return
	}
	m.group.mu.Lock()
	m.abort = abort
	killed := m.killed
	m.group.mu.Unlock()
	if killed != nil {
		abort(killed)
	}
}

// kill aborts the connection. It reports whether that was still needed.
func (m *Member) kill(cause error) bool {
	m.group.mu.Lock()
	abort, ended := m.abort, m.ended
	m.killed = cause
	m.group.mu.Unlock()
	if ended {
		return false
	}
	if abort != nil {
		abort(cause)
	}
	return true
}

// Len returns how many connections there are.
func (g *Group) Len() int {
	if g == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.members)
}

// Draining returns why nobody may join any more, or nil.
func (g *Group) Draining() error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining
}

// OnLeave sets how the connection is ended in good order: f should say goodbye
// in the connection's protocol, with words for cause ([ErrShutdown],
// [ErrRestart]), and return when the connection has ended. It returns nil if
// the peer took part, an error that wraps [ErrForced] if the connection was
// aborted because it did not, and another error if the connection was lost. It
// must return when ctx ends. Each Shutdown of the group calls it, so two may at
// the same time. Without such a function a drain can only wait for the
// connection, and abort it in the end.
func (m *Member) OnLeave(f func(ctx context.Context, cause error) error) {
	if m == nil || m.group == nil {
		return
	}
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	m.leave = f
	m.wakeLocked()
}

// leaver returns what OnLeave set. It waits for that, because a drain may begin
// while a connection is being accepted; nil: the connection or ctx ended first.
func (m *Member) leaver(ctx context.Context) func(context.Context, error) error {
	m.group.mu.Lock()
	for m.leave == nil && !m.ended {
		if m.ready == nil {
			m.ready = make(chan struct{})
		}
		ready := m.ready
		m.group.mu.Unlock()
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
		m.group.mu.Lock()
	}
	defer m.group.mu.Unlock()
	if m.ended {
		return nil
	}
	return m.leave
}

func (m *Member) wakeLocked() {
	if m.ready != nil {
		close(m.ready)
		m.ready = nil
	}
}

// Done says that the connection has ended. A member whose handler still runs
// stays until that has returned too.
func (m *Member) Done() {
	if m == nil || m.group == nil {
		return
	}
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	m.ended = true
	m.wakeLocked()
	m.removeLocked()
}

// hold says that a handler runs, and the returned function that it has
// returned.
func (m *Member) hold() (release func()) {
	if m == nil || m.group == nil {
		return func() {}
	}
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	m.handler = true
	return func() {
		m.group.mu.Lock()
		defer m.group.mu.Unlock()
		m.handler = false
		m.removeLocked()
	}
}

func (m *Member) removeLocked() {
	if m.handler || !m.ended {
		return
	}
	g := m.group
	delete(g.members, m)
	if len(g.members) == 0 && g.emptied != nil {
		close(g.emptied)
		g.emptied = nil
	}
}

var servers struct {
	sync.Mutex // guards groups
	groups     map[weak.Pointer[http.Server]]*Group
}

// GroupOf returns the group of srv, which [Accept] uses unless it is told
// another. Its members are asked to leave when srv.Shutdown is called, and
// aborted 30 seconds later, though only [Shutdown] waits for them; srv.Close
// does not concern them. GroupOf(nil) is nil: no group.
func GroupOf(srv *http.Server) *Group {
	if srv == nil {
		return nil
	}
	servers.Lock()
	defer servers.Unlock()
	key := weak.Make(srv)
	if g := servers.groups[key]; g != nil {
		return g
	}
	g := new(Group)
	if servers.groups == nil {
		servers.groups = make(map[weak.Pointer[http.Server]]*Group)
	}
	servers.groups[key] = g
	runtime.AddCleanup(srv, forget, key)
	srv.RegisterOnShutdown(g.shutdownAlone)
	return g
}

// forget drops the group of a server that was garbage collected.
func forget(key weak.Pointer[http.Server]) {
	servers.Lock()
	defer servers.Unlock()
	delete(servers.groups, key)
}

// groupOf returns the group of the server that r came to; nil: none known.
func groupOf(r *http.Request) *Group {
	srv, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	return GroupOf(srv)
}
