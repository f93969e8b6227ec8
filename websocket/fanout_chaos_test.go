package websocket_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
)

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
