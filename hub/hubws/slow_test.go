package hubws_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/hubws"
	"github.com/wye-org/wye/websocket"
)

// member joins a channel of h over a connection in memory, whose other end it
// returns.
func member(t *testing.T, h *hub.Hub, channel string, e *hubws.Encoding, opts *websocket.Options) (*websocket.Conn, *hub.Client) {
	t.Helper()
	there, here := websocket.Pipe(nil, opts)
	client, err := h.Connect(hubws.Outlet(here, e), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Join(t.Context(), channel, nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the connection
		defer close(done)
		for {
			if _, _, err := here.Read(context.Background()); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		client.Close()
		there.CloseNow()
		here.CloseNow()
		<-done
	})
	return there, client
}

func newHub(t *testing.T, opts hub.Options) *hub.Hub {
	t.Helper()
	for name, slow := range map[string]hub.Slow{"end": hub.Disconnect, "price": hub.Conflate, "newest": hub.DropNewest} {
		opts.Namespaces = append(opts.Namespaces, hub.Namespace{Name: name, Slow: slow, MaySubscribe: hub.Anyone,
			Presence: hub.Presence{TTL: time.Minute, Announce: true}})
	}
	h, err := hub.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// A member that reads nothing for a while gets the newest of each key then, and
// one that reads everything.
func TestConflation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, hub.Options{})
		slow, s := member(t, h, "price:x", nil, nil)
		const ticks = 500
		big := strings.Repeat("x", 10<<10)
		for i := range ticks {
			for _, key := range []string{"a", "b"} {
				h.Publish(t.Context(), "price:x", fmt.Appendf(nil, "%s %d %s", key, i, big), &hub.PublishOptions{Key: key})
			}
			synctest.Wait()
		}
		if stats := s.Stats(); stats.Conflated < ticks || stats.Queued > 2 {
			t.Errorf("of %d messages were conflated: %+v", 2*ticks, stats)
		}
		if stats := s.Stats(); stats.Delivered > 40 {
			t.Errorf("%d messages of 10 KiB are beyond the hub's reach", stats.Delivered)
		}
		last := map[string]int{}
		for last["a"] != ticks-1 || last["b"] != ticks-1 {
			_, p, err := slow.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var key string
			var n int
			fmt.Sscan(string(p[:min(len(p), 20)]), &key, &n)
			if before, ok := last[key]; ok && n <= before {
				t.Fatalf("%s %d came after %d", key, n, before)
			}
			last[key] = n
		}
		if stats := s.Stats(); stats.Delivered+stats.Conflated != 2*ticks {
			t.Errorf("%+v", stats)
		}
	})
}

// Who is too slow is told so.
func TestTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, hub.Options{QueueMessages: 10})
		slow, client := member(t, h, "end:x", nil, nil)
		big := make([]byte, 60<<10)
		for client.Err() == nil {
			h.Publish(t.Context(), "end:x", big, &hub.PublishOptions{Binary: true})
			synctest.Wait()
		}
		var err error
		for err == nil {
			_, _, err = slow.Read(t.Context())
		}
		if websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
			t.Errorf("the slow member is told %v, want 1013", err)
		}
	})
}

// An encoding says what is sent, once for all, and what is not.
func TestEncoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		e := hubws.NewEncoding(func(m *hub.Message) (websocket.MessageType, []byte) {
			made.Add(1)
			switch {
			case m.Kind == hub.Joined:
				return websocket.MessageText, []byte("+")
			case string(m.Data) == "secret":
				return 0, nil
			}
			return websocket.MessageBinary, append([]byte("> "), m.Data...)
		})
		h := newHub(t, hub.Options{})
		a, _ := member(t, h, "end:x", e, nil)
		b, counted := member(t, h, "end:x", e, nil)
		for _, text := range []string{"1", "secret", "2"} {
			h.Publish(t.Context(), "end:x", []byte(text), nil)
		}
		for _, want := range []struct {
			who  *websocket.Conn
			typ  websocket.MessageType
			text string
		}{
			{a, websocket.MessageText, "+"},
			{a, websocket.MessageBinary, "> 1"},
			{a, websocket.MessageBinary, "> 2"},
			{b, websocket.MessageBinary, "> 1"},
			{b, websocket.MessageBinary, "> 2"},
		} {
			if typ, p, err := want.who.Read(t.Context()); err != nil || typ != want.typ || string(p) != want.text {
				t.Errorf("got %v %q, %v, want %v %q", typ, p, err, want.typ, want.text)
			}
		}
		if n := made.Load(); n != 4 {
			t.Errorf("four messages were encoded %d times", n)
		}
		synctest.Wait() // it is counted when it was sent
		if s := counted.Stats(); s.Delivered != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// A connection with less room than a batch gets the batch in parts.
func TestNarrowConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		skip := hubws.NewEncoding(func(m *hub.Message) (websocket.MessageType, []byte) {
			if m.Kind != hub.Data || len(m.Data)%2 == 1 {
				return 0, nil
			}
			return websocket.MessageText, m.Data
		})
		h := newHub(t, hub.Options{})
		c, client := member(t, h, "end:x", skip, &websocket.Options{WriteQueueMessages: 3})
		for i := range 100 {
			h.Publish(t.Context(), "end:x", fmt.Appendf(nil, "%d", i), nil)
		}
		for i := 10; i < 100; i++ {
			if _, p, err := c.Read(t.Context()); err != nil || string(p) != fmt.Sprint(i) {
				t.Fatalf("got %q, %v, want %d", p, err, i)
			}
		}
		synctest.Wait()
		if s := client.Stats(); s.Delivered != 100 || s.Offered != 100 {
			t.Errorf("%+v", s)
		}
	})
}

// That a connection ends by itself is for whoever reads it to see: the hub does
// not close it a second time, with another code.
func TestAClosingConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, hub.Options{})
		there, here := websocket.Pipe(nil, nil)
		client, err := h.Connect(hubws.Outlet(here, nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := client.Join(t.Context(), "end:x", nil); err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- here.Close(t.Context(), websocket.StatusNormalClosure, "done") }() // ends with the closing handshake
		synctest.Wait()
		h.Publish(t.Context(), "end:x", []byte("late"), nil)
		synctest.Wait()
		if _, _, err := there.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("the peer is told %v, want 1000", err)
		}
		if err := <-closed; err != nil {
			t.Errorf("the closing handshake: %v", err)
		}
	})
}

// As it is, a member gets what is published, and not who comes and goes.
func TestRawIsDataAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, hub.Options{})
		a, _ := member(t, h, "end:x", nil, nil)
		member(t, h, "end:x", nil, nil)
		h.Publish(t.Context(), "end:x", []byte("1"), nil)
		if _, p, err := a.Read(t.Context()); err != nil || string(p) != "1" {
			t.Errorf("got %q, %v", p, err)
		}
	})
}
