package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

type gorillaSession struct {
	c     *websocket.Conn
	pongs chan struct{}
}

// gorillaBuffer is how much the library gathers before it sends a fragment.
const gorillaBuffer = 64 << 10

func newGorillaSession(c *websocket.Conn) gorillaSession {
	s := gorillaSession{c, make(chan struct{}, 1)}
	c.SetReadLimit(maxMessage)
	c.SetPongHandler(func(string) error {
		select {
		case s.pongs <- struct{}{}:
		default:
		}
		return nil
	})
	return s
}

func dialGorilla(ctx context.Context, url string, mode deflateMode) (session, error) {
	d := websocket.Dialer{
		EnableCompression: mode != noDeflate,
		WriteBufferSize:   gorillaBuffer,
		Subprotocols:      []string{otherSubprotocol, sharedSubprotocol},
	}
	c, _, err := d.DialContext(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	return newGorillaSession(c), nil
}

func gorillaHandler(mode deflateMode, serve func(session)) http.Handler {
	up := websocket.Upgrader{
		EnableCompression: mode != noDeflate,
		WriteBufferSize:   gorillaBuffer,
		Subprotocols:      []string{sharedSubprotocol},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := up.Upgrade(w, r, nil); err == nil { // else the refusal was written
			serve(newGorillaSession(c))
		}
	})
}

func (s gorillaSession) subprotocol() string { return s.c.Subprotocol() }

func (s gorillaSession) receive(ctx context.Context) (message, error) {
	deadline, _ := ctx.Deadline()
	_ = s.c.SetReadDeadline(deadline)
	typ, p, err := s.c.ReadMessage()
	var c *websocket.CloseError
	if errors.As(err, &c) {
		err = &closeFrame{c.Code, c.Text}
	}
	return message{typ == websocket.TextMessage, p}, err
}

func (s gorillaSession) send(_ context.Context, m message) error {
	typ := websocket.BinaryMessage
	if m.text {
		typ = websocket.TextMessage
	}
	return s.c.WriteMessage(typ, m.data)
}

// sendFragments relies on parts that are longer than the buffer.
func (s gorillaSession) sendFragments(_ context.Context, parts [][]byte) error {
	w, err := s.c.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return w.Close()
}

func (s gorillaSession) ping(ctx context.Context) error {
	if err := s.c.WriteControl(websocket.PingMessage, []byte("interop"), time.Now().Add(patience)); err != nil {
		return err
	}
	select {
	case <-s.pongs:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s gorillaSession) close(ctx context.Context, code int, reason string) (int, error) {
	frame := websocket.FormatCloseMessage(code, reason)
	if err := s.c.WriteControl(websocket.CloseMessage, frame, time.Now().Add(patience)); err != nil {
		return 0, err
	}
	for {
		_, err := s.receive(ctx)
		var c *closeFrame
		if errors.As(err, &c) {
			return c.code, s.c.Close()
		}
		if err != nil {
			return 0, err
		}
	}
}

func (s gorillaSession) abort() { _ = s.c.Close() }
