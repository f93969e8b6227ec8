package websocket

import "github.com/wye-org/wye"

// Over returns the server's end of a connection over nc, behind the handshake.
func Over(nc wye.Conn, opt *Options) *Conn { return newConn(nc, opt, false).start() }

// PausedByWork returns how many bytes wait for c's callbacks, which may block, and
// whether nothing is read for that reason.
func PausedByWork(c *Conn) (waiting int, paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tasks != nil {
		waiting = c.tasks.bytes
	}
	return waiting, c.paused&pausedByWork != 0
}
