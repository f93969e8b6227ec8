package websocket_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// That one message went uncompressed says nothing of those to all.
func TestFanoutAfterWritePlain(t *testing.T) {
	var f websocket.Fanout
	url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1}, websocket.Options{Deflate: websocket.Deflate{Enabled: true, ServerNoTakeover: true}})
	nc := rawDialHead(t, url, strings.Replace(clientHead, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1))
	c := within(t, joined)
	p := bytes.Repeat([]byte("again "), 100)
	c.WritePlain(t.Context(), websocket.MessageText, p)
	f.Send(websocket.MessageText, p)
	b := make([]byte, 4+len(p)+1)
	if err := readFull(nc, b); err != nil || b[0] != 0x81 || b[len(b)-1] != 0xc1 {
		t.Errorf("% x, %v", b, err)
	}
}

// What was written to a member before it is sent to comes before.
func TestFanoutOrderWithWrites(t *testing.T) {
	var large, small websocket.Fanout
	opt := websocket.Options{PingInterval: -1}
	conns := make(chan *websocket.Conn, 2)
	var other *websocket.Conn
	opt.Hooks.Sent = func(_ *websocket.Conn, _ websocket.MessageType, n int) {
		if n == len("first") { // the event loop does its fan-outs now, and has sent what was written before
			other.TryWrite(websocket.MessageText, []byte("second"))
			large.Send(websocket.MessageText, []byte("the third"))
		}
	}
	l := &websocket.Loop{Loops: 1, Open: func(c *websocket.Conn) { conns <- c },
		Message: func(*websocket.Conn, websocket.MessageType, []byte) {
			small.Send(websocket.MessageText, []byte("first"))
		}}
	url := newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: opt}))
	one := dial(t, url, nil)
	small.Add(within(t, conns))
	two := dial(t, url, nil)
	other = within(t, conns)
	large.Add(other)
	one.Write(t.Context(), websocket.MessageText, nil)
	for _, want := range []string{"second", "the third"} {
		if _, p, err := two.Read(t.Context()); string(p) != want {
			t.Errorf("%q, want %q: %v", p, want, err)
		}
	}
}

// A message that a member is being sent in fragments is not broken up: what comes
// meanwhile is skipped.
func TestFanoutWhileStreaming(t *testing.T) {
	var f websocket.Fanout
	url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1}, websocket.Options{})
	c := dial(t, url, nil)
	s := within(t, joined)
	w, err := s.Writer(t.Context(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(bytes.Repeat([]byte("one"), 3000))
	w.Flush()
	f.Send(websocket.MessageText, []byte("between"))
	if st := settled(t, &f); st.Skipped != 1 {
		t.Errorf("%+v", st)
	}
	w.Write([]byte("end"))
	w.Close()
	f.Send(websocket.MessageText, []byte("after"))
	for _, want := range []int{9003, 5} {
		if _, p, err := c.Read(t.Context()); len(p) != want {
			t.Fatalf("%d bytes, want %d: %v", len(p), want, err)
		}
	}
}

// "The application MUST NOT send any more data frames after sending a Close frame."
// RFC 6455 section 5.5.1.
func TestFanoutAfterClose(t *testing.T) {
	var f websocket.Fanout
	url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1}, websocket.Options{CloseTimeout: 5 * time.Minute})
	nc := patientDial(t, url)
	c := within(t, joined)
	c.Close(t.Context(), 4000, "")
	f.Send(websocket.MessageText, []byte("late"))
	if st := settled(t, &f); st.Abandoned != 1 {
		t.Errorf("%+v", st)
	}
	got := make([]byte, 4)
	if err := readFull(nc, got); err != nil || string(got) != "\x88\x02\x0f\xa0" {
		t.Errorf("%q, %v", got, err)
	}
	nc.Write(frame(wire.OpClose, []byte{0x0f, 0xa0}))
	if rest, err := io.ReadAll(nc); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// A message that was prepared stays as it is, however long its frame is.
func TestFanoutKeepsPrepared(t *testing.T) {
	var f websocket.Fanout
	url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1, Message: func(_ *websocket.Conn, typ websocket.MessageType, p []byte) {
		f.Send(typ, p) // two in a turn are put together, in 1,024 bytes
		f.Send(typ, p)
	}}, websocket.Options{})
	c := dial(t, url, nil)
	within(t, joined)
	want := bytes.Repeat([]byte("prepared"), 128)[:1020] // and this frame has as many
	p := websocket.Prepare(websocket.MessageText, want)
	for range 20 {
		f.SendPrepared(p)
		if _, got, err := c.Read(t.Context()); !bytes.Equal(got, want) {
			t.Fatalf("%.20q, %v", got, err)
		}
		settled(t, &f)
		c.Write(t.Context(), websocket.MessageBinary, make([]byte, 508))
		for range 2 {
			c.Read(t.Context())
		}
		if !bytes.Equal(p.Payload(), want) {
			t.Fatalf("%.20q", p.Payload())
		}
	}
}
