package websocket

import (
	"context"

	"github.com/wye-org/wye/websocket/wire"
)

// fanned is what became of a batch for one member.
type fanned struct {
	queued, skipped int         // messages; the rest has nobody to go to
	bytes           int         // of payload, of those queued
	told            []*Prepared // those queued, if a hook wants to know
}

// queueShared queues of the batch, from a message on, what there is room for. It
// never waits, and is called by the goroutine that serves c's part.
func (c *Conn) queueShared(b *batch, from int) (r fanned) {
	c.mu.Lock()
	defer c.mu.Unlock()
	took := c.sendSharedLocked(b, from)
	for i, p := range b.messages[from:] {
		if i >= took {
			err := c.awaitRoomLocked(context.Background(), nil, len(p.Payload()), true)
			if err == ErrQueueFull {
				r.skipped++
				continue
			}
			if err == nil {
				err = c.appendLocked(outgoing{prepared: p.frame})
			}
			if err != nil {
				break
			}
		}
		r.queued++
		r.bytes += len(p.Payload())
		if c.opt.Hooks.Sent != nil {
			r.told = append(r.told, p)
		}
	}
	if c.looped == nil {
		c.sendLocked()
	} else if !c.gone {
		c.pushLocked()
		c.watchLocked()
	}
	return r
}

// sendSharedLocked sends of the batch, from a message on, what the kernel takes
// without waiting, out of the memory that all members share, and keeps what is
// left of the message that the kernel took in part, or would not take. It returns
// how many messages that were: none if something goes before them, or if c frames
// messages in a way of its own. It is called on c's event loop; mu is given up
// while sending.
func (c *Conn) sendSharedLocked(b *batch, from int) (took int) {
	c.out.Plain = false
	form, ok := c.out.Form()
	if !ok || c.looped == nil || c.sending || c.streaming != nil || c.pendingLocked() ||
		c.out.State() != wire.Open || c.brokenLocked() != nil {
		return 0
	}
	f := b.in(form)
	bytes := f.b[f.start(from):]
	c.sending, c.inFlight = true, len(bytes)
	c.mu.Unlock()
	n, err := c.sendHere(&frames{b: bytes})
	c.mu.Lock()
	if c.sentAllLocked(err); err != nil {
		return 0
	}
	if n == len(bytes) {
		return len(b.messages) - from
	}
	for n += f.start(from); f.ends[from+took] <= n; {
		took++
	}
	c.keepLocked(f.left(n, f.ends[from+took]))
	return took + 1
}

// countShared counts what queueShared has queued.
func (c *Conn) countShared(r *fanned) {
	if r.queued == 0 {
		return
	}
	c.messagesSent.Add(int64(r.queued))
	c.bytesSent.Add(int64(r.bytes))
	for _, p := range r.told {
		c.opt.Hooks.Sent(c, p.Type(), len(p.Payload()))
	}
}
