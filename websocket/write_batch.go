package websocket

import "context"

// TryWriteBatch queues as many of the messages, in order, as there is room for,
// and then sends them together. It never waits. n is how many were queued: fewer
// than all with [ErrQueueFull], or with the reason why no more can be sent.
func (c *Conn) TryWriteBatch(batch []*Prepared) (n int, err error) {
	n, err = c.queueBatch(batch)
	bytes := 0
	for _, p := range batch[:n] {
		bytes += len(p.Payload())
	}
	c.countBatch(batch[:n], bytes)
	return n, err
}

// countBatch is countSent for several, whose payloads have so many bytes.
func (c *Conn) countBatch(batch []*Prepared, bytes int) {
	if len(batch) == 0 {
		return
	}
	c.messagesSent.Add(int64(len(batch)))
	c.bytesSent.Add(int64(bytes))
	if f := c.opt.Hooks.Sent; f != nil {
		for _, p := range batch {
			f(c, p.Type(), len(p.Payload()))
		}
	}
}

func (c *Conn) queueBatch(batch []*Prepared) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range batch {
		if err = c.awaitRoomLocked(context.Background(), nil, len(p.Payload()), true); err != nil {
			break
		}
		if err = c.appendLocked(outgoing{prepared: p.frame}); err != nil {
			break
		}
		n++
	}
	if n > 0 {
		c.sendLocked()
	}
	return n, err
}
