package websocket_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// Connections that end in every way at any moment, from both sides, leave nothing
// behind, and nothing is lost in silence: a peer that reads to the end has had all
// that was written to it, unless its connection is reported to have failed.
func TestLoopChaos(t *testing.T) {
	n := 300
	if os.Getenv("WYE_SLOW") == "1" {
		n = 5000
	}
	for _, blocking := range []bool{false, true} {
		t.Run(fmt.Sprintf("blocking=%v", blocking), func(t *testing.T) { chaos(t, n, blocking, (*http.Server).Serve) })
		t.Run(fmt.Sprintf("blocking=%v/Serve", blocking), func(t *testing.T) {
			chaos(t, n, blocking, func(srv *http.Server, ln net.Listener) error {
				return websocket.Serve(srv, ln, &websocket.ServeOptions{MaxHeads: 1000})
			})
		})
	}
}

// tale is what became of one connection, as its server saw it.
type tale struct {
	opened, closed atomic.Int32
	accepted       atomic.Int64   // messages that Write took
	others         sync.WaitGroup // goroutines that write, too
	err            error          // set by Closed
	ended          chan struct{}
}

func chaos(t *testing.T, n int, blocking bool, serve func(*http.Server, net.Listener) error) {
	before := descriptors()
	tales := make([]tale, n)
	for i := range tales {
		tales[i].ended = make(chan struct{})
	}
	number := func(c *websocket.Conn) *tale {
		var i int
		fmt.Sscanf(c.Request().URL.Path, "/%d", &i)
		return &tales[i]
	}
	l := &websocket.Loop{
		Blocking: blocking,
		Open:     func(c *websocket.Conn) { number(c).opened.Add(1) },
		Closed: func(c *websocket.Conn) {
			s := number(c)
			s.closed.Add(1)
			s.err = c.Err()
			close(s.ended)
		},
		Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
			s := number(c)
			if s.opened.Load() != 1 || s.closed.Load() != 0 {
				t.Error("a message before Open or after Closed")
			}
			for range 1 + len(p)%3 { // now and then several answers to one message
				if c.Write(context.Background(), typ, p) == nil {
					s.accepted.Add(1)
				}
			}
			switch rand.IntN(200) {
			case 0:
				c.CloseNow()
			case 1:
				c.Close(context.Background(), websocket.StatusNormalClosure, "")
			case 2:
				s.others.Go(func() { // waited for by who counts
					if c.Write(context.Background(), websocket.MessageText, nil) == nil {
						s.accepted.Add(1)
					}
				})
			}
		},
	}
	srv := &http.Server{Handler: websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: websocket.Options{
		WriteQueueBytes: 64 << 10, WriteTimeout: time.Second, CloseTimeout: time.Second,
		PingInterval: 500 * time.Millisecond, PongTimeout: time.Second,
	}})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go serve(srv, ln) // ends with Close, below
	var clients sync.WaitGroup
	places := make(chan struct{}, 300) // connecting at once
	for i := range n {
		clients.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			chaoticClient(t, fmt.Sprintf("%s/%d", ln.Addr(), i), &tales[i], rand.New(rand.NewPCG(uint64(i), 7)))
		})
	}
	clients.Wait()
	srv.Close()
	for i := range tales {
		s := &tales[i]
		if s.opened.Load() > 0 {
			within(t, s.ended)
		}
		if s.opened.Load() != s.closed.Load() || s.opened.Load() > 1 {
			t.Errorf("%d: Open was called %d times, Closed %d", i, s.opened.Load(), s.closed.Load())
		}
	}
	for range 2000 { // connections that the system closes, and goroutines that have a last step to do
		if descriptors() <= before {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if after := descriptors(); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// descriptors counts those of the process, without the runtime's own.
func descriptors() int {
	if runtime.GOOS != "linux" {
		return 0
	}
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}

// chaoticClient does one of the things that peers do.
func chaoticClient(t *testing.T, address string, s *tale, rnd *rand.Rand) {
	host, path := address[:len(address)-len(pathOf(address))], pathOf(address)
	nc, err := net.Dial("tcp", host)
	if err != nil {
		t.Error(err)
		return
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(60 * time.Second))
	io.WriteString(nc, "GET "+path+clientHead[len("GET /"):])
	head := make([]byte, 129) // the 101, whose length does not change
	if readFull(nc, head) != nil {
		return
	}
	switch kind := rnd.IntN(6); kind {
	case 0: // part of a frame, and away, with a reset or without
		nc.Write(frame(wire.OpText, make([]byte, 1000))[:rnd.IntN(1000)])
		if rnd.IntN(2) == 0 {
			nc.(*net.TCPConn).SetLinger(0)
		}
	case 1: // half-open: it neither sends nor reads; the keepalive finds it
		within(t, s.ended)
	case 2: // it sends and reads nothing
		for range 50 {
			if _, err := nc.Write(frame(wire.OpBinary, make([]byte, 60_000))); err != nil {
				break
			}
		}
	case 3: // a broken rule behind some messages
		nc.Write(frame(wire.OpBinary, make([]byte, rnd.IntN(3000))))
		nc.Write([]byte{0xff, 0xff})
		io.Copy(io.Discard, nc)
	default: // it plays by the rules, at its own pace, in its own pieces
		citizen(t, nc, s, rnd, kind == 4)
	}
}

func pathOf(address string) string {
	for i := range address {
		if address[i] == '/' {
			return address[i:]
		}
	}
	return ""
}

// citizen sends messages, reads to the end, and judges what came.
func citizen(t *testing.T, nc net.Conn, s *tale, rnd *rand.Rand, slow bool) {
	var sender sync.WaitGroup
	defer sender.Wait()
	sizes := make([]int, 1+rnd.IntN(60))
	var b []byte
	for i := range sizes {
		sizes[i] = rnd.IntN(1 << rnd.IntN(14))
		b = append(b, frame(wire.OpBinary, make([]byte, sizes[i]))...)
	}
	b = append(b, frame(wire.OpClose, []byte{3, 232})...)
	cuts := make([]int, 10)
	for i := range cuts {
		cuts[i] = rnd.IntN(len(b))
	}
	sender.Go(func() { // ends when all is sent, or the connection has ended
		for _, cut := range cuts {
			if cut = min(cut, len(b)); cut > 0 {
				if _, err := nc.Write(b[:cut/4]); err != nil {
					return
				}
				b = b[cut/4:]
				runtime.Gosched()
			}
		}
		nc.Write(b)
	})
	messages, closed := readFrames(nc, slow)
	within(t, s.ended)
	s.others.Wait()
	var e *websocket.CloseError
	if !errors.As(s.err, &e) {
		t.Errorf("%v is no CloseError", s.err)
	} else if want := s.accepted.Load(); closed && e.Err == nil && messages != want {
		t.Errorf("of %d messages %d came, and the connection ended with %v", want, messages, e)
	}
}

// readFrames counts messages until the end, and says whether a Close came.
func readFrames(nc net.Conn, slow bool) (messages int64, closed bool) {
	var h [4]byte
	for {
		if readFull(nc, h[:2]) != nil {
			return messages, closed
		}
		n := int64(h[1])
		if n == 126 {
			readFull(nc, h[2:])
			n = int64(binary.BigEndian.Uint16(h[2:]))
		}
		if _, err := io.CopyN(io.Discard, nc, n); err != nil {
			return messages, closed
		}
		switch h[0] & 15 {
		case 1, 2:
			messages++
		case 8:
			closed = true
		}
		if slow && messages%16 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}
