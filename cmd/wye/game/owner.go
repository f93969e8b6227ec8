package game

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/wye-org/wye/cmd/wye/game/arena"
	"github.com/wye-org/wye/cmd/wye/game/codec"
	"github.com/wye-org/wye/hub"
)

// idleAfter is how long a player may want nothing before the slot is free for
// somebody else.
const idleAfter = 60 * arena.Rate

// confirmWithin is how many ticks those who played under another owner have to say
// that they are still there: their servers say so at once.
const confirmWithin = 2 * arena.Rate

// An owner has the world of one session, and alone moves it, as long as it has the
// lease. Everyone else knows of two channels: what members do is published in one,
// and the owner publishes each state whole in the other. So it makes no difference
// to it, or to them, on which servers they are.
type owner struct {
	hub     *hub.Hub
	session string
	seed    uint32
	client  *hub.Client // hears what members do, while the owner is one; for begin and run

	mu        sync.Mutex // guards what is below
	world     *arena.World
	inherited map[uint32]struct{} // who played under another owner, and was not heard of
	confirm   int                 // ticks until these are taken to be gone
}

func newOwner(h *hub.Hub, session string, seed uint32) *owner {
	return &owner{hub: h, session: session, seed: seed, world: arena.New(seed)}
}

// begin takes the world over from the owner before, if that is further than what is
// known here, and hears what members do.
func (o *owner) begin(ctx context.Context, baton []byte) error {
	o.takeOver(baton)
	client, err := o.hub.Connect(inbox{o}, &hub.ClientOptions{Principal: ownerPrincipal})
	if err != nil {
		return err
	}
	if _, err := client.Join(ctx, doneIn(o.session), nil); err != nil {
		client.Close()
		return err
	}
	o.client = client
	return nil
}

func (o *owner) takeOver(baton []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before, err := codec.Apply(new(arena.State), baton)
	if err == nil && int32(before.Tick-o.world.State().Tick) > 0 {
		o.world = arena.Continue(o.seed, before)
	}
	o.inherited, o.confirm = map[uint32]struct{}{}, confirmWithin
	for _, p := range o.world.State().Players {
		if p.Kind == arena.Person {
			o.inherited[p.Member] = struct{}{}
		}
	}
}

// baton is what another owner has to know to go on.
func (o *owner) baton() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return codec.AppendSnapshot(nil, o.world.State())
}

// run ticks at [arena.Rate]. A tick that comes too late is left out, rather than
// that a busy machine gets behind further and further.
func (o *owner) run(ctx context.Context) {
	defer o.client.Close()
	ticks := time.NewTicker(time.Second / arena.Rate)
	defer ticks.Stop()
	var b []byte
	for {
		select {
		case <-ticks.C:
			b = codec.AppendSnapshot(b[:0], o.step())
			// It fails with the hub, whose end is the session's; an engine
			// that is away for a moment gets the next one.
			o.hub.Publish(ctx, seenIn(o.session), b, &hub.PublishOptions{Binary: true, Key: stateKey})
		case <-ctx.Done():
			return
		}
	}
}

func (o *owner) step() *arena.State {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.world.Step()
	if o.confirm--; o.confirm == 0 {
		for member := range o.inherited {
			o.world.Leave(member)
		}
	}
	s := o.world.State()
	if s.Tick%arena.Rate == 0 {
		o.sendAway(s)
	}
	return s
}

// sendAway frees the slots of those who are idle. mu is held.
func (o *owner) sendAway(s *arena.State) {
	for i := range s.Players {
		if p := &s.Players[i]; p.Kind == arena.Person && o.world.Idle(p.Member) > idleAfter {
			o.world.Leave(p.Member)
		}
	}
}

// hear takes in what a member does.
func (o *owner) hear(member uint32, m codec.Up) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.inherited, member)
	switch m := m.(type) {
	case codec.Join:
		o.world.Join(member, m.Name)
	case codec.Leave:
		o.world.Leave(member)
	case codec.Inputs:
		o.world.Hear(member, m.First, m.In[:m.N])
	}
}

// inbox is how the hub reaches an owner, who never has to be waited for.
type inbox struct{ owner *owner }

// TrySend implements [hub.Outlet].
func (i inbox) TrySend(batch []*hub.Message) (n int, err error) {
	for _, m := range batch {
		if member, up, err := parseDeed(m.Data); err == nil {
			i.owner.hear(member, up)
		}
	}
	return len(batch), nil
}

// Send implements [hub.Outlet].
func (i inbox) Send(_ context.Context, batch []*hub.Message) (n int, err error) {
	return i.TrySend(batch)
}

// Close implements [hub.Outlet].
func (inbox) Close(error) {}

// appendDeed appends what a member does, as owners are told it: the member's
// number, and the message of a client.
func appendDeed(dst []byte, member uint32, m codec.Up) []byte {
	return codec.AppendUp(binary.LittleEndian.AppendUint32(dst, member), m)
}

func parseDeed(p []byte) (member uint32, m codec.Up, err error) {
	if len(p) < 4 {
		return 0, nil, codec.ErrShort
	}
	m, err = codec.ParseUp(p[4:])
	return binary.LittleEndian.Uint32(p), m, err
}
