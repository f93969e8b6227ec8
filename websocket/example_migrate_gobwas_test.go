package websocket_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// These are quoted in docs/migrate-gobwas.md.

func Example_gobwasServer() {
	opts := &websocket.AcceptOptions{
		Gate:   &gate.Gate{Origins: []string{"https://app.example.com"}},
		Detach: true, // net/http's handler returns, as yours did
	}
	http.Handle("/echo", websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for {
			m, err := c.ReadPooled(ctx)
			if err != nil {
				return err
			}
			err = c.Write(ctx, m.Type, m.Data)
			m.Release()
			if err != nil {
				return err
			}
		}
	}, opts))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}

func Example_gobwasClient() {
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

// A message as a stream, both ways.
func Example_gobwasStream() {
	ctx := context.Background()
	c, s := websocket.Pipe(nil, nil)
	defer c.CloseNow()
	defer s.CloseNow()

	w, err := s.Writer(ctx, websocket.MessageBinary)
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(w, "in two ")
	w.Flush() // a frame of its own
	io.WriteString(w, "frames")
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	typ, r, err := c.Reader(ctx)
	if err != nil {
		log.Fatal(err)
	}
	p, err := io.ReadAll(r)
	fmt.Printf("%v %s %v\n", typ, p, err)
	// Output: binary in two frames <nil>
}
