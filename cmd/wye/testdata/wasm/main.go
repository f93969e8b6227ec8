//go:build js && wasm

// Command wasm talks to an echo endpoint from a page, and writes what it saw into
// the page's title.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall/js"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

func main() {
	title := "passed"
	if err := talk(); err != nil {
		title = "failed: " + err.Error()
	}
	js.Global().Get("document").Set("title", title)
	select {} // the page may still be called back
}

func talk() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	url := "ws://" + js.Global().Get("location").Get("host").String() + "/echo"

	_, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Header: http.Header{"X": {"y"}}})
	if refused := (*wye.DialError)(nil); !errors.As(err, &refused) || refused.Stage != wye.StageRequest {
		return fmt.Errorf("a header of the page's own: %v", err)
	}
	if _, _, err := websocket.Dial(ctx, url+"/nowhere", nil); err == nil {
		return errors.New("an endpoint that is not there was dialled")
	}

	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"superchat"}})
	if err != nil {
		return err
	}
	if c.Subprotocol() != "superchat" {
		return fmt.Errorf("subprotocol %q", c.Subprotocol())
	}
	for _, n := range []int{0, 5, 70_000, 900_000} {
		for _, typ := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
			want := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
			if err := c.Write(ctx, typ, want); err != nil {
				return err
			}
			got, p, err := c.Read(ctx)
			if err != nil || got != typ || !bytes.Equal(p, want) {
				return fmt.Errorf("%d bytes of %v: %d of %v, %v", n, typ, len(p), got, err)
			}
		}
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, _, err := c.Read(short); !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("a read with nothing to read: %v", err)
	}
	if err := c.Close(ctx, 4001, "enough"); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if code := websocket.CloseStatus(c.Err()); code != 4001 {
		return fmt.Errorf("closed with %d", code)
	}

	// The peer closes: the page is told.
	c, _, err = websocket.Dial(ctx, url+"?bye", nil)
	if err != nil {
		return err
	}
	_, _, err = c.Read(ctx)
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != 4002 || closed.Reason != "bye" || !closed.Remote {
		return fmt.Errorf("the peer's close: %v", err)
	}
	return nil
}
