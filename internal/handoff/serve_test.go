package handoff

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/wye-org/wye/internal/talk"
)

// A server serves what it is given as its own, and lets go of it as its own.
func TestServe(t *testing.T) {
	var states atomic.Int32
	srv := &http.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }),
		ConnState: func(_ net.Conn, s http.ConnState) { states.Add(1 << (8 * s)) },
	}
	ours, theirs := net.Pipe()
	if err := Serve(srv, Replay(ours, []byte("GET /first HTTP/1.1\r\nHost: a\r\n\r\n"))); err != nil {
		t.Fatal(err)
	}
	p := talk.With(t, theirs)
	if _, body := p.WantResponse("GET", 200); body != "/first" {
		t.Errorf("got %q", body)
	}
	p.Say("GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
	if _, body := p.WantResponse("GET", 200); body != "/second" {
		t.Errorf("got %q", body)
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	p.WantEnd()
	if states.Load()&0xff != 1 {
		t.Errorf("StateNew came %d times", states.Load()&0xff)
	}
}

func TestServeAfterShutdown(t *testing.T) {
	srv := new(http.Server)
	srv.Close()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	if err := Serve(srv, ours); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("got %v", err)
	}
	if err := ours.Close(); err != nil {
		t.Errorf("it was not the caller's any more: %v", err)
	}
}
