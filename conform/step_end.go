package conform

import (
	"context"
	"fmt"
	"net"
	"time"
)

// EndsTCP awaits the end of TCP after the closing handshake, in the right
// order: "the server MUST close the WebSocket connection immediately whereas
// the client SHOULD wait for the server to close the connection" and "SHOULD be
// closed first by the server", RFC 6455 §7.1.1.
type EndsTCP struct{}

func (EndsTCP) afterEnd() bool { return false }
func (EndsTCP) expects(end End) string {
	if end == Server {
		return "TCP closed by the server at once"
	}
	return "TCP left open until the server closes it"
}

const (
	serverEndsWithin = time.Second
	clientWaits      = 250 * time.Millisecond
)

func (EndsTCP) run(s *dialogue) bool {
	wait := serverEndsWithin
	if s.end == Client {
		wait = clientWaits
	}
	e := s.next(wait)
	s.ended = true
	switch {
	case e.kind == evSilence && s.end == Server:
		return s.stop(Fail, "the server did not close TCP within %v", wait)
	case e.kind == evSilence:
		return true
	case e.kind == evReset:
		return s.stop(Nonstrict, "TCP was broken off, not closed: %s", e.why)
	case e.kind != evEnd:
		return s.stop(Fail, "expected the end of TCP and got %v", e)
	case s.end == Client:
		return s.stop(Nonstrict, "the client closed TCP before the server did")
	}
	return true
}

// EndsAnyhow awaits the end of the connection, however it comes.
type EndsAnyhow struct {
	Within time.Duration
	Mute   bool // the endpoint's Close frame is not answered
}

func (EndsAnyhow) afterEnd() bool { return false }
func (st EndsAnyhow) expects(End) string {
	return fmt.Sprintf("the connection ended within %v", st.Within)
}

func (st EndsAnyhow) run(s *dialogue) bool {
	deadline := time.Now().Add(st.Within)
	for {
		switch e := s.next(time.Until(deadline)); e.kind {
		case evEnd, evReset:
			s.ended = true
			return true
		case evSilence:
			return s.stop(Fail, "the connection still stands after %v", st.Within)
		case evClose:
			if !s.sentClose && !st.Mute {
				s.send(Frame{Op: opClose, Payload: e.payload})
			}
		case evMessage, evIllegal:
			return s.stop(Fail, "expected the end of the connection and got %v", e)
		}
	}
}

// HalfClose ends the suite's side of TCP and leaves the other open.
type HalfClose struct{ sends }

func (HalfClose) run(s *dialogue) bool {
	s.log.note("the suite closes its side of TCP")
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // a broken connection shows in what is read next
		return true
	}
	return s.stop(Unimplemented, "this kind of connection cannot be closed on one side")
}

// Survives opens a second connection to the server and has it echo: what the
// first one did must not have hurt it.
type Survives struct{}

func (Survives) afterEnd() bool { return true }
func (Survives) expects(end End) string {
	if end == Client {
		return ""
	}
	return "a second connection that works"
}

func (Survives) run(s *dialogue) bool {
	if s.end == Client {
		return true
	}
	if err := s.secondEcho(); err != nil {
		return s.stop(Fail, "a second connection does not work: %v", err)
	}
	return true
}

func (s *dialogue) secondEcho() error {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	if s.open != nil {
		conn, _, err := s.openStream(ctx, s.ordinaryRequest())
		if err != nil {
			return err
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
		return s.echoAlive(conn, nil)
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	return s.echoOnce(conn)
}

func (s *dialogue) echoOnce(conn net.Conn) error {
	if _, err := conn.Write(s.ordinaryRequest().bytes(s)); err != nil {
		return err
	}
	h, _, rest, err := readHead(conn)
	if err != nil {
		return err
	}
	if statusOf(h.start) != 101 {
		return fmt.Errorf("it was answered %q", h.start)
	}
	return s.echoAlive(conn, rest)
}

// echoAlive wants an echo; rest came already.
func (s *dialogue) echoAlive(conn net.Conn, rest []byte) error {
	if _, err := conn.Write(appendFrame(nil, Frame{Op: opText, Payload: []byte("alive")}, true, s.newKey())); err != nil {
		return err
	}
	for {
		if f, n := parseHeader(rest); n > 0 && len(rest) >= n+int(f.length) {
			p := rest[n : n+int(f.length)]
			maskBytes(p, f.key, 0) // the key is zero where there is none
			if f.op == opText && string(p) == "alive" {
				return nil
			}
			return fmt.Errorf("it answered %s %s", opName(f.op), quoted(p))
		}
		var buf [512]byte
		n, err := conn.Read(buf[:])
		rest = append(rest, buf[:n]...)
		if err != nil && n == 0 {
			return err
		}
	}
}
