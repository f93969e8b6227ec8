package main

import (
	"context"

	"github.com/gorilla/websocket"
)

type gorillaConn struct{ c *websocket.Conn }

func dialGorilla(ctx context.Context, url, deflate string) (connection, error) {
	c, _, err := (&websocket.Dialer{EnableCompression: deflate != "none"}).DialContext(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(maxMessage)
	return gorillaConn{c}, nil
}

func (g gorillaConn) read(context.Context) (int, []byte, error) { return g.c.ReadMessage() }
func (g gorillaConn) write(_ context.Context, typ int, p []byte) error {
	return g.c.WriteMessage(typ, p)
}
func (g gorillaConn) close() { _ = g.c.Close() }
