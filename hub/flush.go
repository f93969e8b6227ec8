package hub

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A flusher sends what is queued for its share of the clients: those whose queue
// was empty are put on its list, and a goroutine goes through the list until that
// is empty. It never waits for a client: one whose Outlet does not take
// everything at once gets a goroutine of its own, until its queue is empty.
type flusher struct {
	hub   *Hub
	count [outcomes]atomic.Uint64 // of its clients
	bytes atomic.Uint64           // delivered
	lag   durations

	mu      sync.Mutex // guards what is below
	clients []*Client
	running bool

	_ [64]byte // the next flusher is another processor's
}

// batchMost bounds one call of an Outlet.
var batchMost = bounds{64, 64 << 10}

// roundsMost is how many batches a client gets before it is another's turn.
const roundsMost = 4

// add puts clients on the list.
func (f *flusher) add(clients ...*Client) {
	if len(clients) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clients = append(f.clients, clients...)
	if !f.running {
		f.running = f.hub.tasks.start(f.run) // ends when the list is empty
	}
}

func (f *flusher) run() {
	batch := make([]*Message, 0, batchMost.messages)
	var clients []*Client
	for {
		f.mu.Lock()
		clear(clients)
		clients, f.clients = f.clients, clients[:0]
		if len(clients) == 0 {
			f.running = false
			f.clients = nil // as an idle hub has none
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		for _, c := range clients {
			c.flush(batch)
		}
	}
}

// flush puts c on its flusher's list.
func (h *Hub) flush(c *Client) { h.flusherOf(c).add(c) }

// flush sends without waiting. The client's state is waiting.
func (c *Client) flush(batch []*Message) {
	for range roundsMost {
		b := c.take(batch)
		if b == nil {
			return
		}
		n, err := c.out.TrySend(b)
		clear(b)
		if taken := c.sent(n, err); !taken.IsZero() {
			c.hub.flusherOf(c).lag.observe(time.Since(taken))
		}
		if err == nil && n < len(b) {
			c.fallBehind()
			return
		}
	}
	c.hub.flush(c)
}

// take is the next batch; nil: there is none, and nobody sends any more.
func (c *Client) take(batch []*Message) []*Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queue.messages() == 0 {
		c.state = idle
		return nil
	}
	return c.queue.batch(batch[:0], batchMost)
}

// sent counts n messages of the batch as delivered, and returns when the engine took
// the first of them that is no greeting. After an error there is no more to send.
func (c *Client) sent(n int, err error) (taken time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = max(0, min(n, c.queue.sending))
	if i := slices.IndexFunc(c.queue.entries[:n], func(e entry) bool { return !e.greeting }); i >= 0 {
		taken = c.queue.entries[i].m.Time
	}
	before := c.queue.bytes
	c.queue.sent(n)
	c.hub.flusherOf(c).bytes.Add(uint64(before - c.queue.bytes))
	c.countLocked(delivered, n)
	if err != nil {
		c.endLocked(err)
	}
	if c.why != nil {
		c.abandonLocked()
	}
	return taken
}

// fallBehind has a goroutine send what is left, and what comes meanwhile.
func (c *Client) fallBehind() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = behind
	c.hub.tasks.start(c.catchUp) // ends when nothing waits, or the Outlet fails
}

func (c *Client) catchUp() {
	batch := make([]*Message, 0, batchMost.messages)
	readier, _ := c.out.(Readier)
	for {
		if readier != nil {
			if err := readier.Ready(c.hub.ctx); err != nil {
				c.sent(0, err)
			}
		}
		b := c.take(batch)
		if b == nil {
			return
		}
		n, err := c.out.Send(c.hub.ctx, b)
		clear(b)
		if err == nil && n < 1 {
			err = context.Cause(c.hub.ctx)
			if err == nil {
				err = errIdleOutlet
			}
		}
		c.sent(n, err)
	}
}
