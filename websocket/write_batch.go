package websocket

import "context"

// TryWriteBatch queues as many of the messages, in order, as there is room for,
// and then sends them together. It never waits. n is how many were queued: fewer
// than all with [ErrQueueFull], or with the reason why no more can be sent.
func (c *Conn) TryWriteBatch(batch []*Prepared) (n int, err error) {
	n, err = c.queueBatch(batch)
	for _, p := range batch[:n] {
		c.countSent(p.Type(), len(p.Payload()))
	}
	return n, err
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
