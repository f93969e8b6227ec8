package websocket_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/wye-org/wye/websocket"
)

// A client that stays subscribed although the server restarts.
func ExampleReconnect() {
	visits := 0
	srv := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		_, topic, err := c.Read(ctx)
		if err != nil {
			return err
		}
		visits++
		c.Write(ctx, websocket.MessageText, fmt.Appendf(nil, "%s, part %d", topic, visits))
		return c.Close(ctx, websocket.StatusServiceRestart, "")
	}, nil))
	defer srv.Close()

	err := websocket.Reconnect(context.Background(), srv.URL, func(ctx context.Context, c *websocket.Conn) error {
		for {
			_, p, err := c.Read(ctx)
			if err != nil {
				return err // go on with the next connection
			}
			fmt.Printf("%s\n", p)
			if string(p) == "news, part 3" {
				return nil // enough
			}
		}
	}, &websocket.ReconnectOptions{
		OnConnect: func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageText, []byte("news"))
		},
		BackoffBase:   time.Millisecond, // in earnest: the defaults
		RestartSpread: time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// news, part 1
	// news, part 2
	// news, part 3
}

// A ticket that is good for one connection is fetched for each.
func ExampleReconnectOptions_tickets() {
	ticket := func(ctx context.Context) (string, error) { return "t0ken", nil } // asks the server

	err := websocket.Reconnect(context.Background(), "wss://example.com/socket", echo, &websocket.ReconnectOptions{
		Dial: func(ctx context.Context, url string, opts *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
			t, err := ticket(ctx)
			if err != nil {
				return nil, nil, err
			}
			return websocket.Dial(ctx, url+"?ticket="+t, opts)
		},
		OnWait: func(err error, delay time.Duration) {
			log.Printf("%v; next attempt in %v", err, delay.Round(time.Second))
		},
		Retry: func(err error) bool {
			return websocket.ShouldReconnect(err) && websocket.CloseStatus(err) != 4004 // this server's "gone"
		},
	})
	log.Print(err)
}
