package websocket_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

func TestTryWriteBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, &websocket.Options{WriteQueueMessages: 3})
		defer closeBoth(c, s)
		var batch []*websocket.Prepared
		for _, text := range []string{"1", "2", "3", "4", "5"} {
			batch = append(batch, websocket.Prepare(websocket.MessageText, []byte(text)))
		}
		if n, err := s.TryWriteBatch(nil); n != 0 || err != nil {
			t.Errorf("nothing: %d, %v", n, err)
		}
		n, err := s.TryWriteBatch(batch)
		if n != 3 || err != websocket.ErrQueueFull {
			t.Errorf("five into a queue of three: %d, %v", n, err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := s.TryWriteBatch(batch[3:]); n != 2 || err != nil {
			t.Errorf("two into an empty queue: %d, %v", n, err)
		}
		for _, want := range []string{"1", "2", "3", "4", "5"} {
			if typ, p, err := c.Read(t.Context()); err != nil || typ != websocket.MessageText || string(p) != want {
				t.Errorf("got %v %q, %v, want %q", typ, p, err, want)
			}
		}
		if stats := s.Stats(); stats.MessagesSent != 5 || stats.BytesSent != 5 {
			t.Errorf("%+v", stats)
		}
		s.CloseNow()
		var closed *websocket.CloseError
		if n, err := s.TryWriteBatch(batch); n != 0 || !errors.As(err, &closed) {
			t.Errorf("after the end: %d, %v", n, err)
		}
	})
}

// Check has the last word, and only about what the gate has let in.
func TestAcceptCheck(t *testing.T) {
	asked := 0
	opts := &websocket.AcceptOptions{Gate: &gate.Gate{}, Check: func(r *http.Request) error {
		asked++
		switch r.URL.Path {
		case "/full":
			return &wye.Refusal{Status: http.StatusServiceUnavailable, Text: "full", Header: http.Header{"Retry-After": {"7"}}}
		case "/broken":
			return errors.New("a secret")
		}
		return nil
	}}
	h := websocket.Handler(echo, opts)
	for _, x := range []struct {
		path, origin string
		status       int
		asked        int
	}{
		{"/full", "http://elsewhere.com", http.StatusForbidden, 0},
		{"/full", "http://example.com", http.StatusServiceUnavailable, 1},
		{"/broken", "http://example.com", http.StatusInternalServerError, 1},
	} {
		asked = 0
		r := httptest.NewRequest("GET", x.path, nil)
		for name, value := range map[string]string{"Connection": "upgrade", "Upgrade": "websocket", "Origin": x.origin,
			"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != x.status || asked != x.asked || (x.path == "/full" && x.asked == 1) != (w.Header().Get("Retry-After") == "7") {
			t.Errorf("%s from %s: %d %v, asked %d times", x.path, x.origin, w.Code, w.Header(), asked)
		}
		if body := w.Body.String(); len(body) == 0 || x.path == "/broken" && body == "a secret\n" {
			t.Errorf("%s: %q", x.path, body)
		}
	}
}
