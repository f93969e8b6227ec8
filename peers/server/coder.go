package main

import (
	"context"
	"io"
	"net/http"

	"github.com/coder/websocket"
)

func coderServer(mode deflate) (endpoints, error) {
	var subs group[*websocket.Conn]
	none := func(*websocket.Conn) {}
	each := func(begin, end func(*websocket.Conn), handle func(context.Context, *websocket.Conn, websocket.MessageType, []byte) error) http.Handler {
		return coderHandler(mode, func(ctx context.Context, c *websocket.Conn) {
			begin(c)
			defer end(c)
			for {
				typ, p, err := c.Read(ctx)
				if err != nil || handle(ctx, c, typ, p) != nil {
					return
				}
			}
		})
	}
	return endpoints{
		echo: each(none, none, func(ctx context.Context, c *websocket.Conn, typ websocket.MessageType, p []byte) error {
			return c.Write(ctx, typ, p)
		}),
		sub: each(subs.add, subs.remove, func(context.Context, *websocket.Conn, websocket.MessageType, []byte) error { return nil }),
		pub: each(none, none, func(ctx context.Context, _ *websocket.Conn, typ websocket.MessageType, p []byte) error {
			for c := range subs.all() {
				_ = c.Write(ctx, typ, p) // who is gone is removed by its own handler
			}
			return nil
		}),
	}, nil
}

// coderStreamServer echoes by Reader and Writer, as the library's own example
// does: it shows how its messages are cut into frames.
func coderStreamServer(mode deflate) (endpoints, error) {
	return endpoints{echo: coderHandler(mode, func(ctx context.Context, c *websocket.Conn) {
		for {
			if err := coderMessage(ctx, c); err != nil {
				return
			}
		}
	})}, nil
}

func coderHandler(mode deflate, serve func(context.Context, *websocket.Conn)) http.Handler {
	opts := &websocket.AcceptOptions{CompressionMode: map[deflate]websocket.CompressionMode{
		none: websocket.CompressionDisabled,
		nct:  websocket.CompressionNoContextTakeover,
		ct:   websocket.CompressionContextTakeover,
	}[mode]}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, opts)
		if err != nil {
			return // the refusal was written
		}
		defer c.CloseNow()
		c.SetReadLimit(maxMessage)
		serve(r.Context(), c)
	})
}

// coderMessage echoes one message as the library's own example does.
func coderMessage(ctx context.Context, c *websocket.Conn) error {
	typ, rd, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	w, err := c.Writer(ctx, typ)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, rd); err != nil {
		return err
	}
	return w.Close()
}
