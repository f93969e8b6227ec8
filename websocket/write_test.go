package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/websocket"
)

// What a handler writes goes out although the handler goes on to sleep, with and
// without further input waiting.
func TestWriteThenSleep(t *testing.T) {
	for name, send := range map[string]string{
		"alone":                      "\x81\x81\x00\x00\x00\x00a",
		"with input behind it":       "\x81\x81\x00\x00\x00\x00a\x81\x81\x00\x00\x00\x00b",
		"with half a frame after it": "\x81\x81\x00\x00\x00\x00a\x81\x82\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			asleep := make(chan struct{})
			defer close(asleep)
			url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
				c.Read(ctx)
				c.Write(ctx, websocket.MessageText, []byte("there"))
				<-asleep // a second, a day: nothing else happens here
				return nil
			}, nil))
			best := time.Hour // of some tries, for the machine may be busy
			for range 5 {
				raw := rawDial(t, url)
				began := time.Now()
				io.WriteString(raw, send)
				b := make([]byte, 7)
				if err := readFull(raw, b); err != nil || string(b[2:]) != "there" {
					t.Fatal(b, err)
				}
				best = min(best, time.Since(began))
			}
			if best > 50*time.Millisecond {
				t.Errorf("it took %v", best)
			}
		})
	}
}

// countingConn counts the writes that reach the transport.
type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

type countingListener struct {
	net.Listener
	writes atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return countingConn{nc, &l.writes}, err
}

// Replies to messages that came together leave together.
func TestPipelinedRepliesAreCoalesced(t *testing.T) {
	srv := httptest.NewUnstartedServer(websocket.Handler(echo, nil))
	ln := &countingListener{Listener: srv.Listener}
	srv.Listener = ln
	srv.Start()
	defer srv.Close()
	raw := rawDial(t, "ws://"+ln.Addr().String())

	got := make([]byte, len(sixteenReplies))
	worst := int64(0)
	for range 50 {
		ln.writes.Store(0)
		io.WriteString(raw, sixteenMessages)
		if err := readFull(raw, got); err != nil || string(got) != sixteenReplies {
			t.Fatalf("%q, %v", got, err)
		}
		worst = max(worst, ln.writes.Load())
	}
	if worst > 3 {
		t.Errorf("16 replies left in %d writes, want 3 at most", worst)
	}
}

var (
	sixteenMessages = strings.Repeat("\x81\x85\x00\x00\x00\x00hello", 16)
	sixteenReplies  = strings.Repeat("\x81\x05hello", 16)
)

// halfCloser is a net.Pipe's end as a wye.Conn.
type halfCloser struct{ net.Conn }

func (halfCloser) CloseWrite() error { return errors.ErrUnsupported }

// They leave in one write, at the end of the input and not a moment later; but
// if the handler waits in between, they do not.
func TestBatchOfReplies(t *testing.T) {
	for _, x := range []struct {
		name   string
		behind string        // what comes with the messages
		pause  time.Duration // of the handler, after its first reply
		writes int64
		took   time.Duration // until the first reply is there
	}{
		{"no pause", "", 0, 1, 0},
		{"half a frame behind", "\x81\x85\x00", 0, 1, 0},
		{"a pause", "", time.Second, 2, time.Millisecond},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				there, here := net.Pipe()
				defer there.Close()
				var writes atomic.Int64
				s := websocket.Over(halfCloser{countingConn{here, &writes}}, new(websocket.Options))
				defer s.CloseNow()
				go func() {
					for i := 0; ; i++ {
						typ, p, err := s.Read(t.Context())
						if err != nil {
							return
						}
						s.Write(t.Context(), typ, p)
						if i == 0 {
							time.Sleep(x.pause)
						}
					}
				}()
				began := time.Now()
				io.WriteString(there, sixteenMessages+x.behind)
				got := make([]byte, len(sixteenReplies))
				readFull(there, got[:7])
				if d := time.Since(began); d != x.took {
					t.Errorf("the first reply took %v, want %v", d, x.took)
				}
				readFull(there, got[7:])
				if n := writes.Load(); n != x.writes || string(got) != sixteenReplies {
					t.Errorf("%d writes, want %d: %q", n, x.writes, got)
				}
			})
		})
	}
}

// narrowListener's connections have little room in the kernel.
type narrowListener struct{ net.Listener }

func (l narrowListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		err = nc.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return nc, err
}

func TestConcurrentWriters(t *testing.T) {
	const writers, each = 8, 40
	srv := httptest.NewUnstartedServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					p := fmt.Appendf(nil, "%d %d %s", w, i, strings.Repeat("x", 1000*i))
					if w == 0 {
						c.WritePrepared(ctx, websocket.Prepare(websocket.MessageText, p))
					} else {
						c.Write(ctx, websocket.MessageText, p)
					}
				}
			})
		}
		wg.Wait()
		return nil
	}, nil))
	srv.Listener = narrowListener{srv.Listener} // so that the kernel takes messages in parts
	srv.Start()
	defer srv.Close()
	c := dial(t, srv.URL, nil)
	var next [writers]int
	for range writers * each {
		_, p, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var w, i int
		head, fill, _ := bytes.Cut(p, []byte("x"))
		fmt.Sscan(string(head), &w, &i)
		if i != next[w] || len(fill) != max(1000*i-1, 0) {
			t.Fatalf("writer %d: got message %d of %d bytes, want %d", w, i, len(fill), next[w])
		}
		next[w]++
	}
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Error(err)
	}
}

// A Write waits for room only, and gives that up with its context: then nothing
// was sent.
func TestWriteWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(&websocket.Options{MaxMessage: 4 << 20}, &websocket.Options{WriteQueueBytes: 100 << 10})
		defer closeBoth(c, s)
		p := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 40<<10) }
		sent := 0
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // so the peer reads ahead what it does
			err := s.Write(ctx, websocket.MessageBinary, p(sent))
			cancel()
			if errors.Is(err, context.DeadlineExceeded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			sent++
		}
		if sent < 3 || sent > 6 { // in the queue and being sent 2, in the pipe and read ahead 1.6 each
			t.Errorf("%d messages of 40 KiB were queued in 100 KiB", sent)
		}
		if err := s.TryWrite(websocket.MessageBinary, p(0)); err != websocket.ErrQueueFull {
			t.Errorf("TryWrite: %v", err)
		}
		if err := s.TryWritePrepared(websocket.Prepare(websocket.MessageBinary, p(0))); err != websocket.ErrQueueFull {
			t.Errorf("TryWritePrepared: %v", err)
		}
		for i := range sent {
			if _, got, err := c.Read(t.Context()); err != nil || !bytes.Equal(got, p(i)) {
				t.Fatal(i, len(got), err)
			}
		}
		if err := s.Write(t.Context(), websocket.MessageText, []byte("usable")); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); string(got) != "usable" {
			t.Errorf("%.20q, %v", got, err)
		}
	})
}

func TestQueueCountsMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, &websocket.Options{WriteQueueMessages: 10, WriteQueueBytes: 1 << 30})
		defer closeBoth(c, s)
		s.Write(t.Context(), websocket.MessageBinary, make([]byte, 300<<10)) // stalls the flusher
		synctest.Wait()
		n := 0
		for s.TryWrite(websocket.MessageBinary, nil) == nil {
			n++
		}
		if n != 10 {
			t.Errorf("%d messages were queued, want 10", n)
		}
	})
}

// A message longer than the queue goes when the queue is empty.
func TestMessageLongerThanQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, &websocket.Options{WriteQueueBytes: 1 << 10})
		defer closeBoth(c, s)
		go func() {
			s.Write(t.Context(), websocket.MessageBinary, make([]byte, 100<<10))
			s.Write(t.Context(), websocket.MessageBinary, make([]byte, 200<<10))
		}()
		for _, n := range []int{100 << 10, 200 << 10} {
			if _, p, err := c.Read(t.Context()); len(p) != n {
				t.Error(len(p), err)
			}
		}
	})
}

// A peer that takes nothing loses the connection after WriteTimeout, and every
// later call says so.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, &websocket.Options{WriteTimeout: 3 * time.Second, PingInterval: -1})
		defer closeBoth(c, s)
		c.Write(t.Context(), websocket.MessageText, nil)
		began := time.Now()
		s.Write(t.Context(), websocket.MessageBinary, make([]byte, 300<<10))
		<-s.Done()
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("it took %v", d)
		}
		err := s.Flush(t.Context())
		if !errors.Is(err, os.ErrDeadlineExceeded) || closeError(t, err).Remote {
			t.Error(err)
		}
		if again := s.Write(t.Context(), websocket.MessageText, nil); again != err {
			t.Errorf("Write: %v", again)
		}
	})
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		if err := s.Flush(t.Context()); err != nil {
			t.Errorf("with nothing queued: %v", err)
		}
		s.Write(t.Context(), websocket.MessageBinary, make([]byte, 300<<10))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the peer takes nothing: %v", err)
		}
		go c.Read(t.Context())
		if err := s.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Nothing is queued when a message cannot be sent.
func TestWriteRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		for _, typ := range []websocket.MessageType{0, 3, 8, 9, 255} {
			if err := s.Write(t.Context(), typ, []byte("x")); err != websocket.ErrMessageType {
				t.Errorf("type %d: %v", typ, err)
			}
		}
		go c.Close(t.Context(), websocket.StatusNormalClosure, "")
		<-s.Done()
		if err := s.Write(t.Context(), websocket.MessageText, nil); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("after the end: %v", err)
		}
	})
}

// The echo path allocates nothing, under a context that could be cancelled.
func TestEchoAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	url := newServer(t, websocket.Handler(echo, nil))
	for _, size := range []int{0, 64, 4 << 10, 60 << 10} {
		c := dial(t, url, nil)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		p, dst := make([]byte, size), make([]byte, 0, size+1)
		turn := func() {
			if err := c.Write(ctx, websocket.MessageBinary, p); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.ReadInto(ctx, dst); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			turn() // fills the pools
		}
		// Both ends count, for they share a process. A garbage collection may
		// empty the pools.
		if n := testing.AllocsPerRun(2000, turn); n > 0 {
			t.Errorf("%d bytes: %v allocations a message", size, n)
		}
	}
}

// A write failure says what the transport said.
func TestWriteAfterReset(t *testing.T) {
	failed := make(chan error, 1)
	url := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		<-c.Done()
		failed <- c.Write(r.Context(), websocket.MessageText, nil)
	}))
	raw := rawDial(t, url)
	raw.(*net.TCPConn).SetLinger(0)
	raw.Close()
	if closed := closeError(t, <-failed); closed.Code != websocket.StatusAbnormalClosure || !closed.Remote || closed.Err == nil {
		t.Errorf("%+v", closed)
	}
}
