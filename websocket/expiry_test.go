package websocket_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// verifier knows one token, which is good for a moment.
type verifier struct{ good time.Duration }

func (v verifier) Verify(_ context.Context, token string) (gate.Identity, error) {
	if token != "let-me-in" {
		return gate.Identity{}, gate.ErrCredentials
	}
	return gate.Identity{Principal: "ada", Expires: time.Now().Add(v.good)}, nil
}

// Credentials are verified before the switch and taken out of the request; when
// they expire the connection is closed with 1008.
func TestCredentials(t *testing.T) {
	type seen struct{ principal, header, subprotocol string }
	got := make(chan seen, 4)
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		r := c.Request()
		got <- seen{r.Principal, r.Header.Get("Authorization") + r.URL.RawQuery + r.Header.Get("Sec-WebSocket-Protocol"), c.Subprotocol()}
		_, _, err := c.Read(ctx)
		return err
	}, &websocket.AcceptOptions{
		Options:      websocket.Options{Logger: slog.New(slog.DiscardHandler)},
		Subprotocols: []string{"chat"},
		Gate:         &gate.Gate{Verifier: verifier{100 * time.Millisecond}},
	}))
	for name, opts := range map[string]*websocket.DialOptions{
		"Authorization": {Header: http.Header{"Authorization": {"Bearer let-me-in"}}},
		"subprotocol":   {Subprotocols: []string{"bearer.let-me-in", "chat"}},
		"query":         {},
	} {
		u := url
		if name == "query" {
			u += "?token=let-me-in"
		}
		c, resp, err := websocket.Dial(t.Context(), u, opts)
		if err != nil {
			t.Fatal(name, resp, err)
		}
		if s := <-got; s.principal != "ada" || strings.Contains(s.header, "let-me-in") || (name == "subprotocol") != (s.subprotocol == "chat") {
			t.Errorf("%s: %+v", name, s)
		}
		if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("%s: %v, want 1008 at the expiry", name, err)
		}
		c.CloseNow()
	}
	_, resp, err := websocket.Dial(t.Context(), url, nil)
	if resp == nil || resp.StatusCode != 401 || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer realm=") {
		t.Error(resp, err)
	}
}
