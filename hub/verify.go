package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// receiver is a hub as its engine sees it.
type receiver struct{ hub *Hub }

// Receive implements [Receiver].
func (r receiver) Receive(m *Message) {
	if room := r.hub.rooms.get(m.Channel); room != nil {
		room.line.receive(m)
	}
}

// Away implements [Receiver]. Nothing has to be done: members stay, and what
// needs the engine fails for as long.
func (r receiver) Away(err error) {
	if !r.hub.stats.away.Swap(true) {
		r.hub.stats.outages.Add(1)
	}
	r.hub.opt.Logger.Warn("hub: the engine is away", "err", err)
}

// Back implements [Receiver].
func (r receiver) Back() {
	r.hub.stats.away.Store(false)
	r.hub.opt.Logger.Info("hub: the engine is back")
	r.hub.tasks.start(r.hub.verify) // ends when every channel was looked at
}

// verify compares every channel with what the engine has, and does what could not
// be done while that was away.
func (h *Hub) verify() {
	h.exitOwed()
	for _, r := range h.rooms.all() {
		if !r.stores() {
			continue
		}
		page, err := h.link.Read(h.ctx, r.Channel, Query{})
		switch {
		case err == nil:
			h.stats.checked.Add(1)
			r.line.compare(page.Top)
		case errors.Is(err, ErrUnavailable) || h.ctx.Err() != nil:
			return // there is another time, or none
		default:
			h.opt.Logger.Warn("hub: a position cannot be checked", "channel", r.Name, "err", err)
		}
	}
}

// check calls verify now and then, as long as there are channels with history, or
// members who could not leave.
type check struct {
	hub   *Hub
	every time.Duration

	mu    sync.Mutex // guards timer
	timer *time.Timer
}

func (k *check) init(h *Hub) {
	k.hub, k.every = h, h.opt.CheckEvery
	if k.every > 0 {
		return
	}
	k.every = 10 * time.Second
	for i := range h.opt.Namespaces {
		if ttl := h.opt.Namespaces[i].History.TTL; ttl > 0 {
			k.every = max(min(k.every, ttl/3), 10*time.Millisecond)
		}
	}
}

// arm starts the timer if it does not run.
func (k *check) arm() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer == nil && k.hub.ctx.Err() == nil {
		k.timer = time.AfterFunc(k.every, k.due) // stopped by stop
	}
}

func (k *check) due() {
	k.mu.Lock()
	k.timer = nil
	k.mu.Unlock()
	k.hub.tasks.start(func() { // ends when every channel was looked at
		k.hub.verify()
		stores := func(r *room) bool { return r.stores() }
		if slices.ContainsFunc(k.hub.rooms.all(), stores) {
			k.arm()
		}
	})
}

func (k *check) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
	}
}

// departures are members who have left, though the engine could not be told yet:
// they would be listed for as long as the node lives.
type departures struct {
	mu   sync.Mutex // guards what is below
	list []departure
}

type departure struct {
	ch Channel
	id string
}

// departuresMost bounds them. Who leaves while there are so many stays listed.
const departuresMost = 1 << 16

func (d *departures) take() []departure {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.list
	d.list = nil
	return list
}

// exit tells the engine that a member has left, now or later.
func (h *Hub) exit(ctx context.Context, d departure) {
	err := h.link.Exit(ctx, d.ch, d.id)
	if err == nil {
		return
	}
	h.owed.mu.Lock()
	full := len(h.owed.list) >= departuresMost
	if !full {
		h.owed.list = append(h.owed.list, d)
	}
	h.owed.mu.Unlock()
	if full || !errors.Is(err, ErrUnavailable) {
		h.opt.Logger.WarnContext(ctx, "hub: a member that left is still listed", "channel", d.ch.Name, "err", err)
	}
	h.check.arm()
}

func (h *Hub) exitOwed() {
	for _, d := range h.owed.take() {
		// A client that came back meanwhile is listed rightly.
		if room := h.rooms.get(d.ch.Name); room == nil || !room.tiers.has(d.id) {
			h.exit(h.ctx, d)
		}
	}
}
