package conformance

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/wye-org/wye/conform"
	"github.com/wye-org/wye/websocket"
)

// A Loop's echo under the cases for servers.
func TestLoop(t *testing.T) {
	for _, tt := range []struct {
		name string
		loop *websocket.Loop
	}{
		{"callbacks", &websocket.Loop{}},
		{"callbacks that may block", &websocket.Loop{Blocking: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.loop.Message = func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
				if err := c.Write(context.Background(), typ, p); err != nil && websocket.CloseStatus(err) == 0 {
					t.Errorf("a reply of %d bytes: %v", len(p), err)
				}
			}
			srv := httptest.NewServer(websocket.Handler(nil, &websocket.AcceptOptions{Loop: tt.loop, Options: websocket.Options{
				// The suite sends 16 MiB, and 4 MiB in frames of 64 bytes.
				MaxMessage: 32 << 20, MaxFragments: 1 << 20, Deflate: websocket.Deflate{Enabled: true},
				Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), // of refusals there are many
			}}))
			defer srv.Close()
			cases := conform.Catalogue(conform.Server)
			if tt.loop.Blocking || raceEnabled { // the long ones tell nothing more
				cases = slices.DeleteFunc(cases, func(c *conform.Case) bool { return c.Long })
			}
			run := conform.ServerRun{URL: "ws" + strings.TrimPrefix(srv.URL, "http"), Cases: cases}
			results, err := run.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			verdicts := make(map[conform.Verdict]int)
			for _, r := range results {
				verdicts[r.Verdict]++
				if r.Verdict != conform.Pass && r.Verdict != conform.Informational {
					t.Errorf("%s (%s): %s: want %s, got %s", r.Case.ID, r.Case.Section, r.Verdict, r.Expected, r.Got)
				}
			}
			t.Log(verdicts)
			if verdicts[conform.Pass] < 300 {
				t.Errorf("most cases should apply, got %v", verdicts)
			}
		})
	}
}
