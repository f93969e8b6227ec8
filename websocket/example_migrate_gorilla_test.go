package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// These are quoted in docs/migrate-gorilla.md.

func Example_gorillaServer() {
	opts := &websocket.AcceptOptions{
		Gate:    &gate.Gate{Origins: []string{"https://app.example.com"}},
		Options: websocket.Options{MaxMessage: 512 << 10},
	}
	if err := opts.Gate.Validate(); err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, opts)
		if err != nil {
			return // answered and logged
		}
		defer c.CloseNow()
		for {
			typ, p, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), typ, p); err != nil {
				return
			}
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}

func Example_gorillaClient() {
	srv := httptest.NewServer(websocket.Handler(echo, nil))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, _, err := websocket.Dial(ctx, srv.URL, &websocket.DialOptions{
		Header: http.Header{"Origin": {srv.URL}},
		Proxy:  http.ProxyFromEnvironment,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	_, p, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", p)
	if err := c.Close(ctx, websocket.StatusNormalClosure, ""); err != nil {
		log.Fatal(err)
	}
	// Output: hello
}

// What needed a mutex, or a goroutine with a channel, needs nothing.
func Example_gorillaConcurrentWrites() {
	ctx := context.Background()
	c, s := websocket.Pipe(nil, nil)
	defer c.CloseNow()

	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() { s.Write(ctx, websocket.MessageText, []byte("tick")) })
	}
	writers.Wait()
	go s.Close(ctx, websocket.StatusNormalClosure, "")

	for m, err := range c.Messages(ctx) {
		var closed *websocket.CloseError
		switch {
		case err == nil:
			fmt.Printf("%s\n", m.Data)
		case errors.As(err, &closed):
			fmt.Println(closed.Code, closed.Remote)
		}
	}
	// Output:
	// tick
	// tick
	// tick
	// normal closure true
}
