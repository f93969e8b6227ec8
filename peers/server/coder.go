package main

import (
	"context"
	"io"
	"net/http"

	"github.com/coder/websocket"
)

func coderEcho(mode deflate) (http.Handler, error) {
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
		for {
			if err := coderMessage(r.Context(), c); err != nil {
				return
			}
		}
	}), nil
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
