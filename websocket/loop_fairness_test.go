package websocket_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// No message comes before its turn by MessageRate, and none is lost.
func TestLoopMessageRate(t *testing.T) {
	fronts(t, func(t *testing.T, blocking bool, serve func(h http.Handler) *httptest.Server) {
		l := echoLoop()
		l.Blocking = blocking
		srv := serve(websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: websocket.Options{MessageRate: 20, MessageBurst: 2}}))
		defer srv.Close()
		c := dialTo(t, srv, nil)
		began := time.Now()
		for i := range byte(6) {
			c.Write(t.Context(), websocket.MessageBinary, []byte{i})
		}
		for i := range byte(6) {
			if _, p, err := c.Read(t.Context()); err != nil || p[0] != i {
				t.Fatal(p, err)
			}
		}
		if took := time.Since(began); took < 190*time.Millisecond {
			t.Errorf("6 messages took %v, want 200ms for the 4 behind the burst", took)
		}
	})
}

// Nobody waits more than a turn for others: a connection with much to say has
// 64 KiB of it heard before the next.
func TestLoopFairness(t *testing.T) {
	var victim net.Conn
	var noisy, after atomic.Int64
	served := make(chan struct{})
	url, _ := loopServer(t, &websocket.Loop{Loops: 1, Message: func(_ *websocket.Conn, _ websocket.MessageType, p []byte) {
		if string(p) == "victim" {
			after.Store(noisy.Load())
			close(served)
			return
		}
		if noisy.Add(1) == 1 { // the victim's message is in the kernel from here on
			victim.Write(frame(wire.OpText, []byte("victim")))
		}
	}}, websocket.Options{})
	for range 20 { // who sends a byte at a time, or nothing, or reads nothing
		rawDial(t, url).Write([]byte{0x81})
	}
	victim = rawDial(t, url)
	nc := rawDial(t, url)
	flood := bytes.Repeat(frame(wire.OpText, []byte("x")), 1_000_000)
	var sender sync.WaitGroup
	sender.Go(func() { nc.Write(flood) })
	within(t, served)
	nc.Close()
	sender.Wait()
	// The rest of the turn in which it came, one more, and what the wake-up of the
	// loopback interface takes.
	if n := after.Load(); n > 4*64<<10/7 {
		t.Errorf("%d messages of another came before", n)
	}
}

// A small message that is a large one when it is inflated has its turns like
// everything else: who comes after it does not wait for it.
func TestLoopFairnessInflating(t *testing.T) {
	var bomb, other net.Conn
	order := make(chan string, 2)
	url, _ := loopServer(t, &websocket.Loop{Loops: 1, Message: func(_ *websocket.Conn, _ websocket.MessageType, p []byte) {
		if string(p) == "go" { // both have come when the event loop looks again
			bomb.Write(compressed(make([]byte, 8<<20)))
			time.Sleep(10 * time.Millisecond)
			other.Write(frame(wire.OpText, []byte("other")))
			time.Sleep(10 * time.Millisecond)
			return
		}
		order <- fmt.Sprintf("%.5q", p)
	}}, websocket.Options{MaxMessage: 8 << 20, Deflate: websocket.Deflate{Enabled: true}})
	head := strings.Replace(clientHead, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1)
	bomb, other = rawDialHead(t, url, head), rawDial(t, url)
	rawDial(t, url).Write(frame(wire.OpText, []byte("go")))
	if first, second := within(t, order), within(t, order); first != `"other"` {
		t.Errorf("%s came before %s", first, second)
	}
}

// compressed is a binary message of a client that was compressed.
func compressed(p []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	w.Write(p)
	w.Flush()
	f := frame(wire.OpBinary, bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")))
	f[0] |= 0x40
	return f
}

// A flood of pings is answered by few pongs, and holds nobody up.
func TestLoopPingFlood(t *testing.T) {
	url, _ := loopServer(t, echoLoop(), websocket.Options{})
	nc, other := rawDial(t, url), dial(t, url, nil)
	var sender sync.WaitGroup
	const pings = 200_000
	sender.Go(func() {
		nc.Write(slices.Concat(bytes.Repeat(frame(wire.OpPing, []byte("ping")), pings), frame(wire.OpText, []byte("end"))))
	})
	for range 20 {
		other.Write(t.Context(), websocket.MessageText, []byte("hi"))
		if _, p, err := other.Read(t.Context()); string(p) != "hi" {
			t.Fatal(string(p), err)
		}
	}
	br, pongs := bufio.NewReader(nc), 0
	for {
		b := make([]byte, 2)
		if err := readFull(br, b); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, b[1])
		readFull(br, p)
		if b[0] == 0x81 {
			break
		}
		pongs++
	}
	sender.Wait()
	if pongs == 0 || pongs > pings/100 {
		t.Errorf("%d pongs for %d pings", pongs, pings)
	}
}
