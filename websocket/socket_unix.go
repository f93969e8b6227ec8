//go:build unix

package websocket

import (
	"io"
	"net"
	"os"
	"syscall"
)

// canUseSockets says that sockets here give what they have, and take what they
// have room for, without waiting.
const canUseSockets = true

// received is what an attempt to read has come to.
type received struct {
	n   int
	err error
}

// receiveNow is called by [syscall.RawConn.Read], which waits for input if it
// returns false. So it holds no buffer while the connection is idle.
//
// It reads first, whatever is to be expected: the runtime is told once when input
// comes, and a wait that begins forgets what it was told before.
func (c *Conn) receiveNow(fd uintptr) (done bool) {
	s := takeScratch(socketScratch)
	space := c.offer(s)
	for {
		n, err := readNow(int(fd), space)
		if err == syscall.EINTR {
			continue
		}
		c.took(s, n)
		c.got = received{n, err}
		return err != syscall.EAGAIN
	}
}

// receiveFromSocket reads once from a socket that is nothing else.
func (c *Conn) receiveFromSocket() (int, error) {
	if err := c.raw.Read(c.tryReceive); err != nil {
		return 0, err
	}
	switch got := c.got; {
	case got.err != nil:
		return 0, c.socketError("read", got.err)
	case got.n == 0:
		return 0, io.EOF
	default:
		return got.n, nil
	}
}

// sendNow is called by [syscall.RawConn.Write], which waits for room if it returns
// false: if onward is set until all is sent, and else it does not wait.
func (c *Conn) sendNow(fd uintptr) (done bool) {
	a := &c.attempt
	for a.f.left() > 0 {
		n, all, err := a.f.writeNow(int(fd))
		switch {
		case n > 0:
			a.f.sent += n
			if !all && !a.onward {
				return true // another call would only say that there is no room
			}
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return !a.onward
		default:
			a.err = c.socketError("write", err)
			return true
		}
	}
	return true
}

// writeNow writes what the kernel has room for of f, and reports whether that was
// all that it was given.
func (f *frames) writeNow(fd int) (n int, all bool, err error) {
	if len(f.large) == 0 {
		p := f.b[f.sent:]
		n, err = writeNow(fd, p)
		return n, n == len(p), err
	}
	var room [mostParts][]byte
	v, given := f.parts(room[:0]), 0
	for _, p := range v {
		given += len(p)
	}
	n, err = writePartsNow(fd, v)
	return n, n == given, err
}

// socketError is err as a net.Conn says it.
func (c *Conn) socketError(call string, err error) error {
	return &net.OpError{Op: call, Net: c.nc.LocalAddr().Network(), Source: c.nc.LocalAddr(), Addr: c.nc.RemoteAddr(), Err: os.NewSyscallError(call, err)}
}
