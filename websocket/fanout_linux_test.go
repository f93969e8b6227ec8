package websocket_test

import (
	"bytes"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// What an event loop does is counted here, in calls of the kernel: elsewhere there
// is none.

// What comes together in a turn goes to each member by one system call.
func TestFanoutOneWrite(t *testing.T) {
	const members, burst = 20, 16
	var f websocket.Fanout
	var sends atomic.Int64 // so many before the burst
	l := &websocket.Loop{Loops: 1, Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		if p[0] == 0 {
			sends.Store(websocket.Sends(c))
		}
		if err := f.Send(typ, p); err != nil {
			t.Error(err)
		}
	}}
	url, joined := fanoutServer(t, &f, l, websocket.Options{PingInterval: -1})
	var subs []net.Conn
	var c *websocket.Conn
	for range members {
		subs = append(subs, patientDial(t, url))
		c = within(t, joined)
	}
	for _, opt := range []struct{ size, most int }{{10, 1}, {3000, 1}, {16 << 10, 4}} {
		var in, want []byte
		for i := range burst {
			p := bytes.Repeat([]byte{byte(i)}, opt.size)
			want = append(want, frameOf(wire.OpBinary, p)...)
			in = append(in, frame(wire.OpBinary, p)...)
		}
		subs[0].Write(in)
		for i, nc := range subs {
			got := make([]byte, len(want))
			if err := readFull(nc, got); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("member %d: %v", i, err)
			}
		}
		settled(t, &f)
		n := int(websocket.Sends(c) - sends.Load())
		if len(in) > 48<<10 {
			continue // the publisher's messages may have come in several turns
		}
		if n != members*opt.most {
			t.Errorf("%d messages of %d bytes went to %d members by %d calls", burst, opt.size, members, n)
		}
	}
}

// A fan-out to many takes turns with the connections of its event loop.
func TestFanoutFairness(t *testing.T) {
	const members = 3 * websocket.TurnMembers
	var f websocket.Fanout
	var victim net.Conn
	var victims *websocket.Conn // the other end
	var began, after atomic.Int64
	served := make(chan struct{})
	url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1, Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		if string(p) == "victim" {
			after.Store(websocket.Sends(c))
			close(served)
			return
		}
		victim.Write(frame(wire.OpText, []byte("victim")))
		for !websocket.HasInput(victims) { // it lies in the kernel when the fan-out begins
			runtime.Gosched()
		}
		began.Store(websocket.Sends(c))
		f.Send(typ, p)
	}}, websocket.Options{PingInterval: -1})
	var subs []net.Conn
	for range members {
		subs = append(subs, patientDial(t, url))
		victims = within(t, joined)
	}
	victim = subs[members-1]
	subs[0].Write(frame(wire.OpText, []byte("all")))
	within(t, served)
	if n := after.Load() - began.Load(); n > websocket.TurnMembers {
		t.Errorf("%d members were sent to before the message of another was looked at", n)
	}
	for i, nc := range subs {
		b := make([]byte, 5)
		if err := readFull(nc, b); err != nil || string(b) != "\x81\x03all" {
			t.Fatalf("member %d: %q, %v", i, b, err)
		}
	}
	if s := settled(t, &f); s.Queued != members {
		t.Errorf("%+v", s)
	}
}

// Nor does a large Fanout hold up a small one.
func TestFanoutFairnessAmongFanouts(t *testing.T) {
	var large, small websocket.Fanout
	var before atomic.Int64
	ready := make(chan struct{}, 1000)
	turn := make(chan int64, 1)
	large.Skipped = func(*websocket.Conn, int) { t.Error("skipped") }
	opt := websocket.Options{PingInterval: -1}
	opt.Hooks.Sent = func(c *websocket.Conn, _ websocket.MessageType, n int) {
		if n == len("small") {
			turn <- websocket.Sends(c) - before.Load()
		}
	}
	l := &websocket.Loop{Loops: 1, Open: func(c *websocket.Conn) {
		if c.Request().URL.Path == "/small" {
			small.Add(c)
		} else {
			large.Add(c)
		}
		ready <- struct{}{}
	}, Message: func(c *websocket.Conn, typ websocket.MessageType, _ []byte) {
		before.Store(websocket.Sends(c))
		large.Send(typ, []byte("to many"))
		small.Send(typ, []byte("small"))
	}}
	url := newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: opt}))
	var last net.Conn
	for range 2 * websocket.TurnMembers {
		last = patientDial(t, url)
		within(t, ready)
	}
	one := dial(t, url+"/small", nil)
	within(t, ready)
	last.Write(frame(wire.OpText, nil))
	if n := within(t, turn); n > websocket.TurnMembers/2 {
		t.Errorf("the small one came after %d members of the large one", n)
	}
	if _, p, err := one.Read(t.Context()); string(p) != "small" {
		t.Error(string(p), err)
	}
	settled(t, &large)
}

// What a member is given in one piece is bounded.
func TestFanoutBatchIsBounded(t *testing.T) {
	var f websocket.Fanout
	sends := make(chan int64, 1)
	const n, size = 10, 30 << 10
	l := &websocket.Loop{Loops: 1, Message: func(c *websocket.Conn, typ websocket.MessageType, _ []byte) {
		sends <- websocket.Sends(c)
		for i := range byte(n) {
			f.Send(typ, bytes.Repeat([]byte{i}, size))
		}
	}}
	url, joined := fanoutServer(t, &f, l, websocket.Options{PingInterval: -1})
	c := dial(t, url, nil)
	s := within(t, joined)
	c.Write(t.Context(), websocket.MessageBinary, nil)
	before := within(t, sends)
	for i := range byte(n) {
		if _, p, err := c.Read(t.Context()); err != nil || len(p) != size || p[0] != i {
			t.Fatalf("message %d: %d bytes, %v", i, len(p), err)
		}
	}
	settled(t, &f)
	if calls := websocket.Sends(s) - before; calls < n/2 {
		t.Errorf("%d messages of %d bytes went out by %d calls", n, size, calls)
	}
}
