package server

import (
	"context"
	"time"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// Serve does for c what the Loop of a Server does, for tests in a bubble.
func (s *Server) Serve(c *websocket.Conn) {
	s.open(c)
	for {
		typ, p, err := c.Read(context.Background())
		if err != nil {
			break
		}
		s.message(c, typ, p)
	}
	<-c.Done()
	s.closed(c)
}

// ConnOptions are those that the server's connections have.
func (s *Server) ConnOptions() *websocket.Options {
	o := s.acceptOptions().Options
	return &o
}

// Noted is how many subscriptions are kept of all sessions.
func (s *Server) Noted() (n int) {
	s.sessions.all.Range(func(_, x any) bool {
		x.(*session).mu.Lock()
		defer x.(*session).mu.Unlock()
		n += len(x.(*session).subs)
		return true
	})
	return n
}

// Strike does what is due at that time on all sessions, and calls meanwhile when the
// clock has said so and it is not done yet.
func (s *Server) Strike(at time.Time, meanwhile func()) {
	s.sessions.all.Range(func(_, x any) bool {
		_, _, expired := x.(*session).due(at)
		meanwhile()
		for channel, sub := range expired {
			x.(*session).expire(channel, sub)
		}
		return true
	})
}

// SendBatch is an outlet's part for c.
func SendBatch(c *websocket.Conn, batch []*hub.Message) (int, error) {
	return (&outlet{session: &session{conn: c}}).sendBatch(batch)
}
