//go:build !unix

package websocket

// canUseSockets says that there is no way here to read or send without waiting: a
// buffer waits for input, and the flusher sends all.
const canUseSockets = false

type received struct{}

func (c *Conn) receiveNow(uintptr) bool         { return true }
func (c *Conn) receiveFromSocket() (int, error) { return c.receiveThrough() }
func (c *Conn) sendNow(uintptr) bool            { return true }
