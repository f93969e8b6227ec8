package handoff

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/wye-org/wye/internal/talk"
)

// What is replayed comes first, and all else is the connection's.
func TestReplay(t *testing.T) {
	ours, theirs := net.Pipe()
	p := talk.With(t, theirs)
	c := Replay(ours, []byte("first"))
	go p.Say(" second") // read below
	got := make([]byte, len("first second"))
	if n, err := c.Read(got[:0]); n != 0 || err != nil {
		t.Errorf("Read into nothing: %d, %v", n, err)
	}
	if n, err := c.Read(got[:2]); n != 2 || err != nil {
		t.Errorf("Read: %d, %v", n, err)
	}
	if _, err := io.ReadFull(c, got[2:]); err != nil || string(got) != "first second" {
		t.Errorf("got %q, %v", got, err)
	}
	c.SetReadDeadline(time.Unix(1, 0))
	if _, err := c.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("behind the deadline: %v", err)
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("CloseWrite of a pipe: %v", err)
	}
	if below := c.(interface{ NetConn() net.Conn }).NetConn(); below != ours {
		t.Errorf("NetConn is %v", below)
	}
	if _, ok := c.(stater); ok {
		t.Error("it says that it has TLS")
	}
}

func TestReplayIsDroppedByClose(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := Replay(ours, []byte("first"))
	c.Close()
	if n, err := c.Read(make([]byte, 9)); n != 0 || err == nil {
		t.Errorf("Read behind Close: %d, %v", n, err)
	}
}

// The system's connection is to be had once nothing lies before it.
func TestReplaySyscallConn(t *testing.T) {
	theirs := make(chan *talk.Peer)
	address := talk.Listen(t, func(p *talk.Peer) { theirs <- p; p.WantEnd(); p.Say("late") })
	ours, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	<-theirs
	c := Replay(ours, []byte("a"))
	if _, err := c.(syscall.Conn).SyscallConn(); err == nil {
		t.Error("SyscallConn before what is replayed is read")
	}
	c.Read(make([]byte, 1))
	if _, err := c.(syscall.Conn).SyscallConn(); err != nil {
		t.Error(err)
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(c); string(got) != "late" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, err := Replay(a, nil).(syscall.Conn).SyscallConn(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("of a pipe: %v", err)
	}
}

func TestReplayOverTLSSaysSo(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	c := Replay(tls.Server(a, nil), []byte("first"))
	defer c.Close()
	if _, ok := c.(stater); !ok {
		t.Error("it has no ConnectionState")
	}
	// Replaying what replays keeps it.
	if _, ok := Replay(c, []byte("before")).(stater); !ok {
		t.Error("it has no ConnectionState")
	}
}

// However it is read, what was replayed and what follows is one stream.
func FuzzReplay(f *testing.F) {
	f.Add([]byte("first"), []byte("second"), []byte{1, 0, 3})
	f.Fuzz(func(t *testing.T, first, second, sizes []byte) {
		c := Replay(onlyReads{Reader: bytes.NewReader(second)}, bytes.Clone(first))
		var got []byte
		for i := 0; ; i++ {
			p := make([]byte, 5)
			if i < len(sizes) {
				p = make([]byte, sizes[i])
			}
			n, err := c.Read(p)
			got = append(got, p[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if want := append(bytes.Clone(first), second...); !bytes.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

type onlyReads struct {
	net.Conn
	io.Reader
}

func (c onlyReads) Read(p []byte) (int, error) { return c.Reader.Read(p) }
