package main

import (
	"context"
	"net/http"

	"github.com/wye-org/wye/websocket"
)

// wyeLoopServer serves connections from net/http by callbacks.
func wyeLoopServer(mode deflate) (endpoints, error) {
	with := func(l *websocket.Loop) http.Handler {
		l.DropRequest = true
		return websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: wyeOptions(mode)})
	}
	var subs websocket.Fanout
	return endpoints{
		echo: with(&websocket.Loop{Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
			_ = c.Write(context.Background(), typ, p) // always has room: see Loop
		}}),
		sub: with(&websocket.Loop{Open: func(c *websocket.Conn) { subs.Add(c) }}),
		pub: with(&websocket.Loop{Message: func(_ *websocket.Conn, typ websocket.MessageType, p []byte) {
			_ = subs.Send(typ, p) // one that is behind by its whole queue loses the message
		}}),
	}, nil
}
