package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/websocket"
)

// A peer that is gone without a word is noticed, by default.
func TestDeadPeerIsNoticed(t *testing.T) {
	url := rawServer(t, serverHead+"Sec-WebSocket-Accept: ACCEPT\r\n\r\n", func(nc net.Conn) { io.Copy(io.Discard, nc) })
	c := dial(t, url, &websocket.DialOptions{Options: websocket.Options{PingInterval: 20 * time.Millisecond, PongTimeout: 20 * time.Millisecond}})
	_, _, err := c.Read(t.Context())
	if !errors.Is(err, websocket.ErrPongTimeout) || closeError(t, err).Code != websocket.StatusAbnormalClosure {
		t.Error(err)
	}
	<-c.Done()
}

// Two ends that say nothing for a day, one of which never reads, stay
// connected, and know how far they are from each other.
func TestIdleStaysConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := s.Err(); err != nil {
			t.Error(err)
		}
		if c.RTT() <= 0 || s.RTT() <= 0 {
			t.Errorf("round-trip times: %v, %v", c.RTT(), s.RTT())
		}
	})
}

// Control frames are answered though nobody reads; messages wait, in order.
func TestReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		for i := range 10 {
			c.Write(t.Context(), websocket.MessageText, fmt.Append(nil, i))
		}
		if rtt, err := c.Ping(t.Context()); err != nil || rtt > 2*time.Second {
			t.Errorf("%v, %v: want an answer in a second or so", rtt, err)
		}
		if rtt, err := c.Ping(t.Context()); err != nil || rtt > 0 {
			t.Errorf("%v, %v: want an answer at once", rtt, err)
		}
		c.Write(t.Context(), websocket.MessageText, []byte("10"))
		for i := range 11 {
			if _, p, err := s.Read(t.Context()); string(p) != fmt.Sprint(i) {
				t.Fatalf("%q, %v; want %d", p, err, i)
			}
		}
	})
}

// The end is noticed though nobody reads, and what came before it is kept.
func TestReadAheadSeesTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		c.Write(t.Context(), websocket.MessageText, []byte("last words"))
		if err := c.Close(t.Context(), 4000, "over"); err != nil {
			t.Error(err)
		}
		<-s.Done()
		if _, p, err := s.Read(t.Context()); string(p) != "last words" {
			t.Errorf("%q, %v", p, err)
		}
		if _, _, err := s.Read(t.Context()); websocket.CloseStatus(err) != 4000 {
			t.Error(err)
		}
	})
}

// At most 64 KiB are read ahead. Then the peer's keepalive finds nobody, but
// ours does not blame the peer for what we do not read.
func TestReadAheadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(&websocket.Options{WriteTimeout: -1, PingInterval: -1}, nil)
		defer closeBoth(c, s)
		taken := 0
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			err := c.Write(ctx, websocket.MessageBinary, make([]byte, 1000))
			cancel()
			if err != nil {
				break
			}
			taken += 1000
		}
		// Queue 1 MiB, the pipe 64 KiB, the read-ahead 64 KiB.
		if taken > 1<<20+200<<10 {
			t.Errorf("%d bytes were taken though nobody reads", taken)
		}
		time.Sleep(10 * time.Minute)
		if err := s.Err(); err != nil {
			t.Errorf("after ten minutes: %v", err)
		}
		for n := 0; n < taken; n += 1000 {
			if _, p, err := s.Read(t.Context()); len(p) != 1000 {
				t.Fatal(n, len(p), err)
			}
		}
	})
}

// A peer that floods pings and reads nothing costs bounded memory.
func TestPingFlood(t *testing.T) {
	serving := make(chan *websocket.Conn, 1)
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		serving <- c
		_, _, err := c.Read(ctx)
		return err
	}, nil))
	raw := rawDial(t, url)
	c := <-serving
	ping := "\x89\xfd\x00\x00\x00\x00" + strings.Repeat("x", 125)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	raw.SetWriteDeadline(time.Now().Add(2 * time.Second))
	pong := "\x8a" + ping[1:]
	flood := strings.Repeat(ping+pong, 250)
	sent := 0
	for sent < 64<<20 {
		n, err := io.WriteString(raw, flood)
		sent += n
		if err != nil {
			break // backpressure, which is fine, too
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 8<<20 {
		t.Errorf("%d MiB of pings made the heap grow by %d MiB", sent>>20, grown>>20)
	}
	c.CloseNow()
}

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		go func() {
			for {
				if _, _, err := s.Read(t.Context()); err != nil {
					return
				}
			}
		}()
		done := make(chan error)
		for range 5 { // at the same time
			go func() {
				_, err := c.Ping(t.Context())
				done <- err
			}()
		}
		for range 5 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		c.CloseNow()
		if _, err := c.Ping(t.Context()); !errors.Is(err, websocket.ErrClosedNow) {
			t.Error(err)
		}
	})
}

// A pong may be here before the call that sent the ping has returned.
func TestPingsOfOne(t *testing.T) {
	url := newServer(t, websocket.Handler(echo, nil))
	c := dial(t, url, nil)
	go c.Read(context.Background())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i := range 1000 {
		if _, err := c.Ping(ctx); err != nil {
			t.Fatalf("ping %d: %v", i, err)
		}
	}
}

func TestPingGivesUp(t *testing.T) {
	url := rawServer(t, serverHead+"Sec-WebSocket-Accept: ACCEPT\r\n\r\n", func(nc net.Conn) {
		io.WriteString(nc, "\x8a\x00\x8a\x08unasked!") // pongs, but not ours
		io.Copy(io.Discard, nc)
	})
	c := dial(t, url, nil)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if _, err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
	}
	if err := c.Err(); err != nil {
		t.Error(err)
	}
}

// Every answered ping is reported once, the keepalive's and the application's.
func TestRoundTripHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int32
		c, s := websocket.Pipe(&websocket.Options{PingInterval: -1}, &websocket.Options{PingInterval: 20 * time.Second, Hooks: websocket.Hooks{
			RoundTrip: func(c *websocket.Conn, d time.Duration) {
				c.Stats() // no lock is held
				if told.Add(1); d < 0 || d > 2*time.Second {
					t.Errorf("a ping took %v", d)
				}
			},
		}})
		defer closeBoth(c, s)
		if _, err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := told.Load(); n != 1 {
			t.Errorf("a Ping is told %d times", n)
		}
		time.Sleep(70 * time.Second) // three pings, a tenth early or not
		if n := told.Load(); n < 4 || n > 5 {
			t.Errorf("a Ping, and the keepalive's of 70 seconds, are told as %d", n)
		}
	})
}
