package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// A session is a connection of the client protocol. While nothing happens on it, it
// is this struct and a timer.
type session struct {
	server *Server
	conn   *websocket.Conn
	known  string // whom the gate let in; empty: anybody

	// work is held while a command is carried out, or a subscription expires: one
	// after the other. Who holds it alone changes client, who and refreshes.
	work sync.Mutex

	mu        sync.Mutex // guards what is below; nothing waits under it
	client    *hub.Client
	who       identity
	refreshes bool // the client came with a token, so it may come with another
	subs      map[string]*subscription
	by        *disconnect // how the connection is being ended; nil: it is not
	over      bool        // it has ended
	clock     clock
}

// subscription is what is known of a channel that the client has joined, beyond
// what the hub knows. Each time that it joins, or brings a token, there is another.
type subscription struct {
	joinLeave bool
	expires   time.Time // zero: never
}

// message carries out a client's commands.
func (s *session) message(typ websocket.MessageType, p []byte) {
	s.hears(true)
	defer s.hears(false)
	commands, err := decode(p, s.server.opt.MaxCommands)
	if typ != websocket.MessageText {
		commands, err = nil, websocket.ErrMessageType
	}
	for i := range commands {
		if by := s.carryOut(&commands[i]); by != nil {
			s.disconnect(by)
			return
		}
	}
	if err != nil {
		s.disconnect(byBadRequest)
	}
}

// carryOut carries out one command and answers it. The connection ends if it
// returns how.
func (s *session) carryOut(c *command) *disconnect {
	s.work.Lock()
	defer s.work.Unlock()
	m := c.method()
	switch {
	case s.ending():
		return nil
	case c.ID == 0 && m == none:
		return nil // a pong
	case c.ID == 0 && m == send && s.client != nil:
		s.server.opt.Hooks.command(string(send), ErrorNotAvailable)
		return byNoTaker
	case c.ID == 0, s.client == nil && m != connect, s.client != nil && m == connect:
		return byBadRequest
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.server.opt.CommandTimeout)
	defer cancel()
	r := &reply{ID: c.ID}
	answered, err := s.perform(ctx, m, c, r)
	var by *disconnect
	if errors.As(err, &by) {
		s.server.opt.Hooks.command(name(m), by.code)
		return by
	}
	if err != nil {
		r = &reply{ID: c.ID, Error: s.answerTo(m, err)}
	}
	code := 0
	if r.Error != nil {
		code = r.Error.Code
	}
	s.server.opt.Hooks.command(name(m), code)
	if !answered || err != nil {
		return s.send(r.encode())
	}
	return nil
}

// name is how a method is counted.
func name(m method) string {
	if m == none || m == several {
		return "unknown"
	}
	return string(m)
}

func (s *session) answerTo(m method, err error) *replyError {
	e, worth := answerTo(err)
	if worth {
		s.server.log.Error("hub: a command failed", "method", string(m), "err", err)
	}
	return e
}

// perform does what a command says, and fills in the reply, unless it reports that it
// has answered already.
func (s *session) perform(ctx context.Context, m method, c *command, r *reply) (answered bool, err error) {
	switch m {
	case connect:
		return s.connect(ctx, c.Connect, r)
	case subscribe:
		return s.subscribe(ctx, c.Subscribe, r)
	case unsubscribe:
		return false, s.unsubscribe(ctx, c.Unsubscribe, r)
	case publish:
		return false, s.publish(ctx, c.Publish, r)
	case presence:
		return false, s.presence(ctx, c.Presence, r)
	case presenceStats:
		return false, s.presenceStats(ctx, c.PresenceStats, r)
	case history:
		return false, s.history(ctx, c.History, r)
	case refresh:
		return false, s.refresh(ctx, c.Refresh, r)
	case subRefresh:
		return false, s.subRefresh(ctx, c.SubRefresh, r)
	case ping:
		r.Ping = new(struct{})
		return false, nil
	case several:
		return false, errBadRequest
	}
	return false, errMethodNotFound
}

// send has a line sent to the client, after what was queued before it.
func (s *session) send(line []byte) *disconnect {
	if s.client != nil {
		s.client.Send(line, false) // or the client has ended, and then its connection does
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.server.opt.CommandTimeout)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, line); err != nil {
		return bySlowness
	}
	return nil
}

// disconnect ends the connection, and does not wait for that.
func (s *session) disconnect(by *disconnect) {
	if s.endingBy(by) {
		go s.close(by) // ends with the closing handshake, which has a bound
	}
}

// endingBy notes how the connection is ended, unless that was noted already.
func (s *session) endingBy(by *disconnect) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by != nil || s.over {
		return false
	}
	s.by = by
	s.clock.stop()
	return true
}

func (s *session) close(by *disconnect) {
	s.conn.Close(context.Background(), websocket.StatusCode(by.code), by.reason)
}

// ending reports whether the connection has ended or is being ended.
func (s *session) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by != nil || s.over
}

// finish is called when the connection has ended with err, and returns the code that
// it was closed with.
func (s *session) finish(err error) int {
	s.mu.Lock()
	by := s.by
	s.over = true
	s.clock.stop()
	s.mu.Unlock()

	s.work.Lock() // a subscription may be expiring
	client := s.client
	s.work.Unlock()
	if client != nil {
		client.Close()
	}
	if by != nil {
		return by.code
	}
	if err != nil && s.server.log.Enabled(context.Background(), slog.LevelDebug) {
		s.server.log.Debug("hub: a client has gone", "err", err)
	}
	return int(websocket.CloseStatus(err))
}
