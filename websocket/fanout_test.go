package websocket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// A member that reads nothing delays nobody and misses, counted and reported,
// what its queue has no room for; what it gets is in order, and whole.
func TestFanoutSlowMember(t *testing.T) {
	for _, size := range []int{1000, 60_000, 700_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			var reported atomic.Int64
			var slow *websocket.Conn
			f := &websocket.Fanout{Skipped: func(c *websocket.Conn, n int) {
				if c != slow {
					t.Errorf("another missed %d messages", n)
				}
				reported.Add(int64(n))
			}}
			url, joined := fanoutServer(t, f, &websocket.Loop{Loops: 1}, websocket.Options{WriteQueueBytes: 100_000, WriteTimeout: -1, PingInterval: -1})
			stuck := patientDial(t, url)
			slow = within(t, joined)
			brisk := dial(t, url, nil)
			within(t, joined)
			sent := 0
			send := func() {
				p := make([]byte, size)
				binary.BigEndian.PutUint32(p, uint32(sent))
				if err := f.Send(websocket.MessageBinary, p); err != nil {
					t.Fatal(err)
				}
				if _, got, err := brisk.Read(t.Context()); err != nil || !bytes.Equal(got, p) {
					t.Fatalf("message %d: %d bytes, %v", sent, len(got), err)
				}
				sent++
			}
			for reported.Load() < 10 {
				send()
			}
			s := settled(t, f)
			if s.Skipped != uint64(reported.Load()) || s.Queued != uint64(2*sent)-s.Skipped || s.Abandoned+s.Closed+s.Refused != 0 {
				t.Errorf("%+v of %d messages, %d missed", s, sent, reported.Load())
			}
			if st := slow.Stats(); st.MessagesSent != int64(s.Queued)-int64(sent) || st.BytesSent != st.MessagesSent*int64(size) {
				t.Errorf("%+v of %+v", st, s)
			}
			if q := slow.Stats().Queued; q == 0 || q > max(100_000, size)+size+20 {
				t.Errorf("%d bytes are queued", q)
			}
			// It reads again, and gets what was taken, and then what is sent.
			whole := int(s.Queued) - sent
			head := len(frameOf(wire.OpBinary, make([]byte, size))) - size
			last := -1
			for i := range whole {
				b := make([]byte, head+size)
				if err := readFull(stuck, b); err != nil {
					t.Fatal(i, err)
				}
				n := int(binary.BigEndian.Uint32(b[head:]))
				if n <= last || b[0] != 0x82 || slices.ContainsFunc(b[head+4:], func(x byte) bool { return x != 0 }) {
					t.Fatalf("message %d after %d", n, last)
				}
				last = n
			}
			if err := slow.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			send()
			b := make([]byte, head+size)
			if err := readFull(stuck, b); err != nil || int(binary.BigEndian.Uint32(b[head:])) != sent-1 {
				t.Errorf("%v %v, want message %d", err, b[head:head+4], sent-1)
			}
		})
	}
}

// A member that is too slow is closed if that is wanted, and the rest stays.
func TestFanoutSlowCode(t *testing.T) {
	for code, want := range map[websocket.StatusCode]websocket.StatusCode{
		websocket.StatusTryAgainLater: 1013, websocket.StatusPolicyViolation: 1008, 4000: 4000, websocket.StatusAbnormalClosure: 1013,
	} {
		for _, looped := range []bool{true, false} {
			f := &websocket.Fanout{SlowCode: code}
			opt := websocket.Options{WriteQueueBytes: 50_000, WriteTimeout: -1, PingInterval: -1, CloseTimeout: 5 * time.Minute}
			conns := make(chan *websocket.Conn, 2)
			var h http.Handler
			if looped {
				h = websocket.Handler(nil, &websocket.AcceptOptions{Options: opt, Loop: &websocket.Loop{Open: func(c *websocket.Conn) { f.Add(c); conns <- c }}})
			} else {
				h = websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
					f.Add(c)
					conns <- c
					_, _, err := c.Read(ctx)
					return err
				}, &websocket.AcceptOptions{Options: opt})
			}
			url := newServer(t, h)
			stuck, brisk := patientDial(t, url), dial(t, url, nil)
			within(t, conns)
			within(t, conns)
			p := make([]byte, 10_000)
			for f.Stats().Closed == 0 {
				f.Send(websocket.MessageBinary, p)
				if _, _, err := brisk.Read(t.Context()); err != nil {
					t.Fatal(err)
				}
				settled(t, f)
			}
			got := make([]byte, 4)
			for { // messages, then the Close frame
				if err := readFull(stuck, got); err != nil {
					t.Fatal(err)
				}
				if got[0] != 0x82 {
					break
				}
				if err := readFull(stuck, make([]byte, len(p))); err != nil {
					t.Fatal(err)
				}
			}
			if got[0] != 0x88 || websocket.StatusCode(binary.BigEndian.Uint16(got[2:])) != want {
				t.Errorf("%d, looped %v: % x", code, looped, got)
			}
			stuck.Close()
			for f.Len() > 1 {
				runtime.Gosched()
			}
			f.Send(websocket.MessageText, []byte("still"))
			if _, p, err := brisk.Read(t.Context()); string(p) != "still" {
				t.Error(string(p), err)
			}
			if s := settled(t, f); s.Closed != 1 || s.Skipped == 0 || s.Members != 1 {
				t.Errorf("%+v", s)
			}
		}
	}
}

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

// Who came in the middle of a batch, and takes the rest of it in parts, gets just
// that rest.
func TestFanoutRestInParts(t *testing.T) {
	var f websocket.Fanout
	const size = 25_000
	conns := make(chan *websocket.Conn, 2)
	var one *websocket.Conn
	send := func(i, n int) {
		p := make([]byte, n)
		fill(p, i)
		f.Send(websocket.MessageBinary, p)
	}
	srv := narrow(t, websocket.Handler(nil, &websocket.AcceptOptions{Loop: &websocket.Loop{Loops: 1,
		Open: func(c *websocket.Conn) {
			f.Add(c)
			conns <- c
		},
		Message: func(*websocket.Conn, websocket.MessageType, []byte) {
			send(0, 5000)
			f.Remove(one)
			f.Add(one)
			send(1, size)
			send(2, size)
		}}}))
	c := dialTo(t, srv, nil)
	one = within(t, conns)
	other := dialTo(t, srv, nil)
	within(t, conns)
	other.Write(t.Context(), websocket.MessageText, nil)
	for i, n := range []int{5000, size, size} {
		want := make([]byte, n)
		fill(want, i)
		for who, peer := range map[string]*websocket.Conn{"who stayed": other, "who came back": c} {
			if i == 0 && peer == c {
				continue
			}
			if _, p, err := peer.Read(t.Context()); err != nil || !bytes.Equal(p, want) {
				t.Fatalf("%s got %d bytes, want message %d of %d: %v", who, len(p), i, n, err)
			}
		}
	}
}

// More than QueueBytes is refused, to all, before any event loop has more to do
// than that; when it has done it there is room.
func TestFanoutRefuses(t *testing.T) {
	f := websocket.Fanout{QueueBytes: 10_000}
	results := make(chan []error, 1)
	url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1, Message: func(_ *websocket.Conn, typ websocket.MessageType, p []byte) {
		var errs []error
		for range 5 {
			errs = append(errs, f.Send(typ, p))
		}
		results <- errs
	}}, websocket.Options{})
	c := dial(t, url, nil)
	within(t, joined)
	for size, fit := range map[int]int{3000: 3, 20_000: 1, 4000: 2} {
		c.Write(t.Context(), websocket.MessageBinary, make([]byte, size))
		for i, err := range within(t, results) {
			if want := i >= fit; errors.Is(err, websocket.ErrQueueFull) != want || !want && err != nil {
				t.Errorf("%d bytes, message %d: %v", size, i, err)
			}
		}
		for range fit {
			if _, p, err := c.Read(t.Context()); len(p) != size {
				t.Fatal(len(p), err)
			}
		}
	}
	if s := settled(t, &f); s.Refused != 2+4+3 || s.Sent != 3+1+2 || s.Offered != s.Sent {
		t.Errorf("%+v", s)
	}
	for _, err := range []error{
		f.Send(9, nil), f.SendPrepared(nil), f.SendPrepared(new(websocket.Prepared)), f.SendPrepared(websocket.Prepare(8, nil)),
	} {
		if !errors.Is(err, websocket.ErrMessageType) {
			t.Error(err)
		}
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

// reader is a member of the crowd below, as its client sees it.
type reader struct {
	conn  *websocket.Conn
	got   []uint32
	ended chan struct{}
}

// While everybody comes and goes, sends, closes and is slow at once, each member
// gets what was queued for it, in one order that is the same for all, and nothing
// is unaccounted for.
func TestFanoutChaos(t *testing.T) {
	const clients, publishers, each = 40, 3, 400
	f := websocket.Fanout{QueueBytes: 100_000}
	var queued sync.Map // of *websocket.Conn: how many messages
	count := func(c *websocket.Conn, _ websocket.MessageType, _ int) {
		n, _ := queued.LoadOrStore(c, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
	}
	opt := websocket.Options{WriteQueueBytes: 20_000, WriteTimeout: -1, CloseTimeout: 5 * time.Minute, Hooks: websocket.Hooks{Sent: count}}
	var reported atomic.Int64
	f.Skipped = func(_ *websocket.Conn, n int) { reported.Add(int64(n)) }
	ids := make(chan *websocket.Conn, clients)
	open := func(c *websocket.Conn) { f.Add(c); ids <- c }
	handlers := []http.Handler{
		websocket.Handler(nil, &websocket.AcceptOptions{Options: opt, Loop: &websocket.Loop{Open: open, Loops: 2}}),
		websocket.Handler(nil, &websocket.AcceptOptions{Options: opt, Loop: &websocket.Loop{Open: open, Blocking: true}}),
		websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
			open(c)
			_, _, err := c.Read(ctx)
			return err
		}, &websocket.AcceptOptions{Options: opt}),
	}
	var readers []*reader
	var all []*websocket.Conn
	for i := range clients {
		serve := httptest.NewServer
		if i%2 == 0 {
			serve = func(h http.Handler) *httptest.Server { return narrow(t, h) }
		}
		srv := serve(handlers[i%len(handlers)])
		t.Cleanup(srv.Close)
		r := &reader{conn: dialTo(t, srv, nil), ended: make(chan struct{})}
		readers = append(readers, r)
		all = append(all, within(t, ids))
		go func() { // ends with the connection
			defer close(r.ended)
			for {
				_, p, err := r.conn.Read(context.Background())
				if err != nil {
					return
				}
				r.got = append(r.got, binary.BigEndian.Uint32(p))
				if i%5 == 0 && len(r.got)%50 == 0 {
					runtime.Gosched() // a little slower than others
				}
			}
		}()
	}
	var busy sync.WaitGroup
	var refused atomic.Int64
	for pub := range publishers {
		busy.Go(func() {
			for i := range each {
				p := make([]byte, 4+(i*37)%900)
				binary.BigEndian.PutUint32(p, uint32(pub)<<16|uint32(i))
				for f.Send(websocket.MessageBinary, p) != nil {
					refused.Add(1)
					f.Flush(context.Background())
				}
			}
		})
	}
	busy.Go(func() { // those who come and go
		for i := range 300 {
			c := all[i%clients]
			if f.Remove(c) != (i/clients%2 == 0) && c.Err() == nil {
				f.Add(c)
			}
			f.Add(c)
			if i%100 == 99 {
				c.CloseNow()
			}
		}
	})
	busy.Wait()
	s := settled(t, &f)
	if s.Refused != uint64(refused.Load()) || s.Skipped != uint64(reported.Load()) || s.Sent != publishers*each {
		t.Errorf("%+v, %d refused and %d skipped as was said", s, refused.Load(), reported.Load())
	}
	for i, c := range all {
		go c.Close(context.Background(), websocket.StatusNormalClosure, "") // ends with the closing handshake
		within(t, readers[i].ended)
		<-c.Done()
	}
	sum := uint64(0)
	before := map[[2]uint32]int{} // who saw the first of two before the second
	for i, c := range all {
		n := int64(0)
		if v, ok := queued.Load(c); ok {
			n = v.(*atomic.Int64).Load()
		}
		sum += uint64(n)
		got := readers[i].got
		// One that was cut need not have had the last.
		if int64(len(got)) != n && !errors.Is(c.Err(), websocket.ErrClosedNow) || int64(len(got)) > n {
			t.Errorf("member %d got %d of %d messages: %v", i, len(got), n, c.Err())
		}
		for j := 1; j < len(got); j++ {
			before[[2]uint32{got[j-1], got[j]}] = i
			if other, ok := before[[2]uint32{got[j], got[j-1]}]; ok {
				t.Fatalf("%#x came before %#x for member %d, and after it for %d", got[j-1], got[j], i, other)
			}
		}
		last := map[uint32]uint32{}
		for _, id := range got {
			if pub, i := id>>16, id&0xffff+1; i <= last[pub] {
				t.Fatalf("publisher %d: message %d after %d", pub, i, last[pub])
			} else {
				last[pub] = i
			}
		}
	}
	if sum != s.Queued {
		t.Errorf("%d were queued as the hooks say, %d as Stats says", sum, s.Queued)
	}
	if n := f.Len(); n != 0 {
		t.Errorf("%d members are left", n)
	}
}

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

// Who takes nothing for WriteTimeout is cut, also if it is a Fanout that wrote.
func TestFanoutWriteTimeout(t *testing.T) {
	var f websocket.Fanout
	ended := make(chan error, 1)
	url, joined := fanoutServer(t, &f, &websocket.Loop{Loops: 1, Closed: func(c *websocket.Conn) { ended <- c.Err() }},
		websocket.Options{WriteTimeout: 100 * time.Millisecond, WriteQueueBytes: 64 << 20, PingInterval: -1})
	patientDial(t, url)
	within(t, joined)
	f.Send(websocket.MessageBinary, make([]byte, 32<<20)) // one, so nothing else begins to count
	if err := within(t, ended); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
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
