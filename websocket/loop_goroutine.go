package websocket

import "context"

// serveCallbacks has the callbacks of a Conn that no event loop serves called
// from a goroutine, which is the caller's.
func (c *Conn) serveCallbacks() {
	if c.park != nil {
		c.onEnd(func(error) { c.unpark() })
		c.callHere(called{what: callOpen})
		c.serveWhileBusy()
		return
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	c.onEnd(cancel)
	c.callHere(called{what: callOpen})
	for {
		m, err := c.readPooled(ctx)
		if err != nil {
			break
		}
		c.callMessage(ctx, m)
	}
	<-c.Done()
	c.callHere(called{what: callClosed})
}

// callMessage hands m on, and waits until another one may be read.
func (c *Conn) callMessage(ctx context.Context, m *Message) {
	if !c.quiet.Load() {
		c.callHere(called{what: callMessage, typ: m.Type, data: m.Data})
	}
	m.Release()
	if c.mayNotWait() {
		c.awaitUncrowded(ctx)
	}
}

// callHere calls a callback while no other of the connection's is called.
func (c *Conn) callHere(f called) {
	c.calling.Lock()
	defer c.calling.Unlock()
	defer c.recovered()
	if c.calledLast {
		return
	}
	c.calledLast = f.what == callClosed
	c.calls.call(c, f)
}

// awaitUncrowded waits until the queue is not more than half full.
func (c *Conn) awaitUncrowded(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.crowdedLocked() && c.brokenLocked() == nil {
		if c.waitLocked(ctx, &c.room) != nil {
			return
		}
	}
}
