package relay

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

var limits = rooms.Limits{Rooms: 2, Seats: 3}

func newHandler(t *testing.T, rate pace.Rate) *Handler {
	t.Helper()
	return newServer(t, nil, rate)
}

// newServer is one of those that share an engine.
func newServer(t *testing.T, engine hub.Engine, rate pace.Rate) *Handler {
	t.Helper()
	h, err := hub.New(hub.Options{Engine: engine, Namespaces: []hub.Namespace{Namespace(limits)}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return NewHandler(h, rate, websocket.AcceptOptions{})
}

// enter puts a connection into a room. It has to be called in a bubble.
func enter(t *testing.T, h *Handler, room string, opts *websocket.Options) (client *websocket.Conn, done <-chan error) {
	t.Helper()
	client, server := websocket.Pipe(opts, opts)
	ended := make(chan error, 1)
	go func() { // ends with the connection
		err := h.relay(t.Context(), server, room)
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
		h := newHandler(t, 0)
		a, _ := enter(t, h, "here", nil)
		b, _ := enter(t, h, "here", nil)
		c, left := enter(t, h, "here", nil)
		elsewhere, _ := enter(t, h, "there", nil)

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
		h := newHandler(t, 0)
		a, _ := enter(t, h, "here", nil)
		b, _ := enter(t, h, "here", nil)
		slow, done := enter(t, h, "here", &websocket.Options{WriteQueueBytes: 32 << 10})

		start := time.Now()
		message := string(bytes.Repeat([]byte("x"), 8<<10))
		for i := 0; h.hub.Stats().Members == 3; i++ {
			if i == 200 {
				t.Fatal("1.6 MiB that nobody read, and the member is still there")
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

// Who finds the room full is told so before the switch; or after it, if the last
// seat was taken in between.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, 0)
		ask := func(room string) int {
			r := httptest.NewRequest("GET", "/ws/x", nil)
			for name, value := range map[string]string{"Connection": "upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
				r.Header.Set(name, value)
			}
			r.SetPathValue("room", room)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		if code := ask("here"); code == http.StatusServiceUnavailable {
			t.Error("the first room is full before anyone has come")
		}
		for range limits.Seats {
			enter(t, h, "here", nil)
		}
		if code := ask("here"); code != http.StatusServiceUnavailable {
			t.Errorf("a full room answers %d, want 503", code)
		}
		late, done := enter(t, h, "here", nil)
		if _, _, err := late.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
			t.Errorf("who comes too late is told %v, want 1013", err)
		}
		if err := <-done; err != nil {
			t.Errorf("a full room is taken for a failure of ours: %v", err)
		}
		_, left := enter(t, h, "there", nil)
		if code := ask("elsewhere"); code != http.StatusServiceUnavailable {
			t.Errorf("with as many rooms as may be another one answers %d, want 503", code)
		}
		h.hub.Close()
		if err := <-left; err != nil {
			t.Errorf("the end of the server is taken for a failure of ours: %v", err)
		}
	})
}

// A room is one room on all servers.
func TestServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := hub.NewMemory(nil)
		a, b := newServer(t, engine, 0), newServer(t, engine, 0)
		ada, _ := enter(t, a, "here", nil)
		bob, _ := enter(t, b, "here", nil)
		synctest.Wait()
		send(t, ada, websocket.MessageText, "from one")
		receives(t, bob, websocket.MessageText, "from one")
		send(t, bob, websocket.MessageBinary, "from the other")
		receives(t, ada, websocket.MessageBinary, "from the other")
	})
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, 10)
		a, _ := enter(t, h, "here", nil)
		b, _ := enter(t, h, "here", nil)
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
