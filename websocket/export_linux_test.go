package websocket

import "unsafe"

// Socket returns the descriptor of a Conn of an event loop.
func Socket(c *Conn) int { return int(c.fd) }

// HeadSize is what a connection holds whose request has not come.
const HeadSize = unsafe.Sizeof(head{})
