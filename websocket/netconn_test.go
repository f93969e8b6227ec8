package websocket_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/websocket"
)

func netConns(t *testing.T) (a, b net.Conn) {
	c, s := websocket.Pipe(nil, nil)
	t.Cleanup(func() { closeBoth(c, s) })
	return websocket.NetConn(c, websocket.MessageBinary), websocket.NetConn(s, websocket.MessageBinary)
}

func TestNetConnIsAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := netConns(t)
		want := bytes.Repeat([]byte("0123456789"), 30_000)
		go func() {
			a.Write(want[:1])
			a.Write(nil)
			a.Write(want[1:])
			a.Close()
		}()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// A deadline that has passed can be moved, and nothing was lost.
func TestNetConnDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := netConns(t)
		buf := make([]byte, 10)
		for range 2 {
			b.SetReadDeadline(time.Now().Add(time.Second))
			began := time.Now()
			if _, err := b.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		}
		b.SetReadDeadline(time.Time{})
		a.Write([]byte("late"))
		if n, err := b.Read(buf); string(buf[:n]) != "late" {
			t.Errorf("%q, %v", buf[:n], err)
		}
		// One that is moved while somebody waits is heeded.
		go func() {
			time.Sleep(time.Second)
			b.SetReadDeadline(time.Now())
		}()
		if _, err := b.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		a.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := a.Write(make([]byte, 8<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n == 8<<20 {
			t.Errorf("wrote %d: %v", n, err)
		}
	})
}

func TestNetConnEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		n := websocket.NetConn(s, websocket.MessageText)
		go c.Close(t.Context(), 4000, "no stream's end")
		if _, err := n.Read(make([]byte, 1)); websocket.CloseStatus(err) != 4000 {
			t.Error(err)
		}
		<-c.Done()
		<-s.Done()
	})
}
