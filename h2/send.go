package h2

import (
	"fmt"

	"golang.org/x/net/http2"
)

// flushLocked has what is in out sent.
func (c *conn) flushLocked() {
	if !c.sending {
		c.sending = true
		go c.flush() // the conn's; ends when out is empty or the transport fails
	}
}

// flush sends out, all that has come together in one write. When the connection
// has ended, it closes the transport after that.
func (c *conn) flush() {
	c.mu.Lock()
	for len(c.out) > 0 {
		b := c.out
		c.out, c.inFlight = c.spare[:0], len(b)
		c.mu.Unlock()
		_, err := c.nc.Write(b)
		c.mu.Lock()
		c.spare, c.inFlight = b[:0], 0
		if err != nil {
			c.failLocked(http2.ErrCodeNo, fmt.Errorf("h2: %w", err))
			break
		}
		c.wakeWritersLocked()
	}
	if cap(c.spare) > defaultFrame {
		c.spare = nil
	}
	ended := c.err != nil
	if ended {
		c.out = nil
	}
	c.sending = ended // nobody begins any more
	c.unlock()
	if ended {
		c.nc.Close() // and with it the reader
		close(c.closed)
	}
}

// owedLocked is called after something was written that the server has asked
// for. It bounds what a server that does not read makes us hold.
func (c *conn) owedLocked() {
	if len(c.out) > maxOut+maxOwed {
		c.failLocked(http2.ErrCodeEnhanceYourCalm, &connError{http2.ErrCodeEnhanceYourCalm, "the server asks for much and reads nothing"})
		return
	}
	c.flushLocked()
}

// roomLocked is how much DATA may be added to out.
func (c *conn) roomLocked() int { return maxOut - len(c.out) - c.inFlight }

// wakeWritersLocked has the streams look again that wait for the connection.
func (c *conn) wakeWritersLocked() {
	for s := range c.waiting {
		delete(c.waiting, s)
		notify(s.writable)
	}
}

// notify wakes who waits on ch, or will.
func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
