package main

import (
	"context"
	"net/http"

	"github.com/wye-org/wye/websocket"
)

func wyeEcho(mode deflate) (http.Handler, error) {
	opts := &websocket.AcceptOptions{Options: websocket.Options{MaxMessage: maxMessage, MaxFragments: 1 << 20}}
	if mode != none {
		opts.Deflate = websocket.Deflate{Enabled: true, ServerNoTakeover: mode == nct, ClientNoTakeover: mode == nct}
	}
	return websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for {
			typ, p, err := c.Read(ctx)
			if err != nil {
				return err
			}
			if err := c.Write(ctx, typ, p); err != nil {
				return err
			}
		}
	}, opts), nil
}
