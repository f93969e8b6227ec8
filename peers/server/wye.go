package main

import (
	"context"
	"net/http"

	"github.com/wye-org/wye/websocket"
)

// wyeOptions are those of all servers of ours.
func wyeOptions(mode deflate) websocket.Options {
	o := websocket.Options{MaxMessage: maxMessage, MaxFragments: 1 << 20}
	if *pingInterval != 0 {
		o.PingInterval, o.PongTimeout = *pingInterval, -1
	}
	if mode != none {
		o.Deflate = websocket.Deflate{Enabled: true, ServerNoTakeover: mode == nct, ClientNoTakeover: mode == nct}
	}
	return o
}

func wyeConnServer(mode deflate) (endpoints, error) {
	opts := &websocket.AcceptOptions{Detach: true, Options: wyeOptions(mode)}
	each := func(begin func(*websocket.Conn), handle func(context.Context, *websocket.Conn, *websocket.Message) error) http.Handler {
		return websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
			begin(c)
			for {
				m, err := c.ReadPooled(ctx)
				if err != nil {
					return err
				}
				err = handle(ctx, c, m)
				m.Release()
				if err != nil {
					return err
				}
			}
		}, opts)
	}
	none := func(*websocket.Conn) {}
	var subs websocket.Fanout
	return endpoints{
		echo: each(none, func(ctx context.Context, c *websocket.Conn, m *websocket.Message) error {
			return c.Write(ctx, m.Type, m.Data)
		}),
		sub: each(func(c *websocket.Conn) { subs.Add(c) }, func(context.Context, *websocket.Conn, *websocket.Message) error { return nil }),
		pub: each(none, func(ctx context.Context, _ *websocket.Conn, m *websocket.Message) error {
			if err := subs.Send(m.Type, m.Data); err != websocket.ErrQueueFull {
				return err
			}
			if err := subs.Flush(ctx); err != nil { // so this publisher waits
				return err
			}
			return subs.Send(m.Type, m.Data)
		}),
	}, nil
}
