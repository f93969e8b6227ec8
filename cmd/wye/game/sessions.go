package game

import (
	"context"
	"sync"

	"github.com/wye-org/wye/cmd/wye/game/codec"
	"github.com/wye-org/wye/cmd/wye/lease"
)

// sessions are those that somebody sees on this server.
type sessions struct {
	open func(name string) *owner

	mu     sync.Mutex // guards what is below
	byName map[string]*session
}

// session is one that somebody sees here; the mutex of sessions guards it. Which of
// the servers that it has viewers on moves its world, the lease decides.
type session struct {
	owner   *owner
	lease   *lease.Lease
	viewers map[*viewer]struct{}
}

// enter is for one more viewer. With the first one of any server its time goes on.
func (ss *sessions) enter(v *viewer) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.byName[v.session]
	if s == nil {
		o := ss.open(v.session)
		s = &session{owner: o, viewers: map[*viewer]struct{}{}}
		s.lease = lease.Seek(o.hub, lease.Task{
			Name:    "game/" + v.session,
			Begin:   o.begin,
			Run:     o.run,
			Baton:   o.baton,
			Changed: func() { ss.joinAgain(s) },
		})
		ss.byName[v.session] = s
	}
	s.viewers[v] = struct{}{}
}

// leave is for one viewer less. Without any on a server that is no longer the
// session's owner; without any at all the session stands still, and is forgotten
// with what its last owner wrote.
func (ss *sessions) leave(v *viewer) {
	ss.mu.Lock()
	s := ss.byName[v.session]
	delete(s.viewers, v)
	last := len(s.viewers) == 0
	if last {
		delete(ss.byName, v.session)
	}
	ss.mu.Unlock()
	if last {
		// That they left may be on its way to the owner still.
		s.owner.hear(v.member, codec.Leave{})
		s.lease.Close()
	}
}

// joinAgain tells a new owner who plays here.
func (ss *sessions) joinAgain(s *session) {
	ss.mu.Lock()
	viewers := make([]*viewer, 0, len(s.viewers))
	for v := range s.viewers {
		viewers = append(viewers, v)
	}
	ss.mu.Unlock()
	for _, v := range viewers {
		v.joinAgain(context.Background()) // what fails, the player does again
	}
}
