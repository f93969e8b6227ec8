package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// A server that sends every message back.
func ExampleHandler() {
	http.Handle("/echo", websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for {
			typ, p, err := c.Read(ctx)
			if err != nil {
				return err
			}
			if err := c.Write(ctx, typ, p); err != nil {
				return err
			}
		}
	}, nil))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}

// A client that says one thing and hears one.
func ExampleDial() {
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
	_, p, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", p)
	c.Close(ctx, websocket.StatusNormalClosure, "")
	// Output: hello
}

// A server that did not switch said why.
func ExampleDial_refused() {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()

	_, _, err := websocket.Dial(context.Background(), srv.URL+"/nowhere", nil)
	var refused *wye.RefusedError
	if errors.As(err, &refused) {
		fmt.Println(refused.Response.StatusCode)
		fmt.Printf("%s", refused.Body)
	}
	// Output:
	// 404
	// 404 page not found
}

// Every connection ends with an error that says who ended it, and why.
func ExampleCloseError() {
	c, s := websocket.Pipe(nil, nil)
	go s.Close(context.Background(), 4001, "out of tea")

	_, _, err := c.Read(context.Background())
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		fmt.Println(closed.Code, closed.Reason, closed.Remote)
	}
	// Output: status 4001 out of tea true
}

// Pages of other origins, subprotocols and limits are options.
func ExampleAcceptOptions() {
	opts := &websocket.AcceptOptions{
		Gate:         &gate.Gate{Origins: []string{"https://*.example.com"}},
		Subprotocols: []string{"chat"},
		Options:      websocket.Options{MaxMessage: 64 << 10},
	}
	if err := opts.Gate.Validate(); err != nil {
		log.Fatal(err)
	}
	http.Handle("/chat", websocket.Handler(echo, opts))
}

// A broadcast is framed once. Who is too slow for it is not waited for.
func ExampleConn_TryWritePrepared() {
	var members []*websocket.Conn // of a room
	broadcast := func(text string) {
		p := websocket.Prepare(websocket.MessageText, []byte(text))
		for _, c := range members {
			if err := c.TryWritePrepared(p); err == websocket.ErrQueueFull {
				go c.Close(context.Background(), websocket.StatusTryAgainLater, "too slow")
			}
		}
	}
	broadcast("hello, everybody")
}

// A server that is told to stop says goodbye to its connections and waits for
// them: http.Server.Shutdown alone would forget them.
func Example_shutdown() {
	srv := &http.Server{Addr: "127.0.0.1:8080", Handler: websocket.Handler(echo, nil)}
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	go srv.ListenAndServe()
	<-stop.Done()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	counts, err := wye.Shutdown(ctx, srv, wye.Drain{Over: 10 * time.Second, Restart: true})
	log.Printf("%d closed cleanly, %d cut, %d lost: %v", counts.Clean, counts.Forced, counts.Lost, err)
}

// Code that uses a Conn is tested without sockets.
func ExamplePipe() {
	client, server := websocket.Pipe(nil, nil)
	go echo(context.Background(), server)

	client.Write(context.Background(), websocket.MessageText, []byte("in memory"))
	_, p, _ := client.Read(context.Background())
	fmt.Printf("%s\n", p)
	client.Close(context.Background(), websocket.StatusNormalClosure, "")
	// Output: in memory
}
