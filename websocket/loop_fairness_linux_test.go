package websocket_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// Whatever some connections do, what another one sends is heard in the turn after
// that in which it came, at the latest, and no connection has more than 64 KiB
// heard in a turn. Both are counted: a slow machine has slow turns, not more of
// them.
func TestLoopFairnessCounted(t *testing.T) {
	small := frame(wire.OpBinary, make([]byte, 100))
	// How many pings are heard shows by the messages between them.
	pings := slices.Concat(bytes.Repeat(frame(wire.OpPing, []byte("ping")), 100), small)
	for _, c := range []struct {
		name  string
		peers int
		bytes []byte // which they send over and over, in pieces of so many
		piece int
		reads bool
	}{
		{"many messages", 5, small, 32 << 10, true},
		{"one byte at a time", 50, small, 1, true},
		{"a byte of a frame that never ends", 50, frame(wire.OpBinary, make([]byte, 1<<20))[:1<<20], 1, true},
		{"pings", 5, pings, 32 << 10, true},
		{"nothing is read", 10, frame(wire.OpBinary, make([]byte, 1000)), 32 << 10, false},
		{"large messages", 5, frame(wire.OpBinary, make([]byte, 300_000)), 32 << 10, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, l := newFairness(t)
			f.echo = !c.reads
			url, _ := loopServer(t, l, websocket.Options{MaxMessage: 2 << 20})
			f.dial(url)
			var peers sync.WaitGroup
			var all []net.Conn
			for range c.peers {
				nc := rawDial(t, url)
				all = append(all, nc)
				if c.reads { // pongs
					peers.Go(func() { io.Copy(io.Discard, nc) }) // ends with nc
				}
			}
			if c.piece == 1 {
				peers.Go(func() { drip(all, c.bytes) }) // likewise
			} else {
				for _, nc := range all {
					peers.Go(func() { flood(nc, c.bytes, c.piece) }) // likewise
				}
			}
			f.most = 2*(64<<10)/len(c.bytes) + 2
			for range 10 {
				f.count()
			}
			for _, nc := range all {
				nc.Close()
			}
			peers.Wait()
		})
	}
}

// So it is beside connections of the same Loop whose TLS records come in parts.
func TestLoopFairnessPartialRecords(t *testing.T) {
	f, l := newFairness(t)
	_, address := serveTLS(t, l)
	url, _ := loopServer(t, l, websocket.Options{})
	f.dial(url)
	var peers []*pieces
	for range 50 {
		p, below := dialPieces(t, address, tls.VersionTLS13)
		below.hold = true
		p.Say(string(frame(wire.OpBinary, make([]byte, 1000))))
		peers = append(peers, below)
	}
	for i := range 20 {
		for _, p := range peers {
			p.send(1 + i) // in all less than a record, whose header has 5
		}
		f.count()
	}
}

// flood sends p over and over, in pieces.
func flood(nc net.Conn, p []byte, piece int) {
	b := bytes.Repeat(p, 1+piece/len(p))
	for {
		for part := range slices.Chunk(b, piece) {
			if _, err := nc.Write(part); err != nil {
				return
			}
		}
	}
}

// drip does so on all connections, a byte on each in turn.
func drip(all []net.Conn, p []byte) {
	for i := 0; ; i++ {
		for _, nc := range all {
			if _, err := nc.Write(p[i%len(p):][:1]); err != nil {
				return
			}
		}
	}
}

// fairness counts what happens between a message and its callback. All of it is
// the event loop's, but for done.
type fairness struct {
	t          *testing.T
	victim     net.Conn        // its peer's end
	markerPeer net.Conn        // that of the one whose message has it sent
	victimConn *websocket.Conn // its own
	marker     *websocket.Conn
	heard      map[*websocket.Conn]int // messages of the others since it came
	most       int                     // how many of each there may be
	turn       int64                   // in which it came; 0: it is not on its way
	echo       bool                    // the others get their messages back
	opened     chan bool               // both are
	done       chan bool               // it was heard
}

func newFairness(t *testing.T) (*fairness, *websocket.Loop) {
	f := &fairness{t: t, heard: make(map[*websocket.Conn]int), opened: make(chan bool, 2), done: make(chan bool, 1)}
	return f, &websocket.Loop{Loops: 1, Open: f.open, Message: f.message}
}

func (f *fairness) dial(url string) {
	f.t.Helper()
	f.victim = rawDialHead(f.t, url, "GET /victim"+clientHead[len("GET /"):])
	f.markerPeer = rawDialHead(f.t, url, "GET /marker"+clientHead[len("GET /"):])
	for _, nc := range []net.Conn{f.victim, f.markerPeer} {
		nc.SetDeadline(time.Now().Add(2 * time.Minute))
		within(f.t, f.opened)
	}
}

// count has a message sent, and counts until it is heard.
func (f *fairness) count() {
	f.t.Helper()
	f.markerPeer.Write(frame(wire.OpText, []byte("mark")))
	within(f.t, f.done)
}

func (f *fairness) open(c *websocket.Conn) {
	switch c.Request().URL.Path {
	case "/victim":
		f.victimConn = c
		f.opened <- true
	case "/marker":
		f.marker = c
		f.opened <- true
	}
}

func (f *fairness) message(c *websocket.Conn, typ websocket.MessageType, p []byte) {
	switch c {
	case f.marker:
		f.victim.Write(frame(wire.OpText, []byte("victim")))
		for end := time.Now().Add(time.Minute); !websocket.Arrived(f.victimConn); time.Sleep(20 * time.Microsecond) {
			if time.Now().After(end) {
				f.t.Error("nothing came")
				break
			}
		}
		clear(f.heard)
		f.turn = websocket.Turn(c)
	case f.victimConn:
		if turns := websocket.Turn(c) - f.turn; f.turn == 0 || turns > 1 {
			f.t.Errorf("it was heard %d turns after it came, want 1 at the most", turns)
		}
		for _, n := range f.heard {
			if n > f.most {
				f.t.Errorf("%d messages of another were heard before, want %d at the most", n, f.most)
			}
		}
		f.turn = 0
		f.done <- true
	default:
		if f.heard[c]++; f.echo {
			c.Write(context.Background(), typ, p)
		}
	}
}
