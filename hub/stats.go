package hub

import "sync/atomic"

// outcome is what becomes of a message for a client.
type outcome uint8

const (
	offered outcome = iota
	delivered
	droppedNewest
	droppedOldest
	conflated
	abandoned
	outcomes // how many there are
)

// countLocked counts n messages of the client, and of the hub. The client's mu is
// held.
func (c *Client) countLocked(o outcome, n int) {
	if n > 0 {
		c.count[o] += uint64(n)
		c.hub.flusherOf(c).count[o].Add(uint64(n))
	}
}

// ClientStats is what became of the messages for a client:
//
//	Offered = Delivered + DroppedNewest + DroppedOldest + Conflated + Abandoned + Queued
type ClientStats struct {
	Offered       uint64 // published into its channels, or sent to it
	Delivered     uint64 // taken by its Outlet
	DroppedNewest uint64 // see [DropNewest]; and the one for which the client was disconnected
	DroppedOldest uint64 // see [DropOldest]
	Conflated     uint64 // see [Conflate]: another took its place
	Abandoned     uint64 // still queued when the client left the channel, or ended
	Queued        uint64 // not sent yet
	QueuedBytes   uint64
}

// Stats may be called at any time.
func (c *Client) Stats() ClientStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ClientStats{
		Offered:       c.count[offered],
		Delivered:     c.count[delivered],
		DroppedNewest: c.count[droppedNewest],
		DroppedOldest: c.count[droppedOldest],
		Conflated:     c.count[conflated],
		Abandoned:     c.count[abandoned],
		Queued:        uint64(c.queue.messages()),
		QueuedBytes:   uint64(c.queue.bytes),
	}
}

// Stats is what a hub has and has done.
type Stats struct {
	Clients  int // connected
	Channels int // that have members here
	Members  int // of all these

	Published uint64 // messages, here

	// What became of the messages for all clients there have been: see
	// [ClientStats].
	Offered, Delivered, DroppedNewest, DroppedOldest, Conflated, Abandoned uint64

	Disconnected uint64 // clients that were too slow
	Mended       uint64 // gaps in what came from the engine that were filled from the history
	Lost         uint64 // and that could not be, so that the members were disconnected
}

// counters are Stats while they are counted.
type counters struct {
	members                               atomic.Int64
	published, disconnected, mended, lost atomic.Uint64
}

// Stats may be called at any time.
func (h *Hub) Stats() Stats {
	s := Stats{
		Clients:      h.clients.len(),
		Channels:     int(h.rooms.n.Load()),
		Members:      int(h.stats.members.Load()),
		Published:    h.stats.published.Load(),
		Disconnected: h.stats.disconnected.Load(),
		Mended:       h.stats.mended.Load(),
		Lost:         h.stats.lost.Load(),
	}
	for i := range h.flushers {
		count := &h.flushers[i].count
		s.Offered += count[offered].Load()
		s.Delivered += count[delivered].Load()
		s.DroppedNewest += count[droppedNewest].Load()
		s.DroppedOldest += count[droppedOldest].Load()
		s.Conflated += count[conflated].Load()
		s.Abandoned += count[abandoned].Load()
	}
	return s
}
