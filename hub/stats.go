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

	// Of what was published here: messages and their bytes, those that the
	// engine did not take, and how long it took for the others.
	Published      uint64
	PublishedBytes uint64
	Unpublished    uint64
	Publishing     Durations

	// What became of the messages for all clients there have been: see
	// [ClientStats].
	Offered, Delivered, DroppedNewest, DroppedOldest, Conflated, Abandoned uint64

	DeliveredBytes uint64
	// Lag is the time from when the engine took a message, by its clock, until
	// an Outlet did without making the hub wait; of a batch, that of the first.
	// What is sent on joining does not count.
	Lag Durations

	Disconnected uint64 // clients that were too slow
	Dismissed    uint64 // clients that the program has ended

	// Of clients that joined with a position: those that got exactly what they
	// had missed, and the others.
	Recovered, Unrecovered uint64

	Checked uint64 // positions of channels that were compared with the engine's
	Behind  uint64 // of these, that were not the same
	Mended  uint64 // gaps in what came from the engine that were filled from the history
	Lost    uint64 // and that could not be, so that the members were disconnected
	Epochs  uint64 // histories that went on as another one

	Away    bool   // the engine cannot be reached
	Outages uint64 // how often that has begun
}

// counters are Stats while they are counted.
type counters struct {
	members                                        atomic.Int64
	published, publishedBytes, unpublished         atomic.Uint64
	publishing                                     durations
	disconnected, dismissed                        atomic.Uint64
	recovered, unrecovered                         atomic.Uint64
	checked, behind, mended, lost, epochs, outages atomic.Uint64
	away                                           atomic.Bool
}

func (n *counters) countRecovery(opts *JoinOptions, w *Welcome) {
	switch {
	case opts.Since == nil:
	case w.Recovered:
		n.recovered.Add(1)
	default:
		n.unrecovered.Add(1)
	}
}

// Stats may be called at any time.
func (h *Hub) Stats() Stats {
	n := &h.stats
	s := Stats{
		Clients:        h.clients.len(),
		Channels:       int(h.rooms.n.Load()),
		Members:        int(n.members.Load()),
		Published:      n.published.Load(),
		PublishedBytes: n.publishedBytes.Load(),
		Unpublished:    n.unpublished.Load(),
		Disconnected:   n.disconnected.Load(),
		Dismissed:      n.dismissed.Load(),
		Recovered:      n.recovered.Load(),
		Unrecovered:    n.unrecovered.Load(),
		Checked:        n.checked.Load(),
		Behind:         n.behind.Load(),
		Mended:         n.mended.Load(),
		Lost:           n.lost.Load(),
		Epochs:         n.epochs.Load(),
		Away:           n.away.Load(),
		Outages:        n.outages.Load(),
	}
	n.publishing.addTo(&s.Publishing)
	for i := range h.flushers {
		count := &h.flushers[i].count
		s.DeliveredBytes += h.flushers[i].bytes.Load()
		h.flushers[i].lag.addTo(&s.Lag)
		s.Offered += count[offered].Load()
		s.Delivered += count[delivered].Load()
		s.DroppedNewest += count[droppedNewest].Load()
		s.DroppedOldest += count[droppedOldest].Load()
		s.Conflated += count[conflated].Load()
		s.Abandoned += count[abandoned].Load()
	}
	return s
}
