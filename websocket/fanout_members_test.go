package websocket_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// Who has ended is no member, nor becomes one, and an empty Fanout holds nothing.
func TestFanoutLeavesByItself(t *testing.T) {
	var f, other websocket.Fanout
	ended := make(chan struct{}, 10)
	l := &websocket.Loop{Closed: func(c *websocket.Conn) {
		if f.Add(c) || f.Remove(c) {
			t.Error("who has ended was a member")
		}
		ended <- struct{}{}
	}}
	url, joined := fanoutServer(t, &f, l, websocket.Options{})
	var peers []net.Conn
	for range 5 {
		peers = append(peers, patientDial(t, url))
		c := within(t, joined)
		if !other.Add(c) || !f.Add(c) || !f.Add(c) { // the second time changes nothing
			t.Error("who lives is no member")
		}
	}
	c, s := websocket.Pipe(nil, nil)
	defer closeBoth(c, s)
	f.Add(s)
	if f.Len() != 6 || other.Len() != 5 {
		t.Errorf("%d and %d members", f.Len(), other.Len())
	}
	for _, nc := range peers {
		nc.Close()
	}
	for range peers {
		within(t, ended)
	}
	if f.Len() != 1 || other.Len() != 0 {
		t.Errorf("%d and %d members", f.Len(), other.Len())
	}
	if !f.Remove(s) || f.Remove(s) || other.Remove(s) {
		t.Error("it is removed once")
	}
	for _, f := range []*websocket.Fanout{&f, &other} {
		if n, _ := websocket.Parts(f); n != 0 {
			t.Errorf("%d parts without members", n)
		}
		if err := f.Send(websocket.MessageText, nil); err != nil {
			t.Error(err) // to nobody
		}
		settled(t, f)
	}
}

// A member gets what is sent after it was added and before it is removed.
func TestFanoutMembership(t *testing.T) {
	var f websocket.Fanout
	const members = 100 // more than one step's
	url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1, Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		// In one turn, so all of it is under way together.
		f.Remove(c)
		f.Send(typ, []byte("without"))
		f.Add(c)
		f.Send(typ, []byte("with"))
		f.Send(typ, []byte("with 2"))
	}}, websocket.Options{})
	var all []*websocket.Conn
	for range members {
		all = append(all, dial(t, url, nil))
		within(t, joined)
	}
	const who = 10
	all[who].Write(t.Context(), websocket.MessageText, nil)
	for i, c := range all {
		want := []string{"without", "with", "with 2"}
		if i == who {
			want = want[1:]
		}
		for _, want := range want {
			if _, p, err := c.Read(t.Context()); string(p) != want {
				t.Fatalf("member %d: %q, want %q: %v", i, p, want, err)
			}
		}
	}
	if s := settled(t, &f); s.Offered != 3*members-1 || s.Abandoned != 0 {
		t.Errorf("%+v", s)
	}
}

// Whoever is removed in the middle of a fan-out, each of the others gets what was
// sent once.
func TestFanoutRemoveMeanwhile(t *testing.T) {
	for _, x := range []struct{ members, at int }{{100, 0}, {100, 64}, {100, 99}, {40, 5}, {64, 63}, {1, 0}} {
		for _, remove := range [][]int{{0}, {3, 10, 30}, {90, 2, 70, 69}, {-1}, {-1, 0, -2, 63}} {
			var f websocket.Fanout
			var conns []*websocket.Conn
			removed := map[int]bool{}
			hooked := 0
			opt := websocket.Options{PingInterval: -1}
			opt.Hooks.Sent = func(*websocket.Conn, websocket.MessageType, int) {
				if hooked++; hooked != x.at+1 { // not the first step's end, or the last one's
					return
				}
				for _, i := range remove {
					if i < 0 {
						i += len(conns)
					}
					if i >= 0 && i < len(conns) && f.Remove(conns[i]) {
						removed[i] = true
					}
				}
			}
			url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1}, opt)
			var peers []net.Conn
			for range x.members {
				peers = append(peers, patientDial(t, url))
				conns = append(conns, within(t, joined))
			}
			for _, text := range []string{"1", "2", "3"} {
				f.Send(websocket.MessageText, []byte(text))
				settled(t, &f)
			}
			for i, nc := range peers {
				conns[i].TryWrite(websocket.MessageText, []byte("."))
				want, got := "123.", ""
				for b := make([]byte, 3); !strings.HasSuffix(got, "."); got += string(b[2]) {
					if err := readFull(nc, b); err != nil {
						t.Fatalf("%+v, %v: member %d, after %q: %v", x, remove, i, got, err)
					}
				}
				if removed[i] { // it may have had the first
					want, got = ".", strings.TrimPrefix(got, "1")
				}
				if got != want {
					t.Fatalf("%+v, %v: member %d got %q, want %q", x, remove, i, got, want)
				}
				conns[i].CloseNow()
				<-conns[i].Done()
			}
			if s := f.Stats(); s.Members != 0 {
				t.Errorf("%+v", s)
			}
		}
	}
}

// Who comes in the middle of a fan-out gets what is sent from then on.
func TestFanoutAddMeanwhile(t *testing.T) {
	var f websocket.Fanout
	var extra *websocket.Conn
	once := sync.OnceFunc(func() {
		f.Send(websocket.MessageText, []byte("before"))
		f.Add(extra)
		f.Send(websocket.MessageText, []byte("after"))
	})
	opt := websocket.Options{}
	opt.Hooks.Sent = func(*websocket.Conn, websocket.MessageType, int) { once() }
	conns := make(chan *websocket.Conn, 1)
	url := newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Options: opt,
		Loop: &websocket.Loop{Loops: 1, Open: func(c *websocket.Conn) { conns <- c }}}))
	one := dial(t, url, nil)
	f.Add(within(t, conns))
	late := dial(t, url, nil)
	extra = within(t, conns)
	f.Send(websocket.MessageText, []byte("first"))
	for _, x := range []struct {
		*websocket.Conn
		want []string
	}{{one, []string{"first", "before", "after", "last"}}, {late, []string{"after", "last"}}} {
		for _, want := range x.want {
			if want == "last" && x.Conn == one {
				settled(t, &f)
				f.Send(websocket.MessageText, []byte("last"))
			}
			if _, p, err := x.Read(t.Context()); string(p) != want {
				t.Fatalf("%q, want %q: %v", p, want, err)
			}
		}
	}
	settled(t, &f)
}

// Flush does not wait for members that have gone.
func TestFanoutFlushWithoutMembers(t *testing.T) {
	var f websocket.Fanout
	first := make(chan *websocket.Conn)
	opt := websocket.Options{}
	opt.Hooks.Sent = func(c *websocket.Conn, _ websocket.MessageType, _ int) {
		first <- c
		<-first // until Flush waits
		f.Remove(c)
	}
	l := &websocket.Loop{Loops: 1, Message: func(*websocket.Conn, websocket.MessageType, []byte) {
		for range 3 { // in a batch each
			f.Send(websocket.MessageBinary, make([]byte, 60_000))
		}
	}}
	url, _ := fanoutServer(t, &f, l, opt)
	c := dial(t, url, nil)
	c.Write(t.Context(), websocket.MessageText, nil)
	within(t, first)
	flushed := make(chan error)
	go func() { flushed <- f.Flush(context.Background()) }() // ends with what this test is about
	for !websocket.Waited(&f) {
		runtime.Gosched()
	}
	first <- nil
	if err := within(t, flushed); err != nil {
		t.Error(err)
	}
	if s := settled(t, &f); s.Abandoned != 2 || s.Queued != 1 {
		t.Errorf("%+v", s)
	}
}

// Members may be added, removed and sent to from every callback there is.
func TestFanoutFromCallbacks(t *testing.T) {
	var f websocket.Fanout
	opt := websocket.Options{PingInterval: -1, WriteQueueBytes: 5000}
	touch := func(c *websocket.Conn) {
		f.Remove(c)
		f.Add(c)
		f.Send(websocket.MessageText, []byte("x"))
		f.Stats()
	}
	var budget atomic.Int64
	budget.Store(200) // a message from each message sent would never end
	opt.Hooks.Sent = func(c *websocket.Conn, _ websocket.MessageType, _ int) {
		if budget.Add(-1) > 0 {
			touch(c)
		}
	}
	opt.Hooks.Opened, opt.Hooks.Closed = touch, touch
	ended := make(chan struct{}, 10)
	l := &websocket.Loop{Loops: 1, Open: touch, Drained: touch, Closed: func(c *websocket.Conn) { touch(c); ended <- struct{}{} },
		Message: func(c *websocket.Conn, _ websocket.MessageType, _ []byte) { touch(c) }}
	f.Skipped = func(c *websocket.Conn, _ int) {
		f.Remove(c)
		f.Add(c)
	}
	url := newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: opt}))
	var peers []net.Conn
	for range 5 {
		nc := patientDial(t, url)
		nc.Write(frame(wire.OpText, nil))
		peers = append(peers, nc)
	}
	var drains sync.WaitGroup
	for _, nc := range peers {
		drains.Go(func() { io.Copy(io.Discard, nc) })
	}
	for f.Len() < len(peers) {
		runtime.Gosched()
	}
	f.Flush(t.Context())
	for _, nc := range peers {
		nc.Close()
	}
	for range peers {
		within(t, ended)
	}
	drains.Wait()
	if f.Len() != 0 {
		t.Errorf("%d members", f.Len())
	}
}
