package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/coder/websocket"
)

type coderSession struct{ c *websocket.Conn }

// coderMode is as near to mode as the library comes: it has no window bits.
func coderMode(mode deflateMode) websocket.CompressionMode {
	switch mode {
	case noDeflate:
		return websocket.CompressionDisabled
	case noTakeover:
		return websocket.CompressionNoContextTakeover
	}
	return websocket.CompressionContextTakeover
}

func dialCoder(ctx context.Context, url string, mode deflateMode) (session, error) {
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		Subprotocols:         []string{otherSubprotocol, sharedSubprotocol},
		CompressionMode:      coderMode(mode),
		CompressionThreshold: 1,
	})
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(maxMessage)
	return coderSession{c}, nil
}

func coderHandler(mode deflateMode, serve func(session)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			Subprotocols:         []string{sharedSubprotocol},
			CompressionMode:      coderMode(mode),
			CompressionThreshold: 1,
		})
		if err != nil {
			return // the refusal was written
		}
		c.SetReadLimit(maxMessage)
		serve(coderSession{c})
	})
}

func (s coderSession) subprotocol() string { return s.c.Subprotocol() }

func (s coderSession) receive(ctx context.Context) (message, error) {
	typ, p, err := s.c.Read(ctx)
	var c websocket.CloseError
	if errors.As(err, &c) {
		err = &closeFrame{int(c.Code), c.Reason}
	}
	return message{typ == websocket.MessageText, p}, err
}

func (s coderSession) send(ctx context.Context, m message) error {
	typ := websocket.MessageBinary
	if m.text {
		typ = websocket.MessageText
	}
	return s.c.Write(ctx, typ, m.data)
}

func (s coderSession) sendFragments(ctx context.Context, parts [][]byte) error {
	w, err := s.c.Writer(ctx, websocket.MessageText)
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

func (s coderSession) ping(ctx context.Context) error { return s.c.Ping(ctx) }

// close returns the code that it sent: the library tells only of another one.
func (s coderSession) close(_ context.Context, code int, reason string) (int, error) {
	return code, s.c.Close(websocket.StatusCode(code), reason)
}

func (s coderSession) abort() { _ = s.c.CloseNow() }
