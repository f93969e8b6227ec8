package websocket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

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
