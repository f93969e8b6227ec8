package main

import (
	"context"
	"net/http"

	"github.com/wye-org/wye/websocket"
)

func wyeConnServer(mode deflate) (endpoints, error) {
	opts := &websocket.AcceptOptions{Options: websocket.Options{MaxMessage: maxMessage, MaxFragments: 1 << 20}}
	if mode != none {
		opts.Deflate = websocket.Deflate{Enabled: true, ServerNoTakeover: mode == nct, ClientNoTakeover: mode == nct}
	}
	each := func(begin, end func(*websocket.Conn), handle func(context.Context, *websocket.Conn, *websocket.Message) error) http.Handler {
		return websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
			begin(c)
			defer end(c)
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
	var subs group[*websocket.Conn]
	return endpoints{
		echo: each(none, none, func(ctx context.Context, c *websocket.Conn, m *websocket.Message) error {
			return c.Write(ctx, m.Type, m.Data)
		}),
		sub: each(subs.add, subs.remove, func(context.Context, *websocket.Conn, *websocket.Message) error { return nil }),
		pub: each(none, none, func(_ context.Context, _ *websocket.Conn, m *websocket.Message) error {
			p := websocket.Prepare(m.Type, m.Data)
			for c := range subs.all() {
				_ = c.TryWritePrepared(p) // one that is behind by its whole queue loses the message
			}
			return nil
		}),
	}, nil
}
