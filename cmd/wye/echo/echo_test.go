package echo

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/websocket"
)

// connect serves one connection. It has to be called in a bubble.
func connect(t *testing.T, rate pace.Rate) (client *websocket.Conn, done <-chan error) {
	t.Helper()
	opts := &websocket.Options{MaxMessage: 4 << 20}
	client, server := websocket.Pipe(opts, opts)
	ended := make(chan error, 1)
	go func() { // ends with the connection
		ended <- serve(t.Context(), server, rate)
		server.Close(context.WithoutCancel(t.Context()), websocket.StatusNormalClosure, "")
	}()
	t.Cleanup(func() {
		client.CloseNow()
		server.CloseNow()
	})
	return client, ended
}

func TestEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, done := connect(t, 0)
		big := bytes.Repeat([]byte("0123456789abcdef"), 3<<16) // 3 MiB
		for _, m := range []struct {
			typ websocket.MessageType
			p   []byte
		}{
			{websocket.MessageText, []byte("hello")},
			{websocket.MessageText, nil},
			{websocket.MessageBinary, []byte{0, 0xff}},
			{websocket.MessageBinary, big},
			{websocket.MessageText, []byte("and after a large one")},
			{websocket.MessageBinary, big[:keptBuffer]},
			{websocket.MessageBinary, []byte("short again")},
		} {
			go c.Write(t.Context(), m.typ, m.p) // ends when it is queued
			typ, p, err := c.Read(t.Context())
			if err != nil || typ != m.typ || !bytes.Equal(p, m.p) {
				t.Fatalf("%d bytes of %v came back as %d of %v, %v", len(m.p), m.typ, len(p), typ, err)
			}
		}
		c.Close(t.Context(), websocket.StatusNormalClosure, "")
		if err := <-done; err != nil {
			t.Errorf("the peer's close was taken for an error: %v", err)
		}
	})
}

func TestALostConnectionIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, done := connect(t, 0)
		c.CloseNow()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := connect(t, 10)
		start := time.Now()
		for range 30 {
			if err := c.Write(t.Context(), websocket.MessageText, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		for range 30 {
			if _, _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("30 messages at 10 a second took %v, want 2s", took)
		}
	})
}

// Echoing allocates nothing by itself: the buffer is the connection's, and goes
// back to a pool that all share.
func TestBuffersAreKeptSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			c, done := connect(t, 0)
			go c.Write(t.Context(), websocket.MessageBinary, make([]byte, 1<<20))
			if _, _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.CloseNow()
			<-done
			b := buffers.Get().(*[]byte)
			if cap(*b) > keptBuffer {
				t.Errorf("a buffer of %d bytes went back to the pool", cap(*b))
			}
			buffers.Put(b)
		}
	})
}
