package main

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/wye-org/wye/websocket"
)

type wyeSession struct{ c *websocket.Conn }

func wyeDeflate(mode deflateMode) websocket.Deflate {
	d := websocket.Deflate{Enabled: mode != noDeflate, Threshold: -1}
	switch mode {
	case noTakeover:
		d.ServerNoTakeover, d.ClientNoTakeover = true, true
	case bits9:
		d.ServerMaxWindowBits, d.ClientMaxWindowBits = 9, 9
	}
	return d
}

// dialWye notes in log what crosses the wire.
func dialWye(ctx context.Context, url string, mode deflateMode, log *tap) (session, error) {
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		Options:      websocket.Options{MaxMessage: maxMessage, Deflate: wyeDeflate(mode)},
		Subprotocols: []string{otherSubprotocol, sharedSubprotocol},
		NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return tappedConn{c, log}, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return wyeSession{c}, nil
}

// wyeHandler gives serve the id that the client chose, too.
func wyeHandler(mode deflateMode, serve func(s session, id string)) http.Handler {
	return websocket.Handler(func(_ context.Context, c *websocket.Conn) error {
		serve(wyeSession{c}, c.Request().URL.Query().Get("id"))
		return nil
	}, &websocket.AcceptOptions{
		Options:      websocket.Options{MaxMessage: maxMessage, Deflate: wyeDeflate(mode)},
		Subprotocols: []string{sharedSubprotocol},
	})
}

func (s wyeSession) subprotocol() string { return s.c.Subprotocol() }

func (s wyeSession) receive(ctx context.Context) (message, error) {
	typ, p, err := s.c.Read(ctx)
	return message{typ == websocket.MessageText, p}, wyeError(err)
}

func wyeError(err error) error {
	var c *websocket.CloseError
	if errors.As(err, &c) && c.Remote && c.Err == nil {
		return &closeFrame{int(c.Code), c.Reason}
	}
	return err
}

func (s wyeSession) send(ctx context.Context, m message) error {
	typ := websocket.MessageBinary
	if m.text {
		typ = websocket.MessageText
	}
	return s.c.Write(ctx, typ, m.data)
}

func (s wyeSession) sendFragments(ctx context.Context, parts [][]byte) error {
	w, err := s.c.Writer(ctx, websocket.MessageText)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return w.Close()
}

func (s wyeSession) ping(ctx context.Context) error {
	_, err := s.c.Ping(ctx)
	return err
}

func (s wyeSession) close(ctx context.Context, code int, reason string) (int, error) {
	if err := s.c.Close(ctx, websocket.StatusCode(code), reason); err != nil {
		return 0, err
	}
	return int(websocket.CloseStatus(s.c.Err())), nil
}

func (s wyeSession) abort() { _ = s.c.CloseNow() }
