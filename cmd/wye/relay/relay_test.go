package relay

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/websocket"
)

// enter puts a connection into the room. It has to be called in a bubble.
func enter(t *testing.T, r *room, rate pace.Rate, opts *websocket.Options) (client *websocket.Conn, done <-chan error) {
	t.Helper()
	client, server := websocket.Pipe(opts, opts)
	ended := make(chan error, 1)
	go func() { // ends with the connection
		err := r.relay(t.Context(), server, rate)
		server.Close(context.WithoutCancel(t.Context()), websocket.StatusNormalClosure, "")
		ended <- err
	}()
	t.Cleanup(func() {
		client.CloseNow()
		server.CloseNow()
	})
	synctest.Wait() // until it has entered
	return client, ended
}

func newRoom() *room { return &room{members: map[*member]struct{}{}} }

func send(t *testing.T, c *websocket.Conn, typ websocket.MessageType, p string) {
	t.Helper()
	if err := c.Write(t.Context(), typ, []byte(p)); err != nil {
		t.Fatal(err)
	}
}

func receives(t *testing.T, c *websocket.Conn, typ websocket.MessageType, want string) {
	t.Helper()
	if got, p, err := c.Read(t.Context()); err != nil || got != typ || string(p) != want {
		t.Fatalf("received %v %q, %v; want %v %q", got, p, err, typ, want)
	}
}

func TestEveryoneElseReceivesWhatOneSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := newRoom(), newRoom()
		a, _ := enter(t, here, 0, nil)
		b, _ := enter(t, here, 0, nil)
		c, left := enter(t, here, 0, nil)
		elsewhere, _ := enter(t, there, 0, nil)

		send(t, a, websocket.MessageText, "to you")
		send(t, a, websocket.MessageBinary, "\x00\xff")
		for _, other := range []*websocket.Conn{b, c} {
			receives(t, other, websocket.MessageText, "to you")
			receives(t, other, websocket.MessageBinary, "\x00\xff")
		}
		// What a receives first is what another sent, not its own.
		send(t, b, websocket.MessageText, "to you, too")
		receives(t, a, websocket.MessageText, "to you, too")
		receives(t, c, websocket.MessageText, "to you, too")

		c.Close(t.Context(), websocket.StatusNormalClosure, "")
		if err := <-left; err != nil {
			t.Errorf("leaving was taken for an error: %v", err)
		}
		send(t, a, websocket.MessageText, "")
		receives(t, b, websocket.MessageText, "")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, p, err := elsewhere.Read(ctx); err == nil {
			t.Errorf("another room received %q", p)
		}
	})
}

func TestASlowMemberIsSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := newRoom()
		a, _ := enter(t, here, 0, nil)
		b, _ := enter(t, here, 0, nil)
		slow, done := enter(t, here, 0, &websocket.Options{WriteQueueBytes: 32 << 10})

		start := time.Now()
		message := string(bytes.Repeat([]byte("x"), 8<<10))
		members := func() int {
			here.mu.Lock()
			defer here.mu.Unlock()
			return len(here.members)
		}
		for i := 0; members() == 3; i++ {
			if i == 100 {
				t.Fatal("800 KiB that nobody read, and the member is still there")
			}
			send(t, a, websocket.MessageBinary, message)
			receives(t, b, websocket.MessageBinary, message)
			synctest.Wait()
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the others waited %v", took)
		}
		for {
			if _, _, err := slow.Read(t.Context()); err != nil {
				if websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
					t.Errorf("the slow member is told %v, want 1013", err)
				}
				break
			}
		}
		if err := <-done; err != nil {
			t.Errorf("a slow member was taken for a failure of ours: %v", err)
		}
	})
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := newRoom()
		a, _ := enter(t, here, 10, nil)
		b, _ := enter(t, here, 10, nil)
		start := time.Now()
		for range 30 {
			send(t, a, websocket.MessageText, "x")
		}
		for range 30 {
			receives(t, b, websocket.MessageText, "x")
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("30 messages at 10 a second took %v, want 2s", took)
		}
	})
}
