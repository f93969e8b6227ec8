package conformance

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
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
		name  string
		loop  *websocket.Loop
		brief bool // the long cases tell nothing more
		serve func(t *testing.T, h http.Handler) (url string)
		tls   *tls.Config
	}{
		{"callbacks", &websocket.Loop{}, false, byHTTP, nil},
		{"callbacks that may block", &websocket.Loop{Blocking: true}, true, byHTTP, nil},
		{"a listener of its own", &websocket.Loop{}, true, byServe, nil},
		{"TLS, parked while idle", &websocket.Loop{}, true, byHTTPS, &tls.Config{InsecureSkipVerify: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.loop.Message = func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
				if err := c.Write(context.Background(), typ, p); err != nil && websocket.CloseStatus(err) == 0 {
					t.Errorf("a reply of %d bytes: %v", len(p), err)
				}
			}
			url := tt.serve(t, websocket.Handler(nil, &websocket.AcceptOptions{Loop: tt.loop, Options: websocket.Options{
				// The suite sends 16 MiB, and 4 MiB in frames of 64 bytes.
				MaxMessage: 32 << 20, MaxFragments: 1 << 20, Deflate: websocket.Deflate{Enabled: true},
				Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), // of refusals there are many
			}}))
			cases := conform.Catalogue(conform.Server)
			if tt.brief || raceEnabled {
				cases = slices.DeleteFunc(cases, func(c *conform.Case) bool { return c.Long })
			}
			run := conform.ServerRun{URL: url, Cases: cases, TLS: tt.tls}
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

func byHTTP(t *testing.T, h http.Handler) (url string) {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

func byHTTPS(t *testing.T, h http.Handler) (url string) {
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

func byServe(t *testing.T, h http.Handler) (url string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() { // ends with Close
		defer close(served)
		websocket.Serve(srv, ln, nil)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	return "ws://" + ln.Addr().String()
}
