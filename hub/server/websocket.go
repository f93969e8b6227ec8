package server

import (
	"sync"

	"github.com/wye-org/wye/websocket"
)

// maxMessage is what a client's message is bounded to, unless the options say more.
const maxMessage = 64 << 10

// sessions are the connections, each with what is known of it.
type sessions struct{ all sync.Map } // of *session, by *websocket.Conn

func (s *Server) acceptOptions() *websocket.AcceptOptions {
	o := s.opt.WebSocket
	o.Subprotocols, o.RequireSubprotocol, o.SelectSubprotocol = []string{"centrifuge-json"}, false, nil
	if o.MaxMessage <= 0 {
		o.MaxMessage = maxMessage
	}
	if o.PingInterval == 0 {
		o.PingInterval = -1
	}
	o.Loop = &websocket.Loop{Blocking: true, DropRequest: true, Open: s.open, Message: s.message, Closed: s.closed}
	return &o
}

func (s *Server) open(c *websocket.Conn) {
	x := &session{server: s, conn: c}
	if r := c.Request(); r != nil {
		x.known = r.Principal
	}
	s.sessions.all.Store(c, x)
	s.opt.Hooks.opened(WebSocket)
	x.begin()
}

func (s *Server) message(c *websocket.Conn, typ websocket.MessageType, p []byte) {
	if x, ok := s.sessions.all.Load(c); ok {
		x.(*session).message(typ, p)
	}
}

func (s *Server) closed(c *websocket.Conn) {
	if x, ok := s.sessions.all.LoadAndDelete(c); ok {
		s.opt.Hooks.closed(WebSocket, x.(*session).finish(c.Err()))
	}
}
