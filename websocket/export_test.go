package websocket

import "github.com/wye-org/wye"

// Over returns the server's end of a connection over nc, behind the handshake.
func Over(nc wye.Conn, opt *Options) *Conn { return newConn(nc, opt.settings(false)).start() }

// Parts returns in how many parts f's members are, and how many of these have
// something to do, or hold a batch.
func Parts(f *Fanout) (parts, busy int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.parts {
		if p.running || p.batch != nil || len(p.waiting) > 0 {
			busy++
		}
	}
	return len(f.parts), busy
}

// Waited reports whether somebody waits in f.Flush.
func Waited(f *Fanout) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moved != nil
}

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

// Bare reports whether c reads from a bare socket. It is called by who reads.
func Bare(c *Conn) bool { return c.raw != nil }
