package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// These are quoted in docs/migrate-coder.md.

func Example_coderServer() {
	opts := &websocket.AcceptOptions{
		Gate:         &gate.Gate{Origins: []string{"https://app.example.com"}},
		Subprotocols: []string{"echo"},
	}
	http.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, opts)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			typ, p, err := c.Read(r.Context())
			if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
				return
			}
			if err != nil {
				log.Print(err)
				return
			}
			if err := c.Write(r.Context(), typ, p); err != nil {
				return
			}
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}

func Example_coderClient() {
	srv := httptest.NewServer(websocket.Handler(echo, nil))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, _, err := websocket.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.WriteJSON(ctx, map[string]string{"say": "hello"}); err != nil {
		log.Fatal(err)
	}
	var v map[string]string
	if err := c.ReadJSON(ctx, &v); err != nil {
		log.Fatal(err)
	}
	fmt.Println(v["say"])
	c.Close(ctx, websocket.StatusNormalClosure, "")
	// Output: hello
}

// A Read that was given up is no reason to dial again.
func Example_coderReadTimeout() {
	c, s := websocket.Pipe(nil, nil)
	defer c.CloseNow()
	defer s.CloseNow()

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, _, err := c.Read(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))

	s.Write(context.Background(), websocket.MessageText, []byte("late"))
	_, p, err := c.Read(context.Background())
	fmt.Printf("%s %v\n", p, err)
	// Output:
	// true
	// late <nil>
}
