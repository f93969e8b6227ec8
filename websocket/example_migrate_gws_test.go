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

// These are quoted in docs/migrate-gws.md.

func Example_gwsServer() {
	onMessage := func(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
		return c.Write(ctx, m.Type, m.Data)
	}
	http.Handle("/echo", websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		log.Print("open ", c.RemoteAddr())
		defer func() { log.Print("close ", c.Err()) }()
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := onMessage(ctx, c, m); err != nil {
				return err
			}
		}
		return nil
	}, nil))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}

func Example_gwsClient() {
	srv := httptest.NewServer(websocket.Handler(echo, nil))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, _, err := websocket.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	for m, err := range c.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", m.Data)
		break
	}
	c.Close(ctx, websocket.StatusNormalClosure, "")
	// Output: hello
}

// A broadcast is framed and compressed once, and waits for nobody.
func Example_gwsBroadcast() {
	ctx := context.Background()
	var members []*websocket.Conn
	for range 2 {
		c, s := websocket.Pipe(nil, nil)
		defer s.CloseNow()
		members = append(members, s)
		defer func() {
			defer c.CloseNow()
			_, p, err := c.Read(ctx)
			fmt.Printf("%s %v\n", p, err)
		}()
	}

	p := websocket.Prepare(websocket.MessageText, []byte("to all"))
	for _, s := range members {
		if err := s.TryWritePrepared(p); err != nil {
			go s.Close(ctx, websocket.StatusTryAgainLater, "too slow")
		}
	}
	// Output:
	// to all <nil>
	// to all <nil>
}
