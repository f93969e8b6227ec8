//go:build unix

package websocket

import "syscall"

// canSendOnce says that sockets here take what they have room for without
// waiting.
const canSendOnce = true

// once is one attempt to send.
type once struct {
	b   []byte
	n   int // bytes that the kernel took
	err error
}

// sendOnce is called by [syscall.RawConn.Write]. It always says that it is done,
// so that nobody waits for room.
func (c *Conn) sendOnce(fd uintptr) bool {
	s := &c.once
	n, err := syscall.Write(int(fd), s.b)
	switch {
	case n > 0:
		s.n = n
	case err != nil && err != syscall.EAGAIN && err != syscall.EINTR:
		s.err = err
	}
	return true
}
