package hub

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// rooms are the channels that have members on this node, by name.
type rooms struct {
	hub    *Hub
	seed   maphash.Seed
	shards [64]roomShard
	n      atomic.Int64
	of     map[*Namespace]*atomic.Int64 // does not change
}

type roomShard struct {
	mu    sync.Mutex // guards rooms, and refs and gone of each
	rooms map[string]*room
}

// A room is a channel on this node.
type room struct {
	Channel
	hub   *Hub
	refs  int           // seats, taken or about to be
	gone  chan struct{} // made when the last seat was left; closed when the engine has unsubscribed
	ready chan struct{} // closed when the engine has subscribed, or not
	err   error         // why it has not; set before ready is closed
	line  line
	tiers tiers
}

func (rs *rooms) init(h *Hub) {
	rs.hub, rs.seed, rs.of = h, maphash.MakeSeed(), map[*Namespace]*atomic.Int64{}
	for i := range rs.shards {
		rs.shards[i].rooms = map[string]*room{}
	}
	for _, ns := range h.namespaces {
		rs.of[ns] = new(atomic.Int64)
	}
}

func (rs *rooms) shard(name string) *roomShard {
	return &rs.shards[maphash.String(rs.seed, name)%uint64(len(rs.shards))]
}

// get finds a room; nil: the channel has no members here.
func (rs *rooms) get(name string) *room {
	sh := rs.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.rooms[name]
}

// all returns every room there is.
func (rs *rooms) all() []*room {
	var all []*room
	for i := range rs.shards {
		sh := &rs.shards[i]
		sh.mu.Lock()
		for _, r := range sh.rooms {
			all = append(all, r)
		}
		sh.mu.Unlock()
	}
	return all
}

// enter reserves a seat in the room of ch, which it opens if need be.
func (rs *rooms) enter(ctx context.Context, ch Channel) (*room, error) {
	for {
		r, has, wait, err := rs.reserve(ch)
		switch {
		case err != nil:
			return nil, err
		case has == opener:
			return r, rs.open(ctx, r)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			if has == guest {
				rs.exit(r)
			}
			return nil, context.Cause(ctx)
		}
		if has == guest && r.err == nil {
			return r, nil
		}
	}
}

// role is what reserve has made of who asks for a seat.
type role uint8

const (
	nobody role = iota // the room is about to be gone
	guest              // of a room that is there, or being opened
	opener             // who has to open it
)

// reserve finds the room or makes it, and counts a seat in it. Others than the
// opener have to wait until wait is closed.
func (rs *rooms) reserve(ch Channel) (r *room, has role, wait <-chan struct{}, err error) {
	sh := rs.shard(ch.Name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r := sh.rooms[ch.Name]; r != nil {
		if r.gone != nil {
			return r, nobody, r.gone, nil
		}
		if err := r.full(); err != nil {
			return nil, nobody, nil, err
		}
		r.refs++
		return r, guest, r.ready, nil
	}
	if most := int64(rs.hub.opt.MaxChannels); rs.n.Add(1) > most {
		rs.n.Add(-1)
		return nil, nobody, nil, &FullError{Channels, int(most)}
	}
	of := rs.of[ch.Namespace]
	if most := int64(ch.Namespace.MaxChannels); of.Add(1) > most && most > 0 {
		of.Add(-1)
		rs.n.Add(-1)
		return nil, nobody, nil, &FullError{ChannelsOfNamespace, int(most)}
	}
	r = &room{Channel: ch, hub: rs.hub, refs: 1, ready: make(chan struct{})}
	r.line.room, r.tiers.hub = r, rs.hub
	r.line.mending = true // until begin: what comes before is parked
	sh.rooms[ch.Name] = r
	return r, opener, nil, nil
}

// HasRoom reports whether a client that joined the channel now would find room
// on this node: if not with a *[FullError].
func (h *Hub) HasRoom(channel string) error {
	ch, err := h.channel(channel)
	if err != nil {
		return err
	}
	sh := h.rooms.shard(ch.Name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r := sh.rooms[ch.Name]; r != nil {
		return r.full()
	}
	if most := h.opt.MaxChannels; h.rooms.n.Load() >= int64(most) {
		return &FullError{Channels, most}
	}
	if most := ch.Namespace.MaxChannels; most > 0 && h.rooms.of[ch.Namespace].Load() >= int64(most) {
		return &FullError{ChannelsOfNamespace, most}
	}
	return nil
}

// full reports whether r has no seat left. Its shard's mu is held.
func (r *room) full() error {
	if most := r.Namespace.MaxMembers; most > 0 && r.refs >= most {
		return &FullError{Members, most}
	}
	return nil
}

// open subscribes a room that was just made.
func (rs *rooms) open(ctx context.Context, r *room) error {
	err := rs.hub.link.Subscribe(ctx, r.Channel)
	if err == nil && r.stores() {
		if err = r.line.begin(ctx); err != nil {
			rs.hub.link.Unsubscribe(r.Channel)
		}
	}
	if err != nil {
		// Who waits for the room tries again, with a context of their own.
		rs.remove(r)
		r.err = err
	}
	close(r.ready)
	if err == nil && r.stores() {
		rs.hub.check.arm()
	}
	return err
}

// exit gives a seat back. The last one closes the room.
func (rs *rooms) exit(r *room) {
	sh := rs.shard(r.Name)
	sh.mu.Lock()
	r.refs--
	last := r.refs == 0 && sh.rooms[r.Name] == r
	if last {
		r.gone = make(chan struct{})
	}
	sh.mu.Unlock()
	if last {
		<-r.ready
		rs.hub.link.Unsubscribe(r.Channel)
		rs.remove(r)
		close(r.gone)
	}
}

func (rs *rooms) remove(r *room) {
	sh := rs.shard(r.Name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.rooms, r.Name)
	rs.n.Add(-1)
	rs.of[r.Namespace].Add(-1)
}
