package websocket

import "syscall"

// Sends returns how often c's event loop has asked the kernel to send.
func Sends(c *Conn) int64 { return c.shard.sends.Load() }

// TurnMembers is how many members of Fanouts get something in a turn.
const TurnMembers = turnMembers

// HasInput reports whether the kernel has something that c was sent.
func HasInput(c *Conn) bool {
	n, _, err := syscall.Recvfrom(int(c.fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n > 0 && err == nil
}
