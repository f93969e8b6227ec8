package websocket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// fanoutServer adds every connection to f and then sends it to joined.
func fanoutServer(t testing.TB, f *websocket.Fanout, l *websocket.Loop, opt websocket.Options) (url string, joined chan *websocket.Conn) {
	joined = make(chan *websocket.Conn, 10_000)
	l.Open = func(c *websocket.Conn) {
		f.Add(c)
		joined <- c
	}
	return newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: opt})), joined
}

// patientDial is rawDial for tests with many connections, on a machine with much
// else to do.
func patientDial(t testing.TB, url string) net.Conn {
	t.Helper()
	nc := rawDial(t, url)
	nc.SetDeadline(time.Now().Add(5 * time.Minute))
	return nc
}

// settled waits until everything sent is in queues, and judges the ledger.
func settled(t testing.TB, f *websocket.Fanout) websocket.FanoutStats {
	t.Helper()
	if err := f.Flush(context.Background()); err != nil {
		t.Error(err)
	}
	s := f.Stats()
	if s.Offered != s.Queued+s.Skipped+s.Abandoned {
		t.Errorf("%+v: not all is accounted for", s)
	}
	return s
}

// frameOf is a server's frame.
func frameOf(op wire.Opcode, p []byte) []byte {
	return append(wire.AppendHeader(nil, wire.Header{Fin: true, Op: op, Len: uint64(len(p))}), p...)
}

// numbered is message i, of a length that is its own.
func numbered(i int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(i)), strings.Repeat("fan out ", (i*i)%700)...)
}

// Members of every kind get the same in the same order, whatever they have agreed
// on, and from every side from which they can be sent to.
func TestFanoutReachesAll(t *testing.T) {
	var f websocket.Fanout
	const each = 2
	deflate := func(d websocket.Deflate) websocket.Options {
		d.Enabled = true
		return websocket.Options{Deflate: d}
	}
	nct := websocket.Deflate{ServerNoTakeover: true, ClientNoTakeover: true}
	small := nct
	small.ServerMaxWindowBits = 9
	var clients []*websocket.Conn
	add := make(chan struct{}, 100)
	open := func(c *websocket.Conn) {
		f.Add(c)
		add <- struct{}{}
	}
	stay := func(ctx context.Context, c *websocket.Conn) error {
		open(c)
		_, _, err := c.Read(ctx)
		return err
	}
	for _, opt := range []websocket.Options{deflate(nct), deflate(small), deflate(websocket.Deflate{}), {}} {
		opt.WriteTimeout, opt.PingInterval = -1, -1 // they are read one after the other
		for _, h := range []http.Handler{
			websocket.Handler(nil, &websocket.AcceptOptions{Options: opt, Loop: &websocket.Loop{Open: open, Loops: 2}}),
			websocket.Handler(nil, &websocket.AcceptOptions{Options: opt, Loop: &websocket.Loop{Open: open, Blocking: true}}),
			websocket.Handler(stay, &websocket.AcceptOptions{Options: opt}),
		} {
			srv, secure := httptest.NewServer(h), httptest.NewTLSServer(h)
			defer srv.Close()
			defer secure.Close()
			for range each {
				clients = append(clients,
					dialTo(t, srv, &websocket.DialOptions{Options: opt}),
					dialTo(t, secure, &websocket.DialOptions{Options: opt}))
			}
		}
	}
	for range clients {
		within(t, add)
	}
	c, s := websocket.Pipe(&websocket.Options{WriteTimeout: -1, PingInterval: -1}, nil) // this time the client's end is the member
	defer closeBoth(c, s)
	f.Add(c)
	clients = append(clients, s)
	if n := f.Len(); n != len(clients) {
		t.Fatalf("%d members of %d", n, len(clients))
	}
	const n = 100
	for i := range n {
		var err error
		switch p := numbered(i); i % 3 {
		case 0:
			err = f.Send(websocket.MessageText, p[4:])
		case 1:
			err = f.Send(websocket.MessageBinary, p)
		default:
			err = f.SendPrepared(websocket.Prepare(websocket.MessageBinary, p))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for which, c := range clients {
		for i := range n {
			want, kind := numbered(i), websocket.MessageBinary
			if i%3 == 0 {
				want, kind = want[4:], websocket.MessageText
			}
			if typ, p, err := c.Read(t.Context()); err != nil || typ != kind || !bytes.Equal(p, want) {
				t.Fatalf("member %d, message %d: %v, %d bytes of %d, %v", which, i, typ, len(p), len(want), err)
			}
		}
	}
	s2 := settled(t, &f)
	if s2.Queued != uint64(n*len(clients)) || s2.Sent != n {
		t.Errorf("%+v", s2)
	}
	if _, busy := websocket.Parts(&f); busy != 0 {
		t.Errorf("%d parts are busy with nothing", busy)
	}
}

// Flush ends with its context.
func TestFanoutFlush(t *testing.T) {
	var f websocket.Fanout
	hold, held := make(chan struct{}), make(chan struct{}, 1)
	url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1, Message: func(*websocket.Conn, websocket.MessageType, []byte) {
		held <- struct{}{} // as no callback should
		<-hold
	}}, websocket.Options{})
	c := dial(t, url, nil)
	within(t, joined)
	c.Write(t.Context(), websocket.MessageText, nil)
	within(t, held)
	f.Send(websocket.MessageText, []byte("late"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	flushed := make(chan error)
	go func() { flushed <- f.Flush(context.Background()) }() // ends with the hold
	select {
	case err := <-flushed:
		t.Error("nothing was sent, and Flush returned", err)
	default:
	}
	close(hold)
	if err := within(t, flushed); err != nil {
		t.Error(err)
	}
	if s := f.Stats(); s.Queued != 1 {
		t.Errorf("%+v", s)
	}
}

// A callback that panics costs its own connection, and the rest is sent to.
func TestFanoutPanic(t *testing.T) {
	f := websocket.Fanout{Skipped: func(*websocket.Conn, int) { panic("in Skipped") }}
	opt := websocket.Options{WriteQueueMessages: 1, WriteQueueBytes: 1000, WriteTimeout: -1, PingInterval: -1, Logger: slog.New(slog.DiscardHandler)}
	url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1}, opt)
	patientDial(t, url) // reads nothing
	within(t, joined)
	brisk := dial(t, url, nil)
	within(t, joined)
	for f.Stats().Skipped == 0 {
		f.Send(websocket.MessageBinary, make([]byte, 100_000))
		if _, _, err := brisk.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		settled(t, &f)
	}
	f.Send(websocket.MessageText, []byte("on"))
	if _, p, err := brisk.Read(t.Context()); string(p) != "on" {
		t.Error(string(p), err)
	}
	settled(t, &f)
}

// What a Fanout allocates for a message has nothing to do with how many get it.
func TestFanoutAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, members := range []int{1, 60} {
		var f websocket.Fanout
		url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1}, websocket.Options{PingInterval: -1})
		var subs []net.Conn
		for range members {
			subs = append(subs, patientDial(t, url))
			within(t, joined)
		}
		p, b := make([]byte, 100), make([]byte, 102)
		send := func() {
			if err := f.Send(websocket.MessageBinary, p); err != nil {
				t.Fatal(err)
			}
			for _, nc := range subs {
				if err := readFull(nc, b); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 20 {
			send()
		}
		if n := testing.AllocsPerRun(100, send); n > 6 {
			t.Errorf("%d members: %v allocations a message", members, n)
		}
	}
}
