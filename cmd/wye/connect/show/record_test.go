package show

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
)

// record has a connection on which the client sends and the server answers, in
// turns.
func record(t *testing.T, r *Recorder, turns ...string) {
	t.Helper()
	here, there := net.Pipe()
	defer there.Close()
	c, err := r.Dial(func(context.Context, string, string) (net.Conn, error) { return here, nil })(t.Context(), "tcp", "x:1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, turn := range turns {
		from, to := c, there
		if i%2 == 1 {
			from, to = there, c
		}
		sent := make(chan error, 1)
		go func() { // received from below
			_, err := io.WriteString(from, turn)
			sent <- err
		}()
		if _, err := io.ReadFull(to, make([]byte, len(turn))); err != nil {
			t.Fatal(err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
}

func TestRecorder(t *testing.T) {
	const (
		connect = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"
		ok      = "HTTP/1.1 200 OK\r\n\r\n"
		get     = "GET / HTTP/1.1\r\nhost: a\r\n\r\n"
		early   = "HTTP/1.1 103 Early Hints\r\n\r\n"
		final   = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"
	)
	var r Recorder
	record(t, &r, connect, ok, get, early+final+"\x81\x05hello", "\x81\x80mask")
	r.Stop()
	record(t, &r, get, ok)
	want := []Part{{true, connect}, {false, ok}, {true, get}, {false, early}, {false, final}}
	got := r.Parts()
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i, part := range got {
		if part != want[i] {
			t.Errorf("part %d is %v, want %v", i, part, want[i])
		}
	}
}

// A head that breaks off is shown as far as it came, what is none is not shown,
// and no more is kept than the bound.
func TestRecorderOddities(t *testing.T) {
	var r Recorder
	record(t, &r, "GET / HTTP/1.1\r\nHost", "HTTP/1.1 101 Sw")
	if got := r.Parts(); len(got) != 2 || got[1] != (Part{false, "HTTP/1.1 101 Sw"}) {
		t.Errorf("%v", got)
	}
	r = Recorder{}
	record(t, &r, "\x16\x03\x01", "\x15\x03\x01")
	if got := r.Parts(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	r = Recorder{}
	record(t, &r, "GET / HTTP/1.1\r\nX: "+strings.Repeat("x", 2*maxRecorded))
	if got := r.Parts(); len(got) != 1 || len(got[0].Head) != maxRecorded {
		t.Errorf("%d parts", len(got))
	}
}
