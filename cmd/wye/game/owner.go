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

// An owner has the world of one session, and alone moves it. Everyone else knows
// of two channels: what members do is published in one, and the owner publishes
// each state whole in the other. So it makes no difference to it, or to them, on
// which servers they are.
type owner struct {
	hub     *hub.Hub
	session string

	mu    sync.Mutex // guards what is below
	world *arena.World

	// stop ends the ticks and waits for their end. It is nil without ticks;
	// sessions calls it and start one after the other.
	stop func()
}

func newOwner(h *hub.Hub, session string, seed uint32) *owner {
	return &owner{hub: h, session: session, world: arena.New(seed)}
}

// start lets the world tick and its owner hear, until stop is called. Nobody is
// there yet.
func (o *owner) start() error {
	o.mu.Lock()
	o.world.Clear() // of who was the last: that they left may have come too late
	o.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	client, err := o.hub.Connect(inbox{o}, &hub.ClientOptions{Principal: ownerPrincipal})
	if err == nil {
		_, err = client.Join(ctx, doneIn(o.session), nil)
	}
	if err != nil {
		cancel()
		if client != nil {
			client.Close()
		}
		return err
	}
	var ticks sync.WaitGroup
	ticks.Go(func() { o.run(ctx) }) // ends with stop, which waits for it
	o.stop = func() {
		cancel()
		client.Close()
		ticks.Wait()
		o.stop = nil
	}
	return nil
}

// run ticks at [arena.Rate]. A tick that comes too late is left out, rather than
// that a busy machine gets behind further and further.
func (o *owner) run(ctx context.Context) {
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
