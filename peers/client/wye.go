package main

import (
	"context"

	"github.com/wye-org/wye/websocket"
)

type wyeConn struct{ c *websocket.Conn }

func dialWye(ctx context.Context, url, deflate string) (connection, error) {
	opts := &websocket.DialOptions{Options: websocket.Options{MaxMessage: 32 << 20, MaxFragments: 1 << 20}}
	if deflate != "none" {
		opts.Deflate = websocket.Deflate{Enabled: true, ServerNoTakeover: deflate == "nct", ClientNoTakeover: deflate == "nct"}
	}
	c, _, err := websocket.Dial(ctx, url, opts)
	if err != nil {
		return nil, err
	}
	return wyeConn{c}, nil
}

func (w wyeConn) read(ctx context.Context) (int, []byte, error) {
	typ, p, err := w.c.Read(ctx)
	return int(typ), p, err
}

func (w wyeConn) write(ctx context.Context, typ int, p []byte) error {
	return w.c.Write(ctx, websocket.MessageType(typ), p)
}

func (w wyeConn) close() {
	_ = w.c.Close(context.Background(), websocket.StatusNormalClosure, "")
}
