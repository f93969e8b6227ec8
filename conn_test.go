package wye

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pair is a TCP connection.
func pair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled := make(chan net.Conn, 1)
	go func() { // received below
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Error(err)
		}
		dialled <- c
	}()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	b = (<-dialled).(*net.TCPConn)
	t.Cleanup(func() { accepted.Close(); b.Close() })
	return accepted.(*net.TCPConn), b
}

// upgraded is a Conn over nc with early bytes.
func upgraded(nc net.Conn, early string) *conn {
	c := new(conn)
	c.reset(nc, []byte(early))
	return c
}

// besideNetHTTP gives c up, as another server's ResponseWriter would.
type besideNetHTTP struct {
	*httptest.ResponseRecorder
	c net.Conn
}

func (w besideNetHTTP) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.c, nil, nil }

// Abort ends both directions at once: the peer sees a reset.
func TestAbortResets(t *testing.T) {
	ours, theirs := pair(t)
	c, p := upgraded(ours, ""), newPeer(t, theirs)
	speak(t, c, "before")
	p.want("before")
	c.Abort(ErrShutdown)
	p.wantReset()
}

func TestAbortInterruptsReadAndWrite(t *testing.T) {
	ours, _ := pair(t)
	c := upgraded(ours, "")
	ends := make(chan error, 2)
	go func() { _, err := c.Read(make([]byte, 1)); ends <- err }()
	go func() { _, err := c.Write(make([]byte, 64<<20)); ends <- err }() // nobody reads
	c.Abort(nil)
	for range 2 {
		if err := receive(t, ends); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

// Over TLS no alert goes before the reset, and nothing waits for one to go.
func TestAbortOverTLS(t *testing.T) {
	ours, theirs := pair(t)
	server := tls.Server(ours, nobodys())
	client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true})
	shook := make(chan error, 1)
	go func() { shook <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, shook); err != nil {
		t.Fatal(err)
	}
	upgraded(server, "").Abort(nil)
	client.SetDeadline(time.Now().Add(patience))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %v", err)
	}
}

// layered is a wrapper that shows what is below it, and has something to give
// back.
type layered struct {
	net.Conn
	closed func()
}

func (l layered) NetConn() net.Conn { return l.Conn }
func (l layered) Close() error      { l.closed(); return l.Conn.Close() }

func TestAbortClosesEveryLayer(t *testing.T) {
	ours, theirs := pair(t)
	closed := 0
	c := upgraded(layered{ours, func() { closed++ }}, "")
	c.Abort(nil)
	if closed != 1 {
		t.Errorf("the layer was closed %d times", closed)
	}
	newPeer(t, theirs).wantReset()

	// One that has nothing below.
	ours, theirs = pair(t)
	upgraded(hollow{ours}, "").Abort(nil)
	newPeer(t, theirs).wantEnd()
}

type hollow struct{ net.Conn }

func (hollow) NetConn() net.Conn { return nil }

func TestCloseWriteIsAHalfClose(t *testing.T) {
	ours, theirs := pair(t)
	c, p := upgraded(ours, "early"), newPeer(t, theirs)
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	p.wantEnd()
	p.say(" late")
	wantRead(t, c, "early late")

	in, _ := net.Pipe()
	if err := upgraded(in, "").CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a pipe has no half-close, but %v", err)
	}
}

// After the end every call is an error, and none panics.
func TestAnyCallInAnyOrder(t *testing.T) {
	for name, end := range map[string]func(*conn){
		"Close": func(c *conn) { c.Close() },
		"Abort": func(c *conn) { c.Abort(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			ours, _ := pair(t)
			c := upgraded(ours, "early")
			group := new(Group)
			var err error
			if c.member, err = group.Join(c.Abort); err != nil {
				t.Fatal(err)
			}
			end(c)
			for range 2 {
				if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, net.ErrClosed) {
					t.Errorf("Read: %d, %v", n, err)
				}
				if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Write: %v", err)
				}
				if err := c.CloseWrite(); err == nil {
					t.Error("CloseWrite succeeds")
				}
				if err := c.SetDeadline(time.Now()); err == nil {
					t.Error("SetDeadline succeeds")
				}
				if raw, err := c.SyscallConn(); err == nil {
					if err = raw.Control(func(uintptr) {}); err == nil {
						t.Error("Control succeeds")
					}
				}
				c.OnLeave(nil)
				c.Abort(nil)
				if err := c.Close(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Close: %v", err)
				}
				if c.NetConn() != net.Conn(ours) || c.LocalAddr() == nil || c.RemoteAddr() == nil {
					t.Error("another connection below")
				}
			}
			if group.Len() != 0 {
				t.Errorf("%d in the group", group.Len())
			}
		})
	}
}

func TestCallsAtTheSameTime(t *testing.T) {
	for range 20 {
		ours, theirs := pair(t)
		go io.Copy(theirs, theirs) // ends with the pair
		c := upgraded(ours, "early")
		var all sync.WaitGroup
		for _, f := range []func(){
			func() { c.Read(make([]byte, 3)) },
			func() { c.Read(make([]byte, 3)) },
			func() { c.Write([]byte("late")) },
			func() { c.SyscallConn() },
			func() { c.takeEarly() },
			func() { c.CloseWrite() },
			func() { c.Close() },
			func() { c.Abort(nil) },
		} {
			all.Go(f)
		}
		all.Wait()
	}
}

// Early bytes are not at the socket: who waits there would wait in vain.
func TestSyscallConnWaitsForTheEarlyBytes(t *testing.T) {
	ours, _ := pair(t)
	c := upgraded(ours, "early")
	if _, err := c.SyscallConn(); err == nil {
		t.Error("it is given while bytes are unread")
	}
	wantRead(t, c, "earl")
	if _, err := c.SyscallConn(); err == nil {
		t.Error("it is given while a byte is unread")
	}
	wantRead(t, c, "y")
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(uintptr) {}); err != nil {
		t.Error(err)
	}
	in, _ := net.Pipe()
	if _, err := upgraded(in, "").SyscallConn(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a pipe has none, but %v", err)
	}
}

// The deadlines are those of the connection below.
func TestConnDeadlines(t *testing.T) {
	ours, _ := pair(t)
	c := upgraded(ours, "")
	c.SetReadDeadline(time.Now().Add(-1))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	c.SetReadDeadline(time.Time{})
	speak(t, c, "on")
}

// The handler that accepted may have returned long before the connection is
// used, from elsewhere.
func TestAbortOfAnAcceptedConnection(t *testing.T) {
	a := newAcceptor(nil)
	srv, address := serve(t, a)
	p := call(t, address)
	p.say(ask)
	p.want(switched)
	c := a.conn(t)
	Abort(c, ErrShutdown)
	p.wantReset()
	if n := GroupOf(srv).Len(); n != 0 {
		t.Errorf("%d in the group", n)
	}
}
