package websocket

import (
	"syscall"
	"unsafe"
)

// Socket returns the descriptor of a Conn of an event loop.
func Socket(c *Conn) int { return int(c.fd) }

// HeadSize is what a connection holds whose request has not come.
const HeadSize = unsafe.Sizeof(head{})

// Turn returns the number of the turn that c's event loop is in.
func Turn(c *Conn) int64 { return c.shard.turns.Load() }

// Arrived reports whether the kernel has input for c, of an event loop, which calls
// it.
func Arrived(c *Conn) bool {
	var b [1]byte
	n, _, err := syscall.Recvfrom(int(c.fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n > 0 && err == nil
}
