package handoff

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
)

// until keeps what is in upper case, until a full stop.
func until(piece []byte) (keep []byte, over bool) {
	for i, c := range piece {
		switch {
		case c == '.':
			return append(keep, piece[i+1:]...), true
		case c >= 'A' && c <= 'Z':
			keep = append(keep, c)
		}
	}
	return keep, false
}

// Nothing is read before the request is over; then bytes pass both ways as they
// are.
func TestResent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c := Resent(ours, until)
		sent := make(chan string, 1)
		go func() { // ends with ours
			b, _ := io.ReadAll(theirs)
			sent <- string(b)
		}()
		go theirs.Write([]byte("early")) // read below
		read := make(chan string, 1)
		go func() { // received below
			b := make([]byte, 5)
			io.ReadFull(c, b)
			read <- string(b)
		}()
		for _, piece := range []string{"aB", "", "c", "De"} {
			if n, err := c.Write([]byte(piece)); n != len(piece) || err != nil {
				t.Errorf("Write %q: %d, %v", piece, n, err)
			}
			synctest.Wait()
			if len(read) > 0 {
				t.Fatalf("read behind %q", piece)
			}
		}
		if n, err := c.Write([]byte("f.rest.")); n != 7 || err != nil {
			t.Errorf("Write: %d, %v", n, err)
		}
		if got := <-read; got != "early" {
			t.Errorf("read %q", got)
		}
		c.Write([]byte("all. of it"))
		c.Close()
		if got := <-sent; got != "BDrest.all. of it" {
			t.Errorf("sent %q", got)
		}
	})
}

func TestResentCloseEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c := Resent(ours, until)
		read := make(chan error, 1)
		go func() { // received below
			_, err := c.Read(make([]byte, 1))
			read <- err
		}()
		synctest.Wait()
		c.Close()
		if err := <-read; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.Write([]byte("A")); err == nil {
			t.Error("Write behind Close")
		}
		if below := c.(interface{ NetConn() net.Conn }).NetConn(); below != ours {
			t.Errorf("NetConn is %v", below)
		}
	})
}
