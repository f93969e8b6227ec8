package main

import (
	"context"
	"sync"

	wyehub "github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/hubws"
	"github.com/wye-org/wye/websocket"
)

// newWyeLoop serves connections by callbacks: a member that waits has neither a
// goroutine nor a buffer.
func newWyeLoop() (hub, error) {
	h, err := newHub()
	if err != nil {
		return nil, err
	}
	var members sync.Map // of *websocket.Conn: their *wyehub.Client
	l := &websocket.Loop{
		Blocking:    true, // Join and Write may wait
		DropRequest: true,
		Message: func(c *websocket.Conn, _ websocket.MessageType, _ []byte) { // the request, which is what the other library's is
			if err := join(h, &members, c); err != nil {
				c.Close(context.Background(), websocket.StatusInternalError, "")
			}
		},
		Closed: func(c *websocket.Conn) {
			if client, ok := members.LoadAndDelete(c); ok {
				client.(*wyehub.Client).Close()
			}
		},
	}
	return &wye{websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: websocket.Options{PingInterval: -1}}), h}, nil
}

func join(h *wyehub.Hub, members *sync.Map, c *websocket.Conn) error {
	ctx := context.Background()
	client, err := h.Connect(hubws.Outlet(c, envelope), nil)
	if err != nil {
		return err
	}
	members.Store(c, client)
	if _, err := client.Join(ctx, channel, nil); err != nil {
		return err
	}
	return c.Write(ctx, websocket.MessageText, []byte(joined))
}
