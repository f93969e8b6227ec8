package websocket

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/wye-org/wye"
)

// Each byte of a Conn whose reads block has a name here, and so has what hangs on it
// while it is idle. What it has of others: its socket and wye.Conn, its place in its
// group, its request with the context of net/http, and its handler's goroutine.
func TestBlockingConnSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the sizes are those of 64 bits")
	}
	var both struct {
		Conn
		blocking
	}
	c, b := &both.Conn, &both.blocking // their types count
	_, _ = c, b
	parts := []struct {
		name string
		size uintptr
	}{
		{"settings, request, subprotocol, compression", unsafe.Sizeof(c.opt) + unsafe.Sizeof(c.request) + unsafe.Sizeof(c.subprot) + unsafe.Sizeof(c.agreed)},
		{"its end: why, gate's release, flags", unsafe.Sizeof(c.why) + unsafe.Sizeof(c.release) + 16},
		{"when it was heard, and its clock", unsafe.Sizeof(c.heard) + unsafe.Sizeof(b.began)},
		{"the receiving direction, and its rate", unsafe.Sizeof(c.in) + unsafe.Sizeof(c.pace)},
		{"the sending direction", unsafe.Sizeof(c.writer)},
		{"counters", unsafe.Sizeof(c.counters)},
		{"pings of its own, blocking, looped", 3 * 8},
		{"the transport, its socket, its carrier", unsafe.Sizeof(b.nc) + unsafe.Sizeof(b.raw) + unsafe.Sizeof(b.carrier)},
		{"callbacks, parking, flags", unsafe.Sizeof(b.calls) + unsafe.Sizeof(b.park) + unsafe.Sizeof(b.calling) + 8},
		{"who reads, and what they have", unsafe.Sizeof(b.reader) - unsafe.Sizeof(b.lookoutState)},
		{"the lookout", unsafe.Sizeof(b.lookoutState)},
		{"who sends", unsafe.Sizeof(b.flusher)},
	}
	sum := uintptr(0)
	for _, p := range parts {
		t.Logf("%4d %s", p.size, p.name)
		sum += p.size
	}
	if got := unsafe.Sizeof(both); got != sum {
		t.Errorf("an idle connection has %d bytes, of which %d are named", got, sum)
	}
	const header = 8 // of the allocator, before what is long and has pointers
	if sum+header > 896 {
		t.Errorf("an idle connection has %d bytes: the next size that Go allocates is above 896", sum)
	}

	// What hangs on it: the lock of reads, three functions, the keepalive's timer.
	best := int64(1 << 20) // of some tries, for others may allocate meanwhile
	for range 5 {
		best = min(best, heldByConns())
	}
	t.Logf("%4d with the lock of reads, three functions, and the keepalive's timer", best)
	if most := int64(896 + 96 + 3*16 + 256); best > most {
		t.Errorf("a connection holds %d bytes, want %d at the most", best, most)
	}
}

// heldByConns is what a connection that nobody uses holds, without its transport.
func heldByConns() int64 {
	var conns [1000]*Conn
	set := new(Options).settings(false)
	before := HeapBytes()
	for i := range conns {
		conns[i] = newConn(nowhere{}, set)
		conns[i].timer = time.AfterFunc(time.Hour, conns[i].tick)
	}
	each := (HeapBytes() - before) / int64(len(conns))
	for _, c := range conns {
		c.timer.Stop()
	}
	return each
}

// nowhere is a transport that is not used.
type nowhere struct{ wye.Conn }

func (nowhere) LocalAddr() net.Addr { return pipeAddr{} }

// HeapBytes is how many bytes are in use, without what pools keep.
func HeapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A connection that was used and is idle again holds no more than before, but for
// what wire keeps.
func TestIdleConnHoldsNothing(t *testing.T) {
	c, s := Pipe(nil, nil)
	defer c.CloseNow()
	defer s.CloseNow()
	for _, size := range []int{1, 100_000} {
		if err := c.Write(context.Background(), MessageBinary, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if _, p, err := s.Read(context.Background()); err != nil || len(p) != size {
			t.Fatal(err)
		}
		if err := c.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queue != nil || c.attempt.f != nil || c.streaming != nil {
		t.Errorf("the sender holds %v, %v", c.queue, c.attempt.f)
	}
	if err := s.lockReading(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer s.unlockRead()
	if s.scratch != nil || s.ahead.messages != nil || s.in.Held() != 0 || s.current != nil || s.watch.stop != nil {
		t.Errorf("the receiver holds %v, %v, %d bytes", s.scratch, s.ahead, s.in.Held())
	}
}

// What a lookout received and had no time to look at is there for the next Read,
// which does not wait for more.
func TestReadAfterRecall(t *testing.T) {
	ctx := context.Background()
	c, s := Pipe(&Options{PingInterval: -1}, &Options{PingInterval: -1})
	defer c.CloseNow()
	defer s.CloseNow()
	if err := s.lockReading(ctx); err != nil {
		t.Fatal(err)
	}
	s.next()
	if err := c.Write(ctx, MessageText, []byte("here")); err != nil {
		t.Fatal(err)
	}
	if err := s.fill(ctx); err != nil {
		t.Fatal(err)
	}
	<-s.reading
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, p, err := s.Read(ctx); err != nil || string(p) != "here" {
		t.Errorf("%q, %v", p, err)
	}
}

// Connections of one handler share their settings.
func TestSettingsAreShared(t *testing.T) {
	h := Handler(nil, &AcceptOptions{Options: Options{MaxMessage: 1000}})
	a, b := h.opts.newConn(nowhere{}), h.opts.newConn(nowhere{})
	if a.opt != b.opt || a.opt.MaxMessage != 1000 {
		t.Errorf("%p and %p, %d bytes", a.opt, b.opt, a.opt.MaxMessage)
	}
}
