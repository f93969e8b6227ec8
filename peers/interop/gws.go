package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/lxzan/gws"
)

// gwsSession turns the library's callbacks into calls. The goroutine of its
// ReadLoop ends with the connection.
type gwsSession struct {
	gws.BuiltinEventHandler
	c        *gws.Conn
	messages chan message
	pongs    chan struct{}
	done     chan struct{} // closed when the connection has ended
	err      error         // why; to be read after done
}

func newGWSSession() *gwsSession {
	return &gwsSession{messages: make(chan message), pongs: make(chan struct{}, 1), done: make(chan struct{})}
}

func gwsDeflate(mode deflateMode) gws.PermessageDeflate {
	d := gws.PermessageDeflate{
		Enabled:               mode != noDeflate,
		Threshold:             1,
		ServerContextTakeover: mode == takeover || mode == bits9,
		ClientContextTakeover: mode == takeover || mode == bits9,
		ServerMaxWindowBits:   15,
		ClientMaxWindowBits:   15,
	}
	if mode == bits9 {
		d.ServerMaxWindowBits, d.ClientMaxWindowBits = 9, 9
	}
	return d
}

func dialGWS(_ context.Context, url string, mode deflateMode) (session, error) {
	s := newGWSSession()
	c, _, err := gws.NewClient(s, &gws.ClientOption{
		Addr:              url,
		HandshakeTimeout:  patience,
		CheckUtf8Enabled:  true,
		PermessageDeflate: gwsDeflate(mode),
		RequestHeader: http.Header{
			"Sec-Websocket-Protocol": {otherSubprotocol + ", " + sharedSubprotocol},
		},
	})
	if err != nil {
		return nil, err
	}
	s.c = c
	go c.ReadLoop()
	return s, nil
}

func gwsHandler(mode deflateMode, serve func(session)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := newGWSSession()
		c, err := gws.NewUpgrader(s, &gws.ServerOption{
			CheckUtf8Enabled:  true,
			PermessageDeflate: gwsDeflate(mode),
			SubProtocols:      []string{sharedSubprotocol},
		}).Upgrade(w, r)
		if err != nil {
			return // the refusal was written
		}
		s.c = c
		go c.ReadLoop()
		serve(s)
	})
}

func (s *gwsSession) OnPing(c *gws.Conn, p []byte) { _ = c.WritePong(p) }

func (s *gwsSession) OnPong(*gws.Conn, []byte) {
	select {
	case s.pongs <- struct{}{}:
	default:
	}
}

func (s *gwsSession) OnClose(_ *gws.Conn, err error) {
	s.err = err
	var c *gws.CloseError
	if errors.As(err, &c) {
		s.err = &closeFrame{int(c.Code), string(c.Reason)}
	}
	close(s.done)
}

// OnMessage holds the library's loop until the message was received, for at
// most the library's patience with a connection that nobody receives from.
func (s *gwsSession) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	wait, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case s.messages <- message{m.Opcode == gws.OpcodeText, bytes.Clone(m.Bytes())}:
	case <-wait.Done():
	}
}

func (s *gwsSession) subprotocol() string { return s.c.SubProtocol() }

func (s *gwsSession) receive(ctx context.Context) (message, error) {
	select {
	case m := <-s.messages:
		return m, nil
	case <-s.done:
		return message{}, s.err
	case <-ctx.Done():
		return message{}, ctx.Err()
	}
}

func (s *gwsSession) send(_ context.Context, m message) error {
	op := gws.OpcodeBinary
	if m.text {
		op = gws.OpcodeText
	}
	return s.c.WriteMessage(op, m.data)
}

// sendFragments relies on more than the 128 KiB that the library sends in one.
func (s *gwsSession) sendFragments(_ context.Context, parts [][]byte) error {
	return s.c.WriteFile(gws.OpcodeText, bytes.NewReader(bytes.Join(parts, nil)))
}

func (s *gwsSession) ping(ctx context.Context) error {
	if err := s.c.WritePing([]byte("interop")); err != nil {
		return err
	}
	select {
	case <-s.pongs:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close returns the code that it sent: the library does not wait for another.
func (s *gwsSession) close(_ context.Context, code int, reason string) (int, error) {
	return code, s.c.WriteClose(uint16(code), []byte(reason))
}

func (s *gwsSession) abort() { _ = s.c.NetConn().Close() }
