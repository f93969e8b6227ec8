package websocket_test

import (
	"context"
	"errors"
	"testing"

	"github.com/wye-org/wye/websocket"
)

// The context of a detached handler ends with its connection, and interrupts reads
// of another.
func TestDetachedContextInterruptsOthers(t *testing.T) {
	near, far := websocket.Pipe(&websocket.Options{PingInterval: -1}, &websocket.Options{PingInterval: -1})
	defer closeBoth(near, far)
	ended := make(chan error, 2)
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		go func() { // ends with the connection, as ended shows
			_, _, err := c.Read(ctx)
			ended <- err
		}()
		if err := c.Write(ctx, websocket.MessageText, nil); err != nil {
			return err
		}
		_, _, err := near.Read(ctx)
		ended <- err
		return nil
	}, &websocket.AcceptOptions{Detach: true}))
	c := dial(t, url, nil)
	c.Read(t.Context())
	c.CloseNow()
	var closed *websocket.CloseError
	for range 2 {
		if err := within(t, ended); !errors.Is(err, context.Canceled) && !errors.As(err, &closed) {
			t.Error(err)
		}
	}
	if err := near.Write(t.Context(), websocket.MessageText, nil); err != nil {
		t.Errorf("the other connection: %v", err)
	}
}
