package main

import (
	"net"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

func fasthttpServer(mode deflate) (endpoints, error) {
	if mode == ct {
		return endpoints{}, errNoTakeover
	}
	up := websocket.FastHTTPUpgrader{EnableCompression: mode == nct}
	var subs group[*websocket.Conn]
	each := func(c *websocket.Conn, handle func(typ int, p []byte) error) {
		c.SetReadLimit(maxMessage)
		for {
			typ, p, err := c.ReadMessage()
			if err != nil || handle(typ, p) != nil {
				return
			}
		}
	}
	echo := func(c *websocket.Conn) { each(c, c.WriteMessage) }
	sub := func(c *websocket.Conn) {
		subs.add(c)
		defer subs.remove(c)
		each(c, func(int, []byte) error { return nil })
	}
	pub := func(c *websocket.Conn) {
		each(c, func(typ int, p []byte) error {
			m, err := websocket.NewPreparedMessage(typ, p)
			if err != nil {
				return err
			}
			for c := range subs.all() {
				_ = c.WritePreparedMessage(m) // who is gone is removed by its own handler
			}
			return nil
		})
	}
	srv := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Path()) {
		case "/echo":
			_ = up.Upgrade(ctx, echo) // the refusal was written
		case "/sub":
			_ = up.Upgrade(ctx, sub)
		case "/pub":
			_ = up.Upgrade(ctx, pub)
		case "/free":
			free()
		default:
			ctx.NotFound()
		}
	}}
	return endpoints{serve: func(ln net.Listener) error { return srv.Serve(ln) }}, nil
}
