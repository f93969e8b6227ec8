package main

import (
	"bytes"
	"context"
	"io"

	"github.com/coder/websocket"
)

type coderConn struct{ c *websocket.Conn }

func dialCoder(ctx context.Context, url, deflate string) (connection, error) {
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{CompressionMode: map[string]websocket.CompressionMode{
		"none": websocket.CompressionDisabled, "nct": websocket.CompressionNoContextTakeover, "ct": websocket.CompressionContextTakeover,
	}[deflate]})
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(maxMessage)
	return coderConn{c}, nil
}

func (c coderConn) read(ctx context.Context) (int, []byte, error) {
	typ, p, err := c.c.Read(ctx)
	return int(typ), p, err
}

// write streams the message, as the library's own echo example does.
func (c coderConn) write(ctx context.Context, typ int, p []byte) error {
	w, err := c.c.Writer(ctx, websocket.MessageType(typ))
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, bytes.NewReader(p)); err != nil {
		return err
	}
	return w.Close()
}

func (c coderConn) close() { _ = c.c.CloseNow() }
