package main

import (
	"context"
	"errors"
	"net"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// gobwasConn has no compression: the library's helpers for clients have none.
type gobwasConn struct{ c net.Conn }

func dialGobwas(ctx context.Context, url, _ string) (connection, error) {
	c, br, _, err := ws.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	if br != nil && br.Buffered() > 0 {
		c = early{c, br}
	}
	return gobwasConn{c}, nil
}

// early reads what came with the handshake first.
type early struct {
	net.Conn
	r interface{ Read([]byte) (int, error) }
}

func (e early) Read(p []byte) (int, error) { return e.r.Read(p) }

func (g gobwasConn) read(context.Context) (int, []byte, error) {
	p, op, err := wsutil.ReadServerData(g.c)
	var protocol ws.ProtocolError
	switch { // as the library's own example does
	case errors.Is(err, wsutil.ErrInvalidUTF8):
		_ = wsutil.WriteClientMessage(g.c, ws.OpClose, ws.NewCloseFrameBody(ws.StatusInvalidFramePayloadData, ""))
	case errors.As(err, &protocol):
		_ = wsutil.WriteClientMessage(g.c, ws.OpClose, ws.NewCloseFrameBody(ws.StatusProtocolError, ""))
	}
	return int(op), p, err
}

func (g gobwasConn) write(_ context.Context, typ int, p []byte) error {
	return wsutil.WriteClientMessage(g.c, ws.OpCode(typ), p)
}

func (g gobwasConn) close() { _ = g.c.Close() }
