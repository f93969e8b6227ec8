package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"
)

// A Client is one connection's part in the hub. Its methods may be called
// concurrently. While nothing waits to be sent to it, it has neither a goroutine
// nor a buffer.
type Client struct {
	hub   *Hub
	out   Outlet
	self  Member
	most  bounds // of queue
	share uint32 // which flusher and which shard are its own

	mu    sync.Mutex // guards what is below; the Outlet is never called with it held
	queue queue
	state sending
	why   error // of the end; nil: it has none
	seats []*seat
	count [outcomes]uint64
}

// sending says who sends what is queued.
type sending uint8

const (
	idle    sending = iota // nothing is queued
	waiting                // a flusher has the client on its list, or sends to it
	behind                 // the Outlet would not take all: the client's own goroutine waits for it
)

// ClientOptions are a connection's. The zero value is an anonymous client.
type ClientOptions struct {
	ID        string // unique; "": a random one
	Principal string // who it is, for MaySubscribe, MayPublish and presence
	Info      []byte // for presence; not to be changed

	// QueueMessages and QueueBytes bound what waits to be sent to the client.
	// 0: the hub's.
	QueueMessages, QueueBytes int
}

// Connect makes the connection behind out a client, which is in no channel yet.
// The caller calls [Client.Close] when the connection ends.
func (h *Hub) Connect(out Outlet, opts *ClientOptions) (*Client, error) {
	var o ClientOptions
	if opts != nil {
		o = *opts
	}
	if o.ID == "" {
		o.ID = rand.Text()
	}
	c := &Client{
		hub:  h,
		out:  out,
		self: Member{ID: o.ID, Principal: o.Principal, Info: o.Info, Since: time.Now()},
		most: bounds{h.opt.QueueMessages, h.opt.QueueBytes},
	}
	if o.QueueMessages > 0 {
		c.most.messages = o.QueueMessages
	}
	if o.QueueBytes > 0 {
		c.most.bytes = o.QueueBytes
	}
	if !h.clients.add(c) {
		return nil, ErrClosed
	}
	return c, nil
}

// ID is the client's, unique in the hub.
func (c *Client) ID() string { return c.self.ID }

// Channels are those that the client is in.
func (c *Client) Channels() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, len(c.seats))
	for i, s := range c.seats {
		names[i] = s.channel.Name
	}
	return names
}

// Err is why the hub ended the client; nil: it has not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// Send queues a message for this client alone: the answer to a request, say. It
// comes after what was queued before. [ErrSlow] means that the queue is full; the
// client is disconnected then.
func (c *Client) Send(data []byte, binary bool) error {
	return c.tell(&Message{Data: slices.Clone(data), Binary: binary})
}

// tell queues a message for this client alone.
func (c *Client) tell(m *Message) error {
	c.mu.Lock()
	wake, err := c.tellLocked(m)
	c.mu.Unlock()
	if wake {
		c.hub.flush(c)
	}
	return err
}

func (c *Client) tellLocked(m *Message) (wake bool, err error) {
	if c.why != nil {
		return false, c.why
	}
	c.countLocked(offered, 1)
	if !c.queue.room(c.most, len(m.Data)) {
		c.countLocked(droppedNewest, 1)
		c.endLocked(ErrSlow)
		return false, ErrSlow
	}
	return c.pushLocked(entry{m: m}), nil
}

// Close takes the client out of every channel. It does not touch the connection,
// which may go on to be sent one batch that was on its way. Closing again does
// nothing.
func (c *Client) Close() {
	c.mu.Lock()
	if c.why == nil {
		c.why = ErrClosed
		c.abandonLocked()
	}
	c.mu.Unlock()
	c.leaveAll()
	c.hub.clients.remove(c)
}

// Disconnect ends the client, as what is too slow is ended: its Outlet's Close gets
// why. One that has ended already, it does not touch.
func (c *Client) Disconnect(why error) { c.endNow(why) }

// endLocked ends the client: what waits is given up, and its Outlet is told.
func (c *Client) endLocked(why error) {
	if c.why != nil {
		return
	}
	c.why = why
	c.abandonLocked()
	c.hub.tasks.start(func() { c.end(why) }) // ends when the Outlet has said goodbye
}

func (c *Client) end(why error) {
	c.leaveAll()
	c.hub.clients.remove(c)
	var dismissed *DisconnectError
	switch {
	case why == ErrSlow:
		c.hub.stats.disconnected.Add(1)
	case errors.As(why, &dismissed):
		c.hub.stats.dismissed.Add(1)
	}
	c.out.Close(why)
}

func (c *Client) leaveAll() {
	for {
		c.mu.Lock()
		if len(c.seats) == 0 {
			c.mu.Unlock()
			return
		}
		s := c.seats[len(c.seats)-1]
		c.mu.Unlock()
		// What the engine says is of no use to who leaves: the lease runs out.
		c.hub.leave(context.Background(), s)
	}
}

// seat finds the client's seat in a channel.
func (c *Client) seat(name string) *seat {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.seats {
		if s.channel.Name == name {
			return s
		}
	}
	return nil
}

// endNow ends the client, and reports whether it had not ended yet.
func (c *Client) endNow(why error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	had := c.why != nil
	c.endLocked(why)
	return !had
}
