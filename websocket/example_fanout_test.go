package websocket_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/wye-org/wye/websocket"
)

// A room: what one says everybody gets, whoever comes, goes or is slow.
func ExampleFanout() {
	var room websocket.Fanout
	came := make(chan struct{})
	srv := httptest.NewServer(websocket.Handler(nil, &websocket.AcceptOptions{
		Loop: &websocket.Loop{
			Open: func(c *websocket.Conn) {
				room.Add(c) // it leaves by itself
				came <- struct{}{}
			},
			Message: func(_ *websocket.Conn, typ websocket.MessageType, p []byte) { room.Send(typ, p) },
		},
	}))
	defer srv.Close()

	ctx := context.Background()
	var members []*websocket.Conn
	for range 3 {
		c, _, err := websocket.Dial(ctx, srv.URL, nil)
		if err != nil {
			panic(err)
		}
		defer c.CloseNow()
		members = append(members, c)
		<-came
	}
	members[0].Write(ctx, websocket.MessageText, []byte("hello, all"))
	for i, c := range members {
		_, p, _ := c.Read(ctx)
		fmt.Printf("%d: %s\n", i, p)
	}
	// Output:
	// 0: hello, all
	// 1: hello, all
	// 2: hello, all
}
