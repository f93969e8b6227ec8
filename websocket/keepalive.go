package websocket

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/wye-org/wye/websocket/wire"
)

// tick is what the timer calls: time has passed.
func (c *Conn) tick() {
	c.mu.Lock()
	act := c.resetTimerLocked()
	if act == wire.Reply {
		c.sendLocked()
	}
	open := c.out.State() == wire.Open
	c.mu.Unlock()
	if act != wire.Abort {
		return
	}
	cause := ErrCloseTimeout
	if open {
		cause = ErrPongTimeout
	}
	c.settle(&CloseError{Code: StatusAbnormalClosure, Err: cause})
	c.abort()
}

// resetTimerLocked asks the sending direction what is due, and sets the timer
// to when it wants to be asked again.
func (c *Conn) resetTimerLocked() wire.Act {
	t := c.now()
	if c.isDeafLocked() {
		c.heard.Store(int64(t)) // nobody listens: silence means nothing
	}
	act, next := c.out.Tick(t, wire.Instant(c.heard.Load()))
	switch {
	case c.ended.Load():
	case c.looped != nil:
		c.scheduleLocked(next)
	case next != 0:
		c.timer.Reset(time.Duration(next - t))
	}
	return act
}

// isDeafLocked reports whether nobody reads what the peer says.
func (c *Conn) isDeafLocked() bool {
	if c.looped != nil {
		return c.paused != 0
	}
	return c.deaf.Load()
}

// pinger is the pings that the application asks for.
type pinger struct {
	pinging chan struct{} // full: somebody waits for a pong
	pings   atomic.Int32  // how many want one: the lookout reads for them

	// Guarded by mu.
	pingSent [8]byte       // the payload of the last one
	pong     chan struct{} // closed when its pong comes; nil: nobody waits
}

// Ping sends a ping and waits for its pong, until ctx ends. It returns how long
// that took. Somebody need not be reading.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	c.mu.Lock()
	if c.pinger == nil {
		c.pinger = &pinger{pinging: make(chan struct{}, 1)}
	}
	c.mu.Unlock()
	if err := acquire(ctx, c.pinging); err != nil {
		return 0, err
	}
	defer func() { <-c.pinging }()
	c.pings.Add(1)
	defer c.pings.Add(-1)

	sent := time.Now()
	pong, err := c.sendPing()
	if err != nil {
		return 0, err
	}
	if c.blocking != nil && c.park == nil {
		go c.look() // the Conn's, see there: or there may be nobody to see the pong for a second
	}
	select {
	case <-pong:
		took := time.Since(sent)
		c.tellRoundTrip(took)
		return took, nil
	case <-c.Done():
		return 0, c.Err()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// awaitsPong reports whether somebody waits in Ping.
func (c *Conn) awaitsPong() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pinger != nil && c.pings.Load() > 0
}

func (c *Conn) sendPing() (pong chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.brokenLocked(); err != nil {
		return nil, err
	}
	if c.out.State() != wire.Open {
		return nil, ErrClosing
	}
	var payload [8]byte
	binary.LittleEndian.PutUint32(payload[:], maskKey())
	binary.LittleEndian.PutUint32(payload[4:], maskKey())
	if c.out.Ping(payload[:]) {
		c.pingSent = payload
	} // else one that was given up waits to be sent: its pong will do
	pong = make(chan struct{})
	c.pong = pong
	c.sendLocked() // gives mu up: the pong may be here when it returns
	return pong, nil
}

func (c *Conn) pongReceivedLocked(payload []byte) {
	if c.pinger != nil && c.pong != nil && bytes.Equal(payload, c.pingSent[:]) {
		close(c.pong)
		c.pong = nil
	}
}

// acquire takes a lock of one element, until ctx ends.
func acquire(ctx context.Context, lock chan struct{}) error {
	select {
	case lock <- struct{}{}:
		return nil
	default:
	}
	select {
	case lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RTT returns the round-trip time that the last keepalive ping to be answered
// took; 0: none was yet.
func (c *Conn) RTT() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.out.RTT())
}
