package websocket_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/internal/talk"
	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// pieces is a client's socket whose writes a test can hold back.
type pieces struct {
	net.Conn
	held []byte
	hold bool
}

func (p *pieces) Write(b []byte) (int, error) {
	if p.hold {
		p.held = append(p.held, b...)
		return len(b), nil
	}
	return p.Conn.Write(b)
}

// send sends the first n bytes of what was held back.
func (p *pieces) send(n int) {
	p.Conn.Write(p.held[:n])
	p.held = p.held[n:]
}

// dialPieces opens a connection over TLS whose frames the test writes itself.
func dialPieces(t testing.TB, address string, version uint16) (*talk.Peer, *pieces) {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	below := &pieces{Conn: nc}
	p := talk.With(t, tls.Client(below, &tls.Config{InsecureSkipVerify: true, MaxVersion: version}))
	p.Say(clientHead)
	p.WantResponse("GET", 101)
	return p, below
}

// awaitEnds has the test end when l's connections have.
func awaitEnds(t testing.TB, l *websocket.Loop) {
	var living atomic.Int32
	open, closed := l.Open, l.Closed
	l.Open = func(c *websocket.Conn) {
		living.Add(1)
		if open != nil {
			open(c)
		}
	}
	l.Closed = func(c *websocket.Conn) {
		if closed != nil {
			closed(c)
		}
		living.Add(-1)
	}
	t.Cleanup(func() { eventually(t, "connections go on", func() bool { return living.Load() == 0 }) })
}

func serveTLS(t testing.TB, l *websocket.Loop) (srv *httptest.Server, address string) {
	t.Helper()
	awaitEnds(t, l)
	srv = httptest.NewTLSServer(websocket.Handler(nil, &websocket.AcceptOptions{Loop: l,
		Options: websocket.Options{PingInterval: -1, CloseTimeout: 200 * time.Millisecond}}))
	t.Cleanup(srv.Close)
	return srv, srv.Listener.Addr().String()
}

// eventually waits for what is bound to happen.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(talk.Patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func onlyWherePolled(t testing.TB) {
	if runtime.GOOS != "linux" {
		t.Skip("a goroutine waits for each connection")
	}
}

// Connections over TLS that are idle have no goroutine, and are as alive as ever.
func TestParked(t *testing.T) {
	onlyWherePolled(t)
	for blocking, version := range map[bool]uint16{false: tls.VersionTLS13, true: tls.VersionTLS12} {
		t.Run(fmt.Sprintf("blocking=%v/%s", blocking, tls.VersionName(version)), func(t *testing.T) {
			const n = 12
			l := echoLoop()
			l.Blocking = blocking
			var closed atomic.Int32
			l.Closed = func(*websocket.Conn) { closed.Add(1) }
			_, address := serveTLS(t, l)
			before := runtime.NumGoroutine()
			var peers []*talk.Peer
			for range n {
				p, _ := dialPieces(t, address, version)
				peers = append(peers, p)
			}
			idle := func() bool { return runtime.NumGoroutine() < before+n/2 }
			eventually(t, "idle connections have goroutines", idle)
			for range 2 {
				for i, p := range peers {
					p.Say(string(frame(wire.OpText, []byte("a"))))
					p.Want("\x81\x01a")
					p.Say(string(frame(wire.OpPing, []byte{byte(i)})))
					p.Want("\x8a\x01" + string([]byte{byte(i)}))
					p.Say(string(frame(wire.OpBinary, make([]byte, 20_000))))
					p.WantUntil(string(make([]byte, 20_000)))
				}
				eventually(t, "idle connections have goroutines again", idle)
			}
			for i, p := range peers {
				if i%2 == 0 {
					p.Say(string(frame(wire.OpClose, []byte{3, 232})))
					p.Want("\x88\x02\x03\xe8")
				} else {
					p.Conn.Close()
				}
			}
			eventually(t, "Closed was not called for each", func() bool { return closed.Load() == n })
		})
	}
}

// A record that comes in part has no goroutine either, delays nobody, and is read
// when the rest comes, however it comes.
func TestParkedPartialRecord(t *testing.T) {
	onlyWherePolled(t)
	const n = 12
	_, address := serveTLS(t, echoLoop())
	other, _ := dialPieces(t, address, tls.VersionTLS13)
	before := runtime.NumGoroutine()
	var peers []*talk.Peer
	var below []*pieces
	for range n {
		p, b := dialPieces(t, address, tls.VersionTLS13)
		b.hold = true
		p.Say(string(frame(wire.OpText, []byte("whole"))))
		peers, below = append(peers, p), append(below, b)
	}
	for i, b := range below {
		b.send(i % len(b.held)) // the header of the record is of 5
	}
	other.Say(string(frame(wire.OpText, []byte("a"))))
	other.Want("\x81\x01a")
	idle := func() bool { return runtime.NumGoroutine() < before+n/2 }
	eventually(t, "parts of records have goroutines", idle)
	for _, b := range below[:n/2] {
		b.send(len(b.held) / 2)
	}
	eventually(t, "longer parts of records have goroutines", idle)
	other.Say(string(frame(wire.OpText, []byte("b"))))
	other.Want("\x81\x01b")
	for i, b := range below {
		for len(b.held) > 0 {
			b.send(min(len(b.held), i%3+1))
		}
		peers[i].Want("\x81\x05whole")
	}
}

// So it is with a frame, and with a message, that comes in part.
func TestParkedPartialFrame(t *testing.T) {
	onlyWherePolled(t)
	const n = 12
	_, address := serveTLS(t, echoLoop())
	before := runtime.NumGoroutine()
	text := strings.Repeat("text", 10_000)
	f := string(frame(wire.OpText, []byte(text)))
	var peers []*talk.Peer
	for i := range n {
		p, _ := dialPieces(t, address, tls.VersionTLS13)
		p.Say(f[:1+i*i*250])
		peers = append(peers, p)
	}
	eventually(t, "parts of frames have goroutines", func() bool { return runtime.NumGoroutine() < before+n/2 })
	for i, p := range peers {
		p.Say(f[1+i*i*250:])
		p.WantUntil(text)
	}
}

// A parked connection can be closed, told to leave, pinged and cut, and Closed is
// called for it.
func TestParkedEnds(t *testing.T) {
	onlyWherePolled(t)
	for _, blocking := range []bool{false, true} {
		for name, end := range map[string]func(c *websocket.Conn, srv *httptest.Server){
			"Close":    func(c *websocket.Conn, _ *httptest.Server) { c.Close(context.Background(), 4000, "enough") },
			"CloseNow": func(c *websocket.Conn, _ *httptest.Server) { c.CloseNow() },
			"Shutdown": func(_ *websocket.Conn, srv *httptest.Server) {
				wye.Shutdown(context.Background(), srv.Config, wye.Drain{})
			},
		} {
			t.Run(fmt.Sprintf("blocking=%v/%s", blocking, name), func(t *testing.T) {
				conns, ended := make(chan *websocket.Conn, 1), make(chan error, 1)
				srv, address := serveTLS(t, &websocket.Loop{Blocking: blocking, Open: func(c *websocket.Conn) { conns <- c },
					Closed: func(c *websocket.Conn) { ended <- c.Err() }})
				for _, answers := range []bool{true, false} {
					p, _ := dialPieces(t, address, tls.VersionTLS13)
					c := within(t, conns)
					eventually(t, "it is not parked", func() bool { return websocket.Parked(c) })
					over := make(chan struct{})
					go func() { end(c, srv); close(over) }() // received from below
					if answers && name != "CloseNow" {
						p.WantUntil("\x88")
						p.Say(string(frame(wire.OpClose, nil)))
					}
					if err := within(t, ended); err == nil {
						t.Error("it has ended without a reason")
					}
					within(t, over)
					if name == "Shutdown" {
						break // there is no second one
					}
				}
			})
		}
	}
}

func TestParkedPing(t *testing.T) {
	onlyWherePolled(t)
	conns := make(chan *websocket.Conn, 1)
	srv, _ := serveTLS(t, &websocket.Loop{Open: func(c *websocket.Conn) { conns <- c }})
	go dialTo(t, srv, nil).Read(t.Context()) // answers; ends with the test
	c := within(t, conns)
	for range 3 {
		eventually(t, "it is not parked", func() bool { return websocket.Parked(c) })
		if d, err := c.Ping(t.Context()); err != nil || d <= 0 {
			t.Error(d, err)
		}
	}
}

// The first record behind the handshake may carry frames already, and the last one
// the end of TLS.
func TestParkedFromEndToEnd(t *testing.T) {
	ended := make(chan error, 1)
	l := echoLoop()
	l.Closed = func(c *websocket.Conn) { ended <- c.Err() }
	_, address := serveTLS(t, l)
	nc, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	p := talk.With(t, nc)
	p.Say(clientHead + string(frame(wire.OpText, []byte("early"))))
	p.WantResponse("GET", 101)
	p.Want("\x81\x05early")
	nc.CloseWrite() // close_notify
	if e := closeError(t, within(t, ended)); e.Code != websocket.StatusAbnormalClosure || !e.Remote {
		t.Error(e)
	}
	if b, err := io.ReadAll(p.Read); len(b) > 0 || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// What net/http has from Serve parks likewise: that a request is none of the
// plainest costs its connection no goroutine.
func TestParkedBehindServe(t *testing.T) {
	onlyWherePolled(t)
	conns := make(chan *websocket.Conn, 1)
	l := echoLoop()
	l.Open = func(c *websocket.Conn) { conns <- c }
	awaitEnds(t, l)
	address, _ := serveOwn(t, &http.Server{Handler: websocket.Handler(nil, &websocket.AcceptOptions{Loop: l})}, nil)
	p := talk.To(t, address)
	p.Say(strings.Replace(clientHead, "Host: h", "Host: h\r\nContent-Length: 0", 1) + string(frame(wire.OpText, []byte("early"))))
	p.WantResponse("GET", 101)
	p.Want("\x81\x05early")
	c := within(t, conns)
	for range 3 {
		eventually(t, "it is not parked", func() bool { return websocket.Parked(c) })
		p.Say(string(frame(wire.OpText, []byte("on"))))
		p.Want("\x81\x02on")
	}
}
