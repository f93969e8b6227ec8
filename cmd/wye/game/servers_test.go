package game

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/game/arena"
	"github.com/wye-org/wye/cmd/wye/game/codec"
	"github.com/wye-org/wye/cmd/wye/lease"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
)

// mortal is an engine whose links can die.
type mortal struct {
	*hub.Memory
	dead *atomic.Bool
}

type mortalLink struct {
	hub.Link
	mortal
}

func (m mortal) Open(r hub.Receiver, ns []hub.Namespace) (hub.Link, error) {
	l, err := m.Memory.Open(r, ns)
	return mortalLink{l, m}, err
}

// Publish does what a server does that is gone: nothing.
func (l mortalLink) Publish(ctx context.Context, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
	if l.dead.Load() {
		return hub.Receipt{}, hub.ErrUnavailable
	}
	return l.Link.Publish(ctx, ch, m, key)
}

// servers are houses that share an engine; each can be made to die.
func servers(t *testing.T, n int) (houses []*house, dead []*atomic.Bool) {
	t.Helper()
	memory := hub.NewMemory(&hub.MemoryOptions{Linger: time.Minute})
	for range n {
		d := new(atomic.Bool)
		h := newHouse(testHub(t, mortal{memory, d}, rooms.Limits{Rooms: 3, Seats: 20}))
		h.sessions.open = func(name string) *owner { return newOwner(h.hub, name, 1) }
		houses, dead = append(houses, h), append(dead, d)
	}
	return houses, dead
}

// owns reports whether the house moves the lobby's world, which takes a few ticks to
// see.
func (h *house) owns() bool {
	s := h.sessions.kept()["lobby"]
	if s == nil {
		return false
	}
	before := tickOf(s.owner)
	time.Sleep(3 * tick)
	return tickOf(s.owner) > before
}

func people(s *arena.State) (n int) {
	for _, p := range s.Players {
		if p.Kind == arena.Person {
			n++
		}
	}
	return n
}

// People on two servers play in one world, which one server moves.
func TestTwoServersPlayOneGame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		houses, _ := servers(t, 2)
		ada := visit(t, houses[0], nil)
		ada.plays("Ada")
		bob := visit(t, houses[1], nil)
		bob.plays("Bob")
		if people(bob.state) != 2 {
			t.Errorf("Bob sees %d people", people(bob.state))
		}
		if !houses[0].owns() || houses[1].owns() {
			t.Error("it is not the first server that moves the world")
		}
		// What Bob does, Ada sees.
		for range 30 {
			bob.wants(9)
			bob.sees()
		}
		at := bob.me().Body
		ada.seesUntil("Bob moves", func() bool {
			for _, p := range ada.state.Players {
				if p.Member == bob.member && p.Body.Face == 9 && p.Ack > 20 {
					return true
				}
			}
			return false
		})

		// The owner's last viewer leaves: the other server goes on, from there.
		ada.leaves()
		began, was := time.Now(), bob.state.Tick
		bob.seesUntil("the world goes on", func() bool { return bob.state.Tick > was+10 })
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if !houses[1].owns() {
			t.Error("it is not the second server that moves it now")
		}
		if me := bob.me(); me == nil || me.Name != "Bob" || people(bob.state) != 1 {
			t.Errorf("Bob is %+v, of %d people", me, people(bob.state))
		}
		if bob.state.Head.Round != 1 || at == (arena.Body{}) {
			t.Error("it is another world")
		}
		bob.wants(20)
		bob.seesUntil("Bob can move", func() bool { return bob.me().Body.Face == 20 })
		bob.leaves()
	})
}

// When the server dies that moves the world, another does, and who played on it is
// gone after a moment.
func TestAServerThatDiesLeavesTheGameBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		houses, dead := servers(t, 2)
		ada := visit(t, houses[0], nil)
		ada.plays("Ada")
		bob := visit(t, houses[1], nil)
		bob.plays("Bob")
		for range 45 {
			bob.wants(9)
			bob.sees()
		}
		was := bob.state.Tick
		dead[0].Store(true)
		began := time.Now()
		bob.seesUntil("the world goes on", func() bool { return bob.state.Tick > was+60 })
		if took := time.Since(began); took < time.Second || took > lease.TTL+4*time.Second {
			t.Errorf("it took %v", took)
		}
		if me := bob.me(); me == nil || me.Name != "Bob" {
			t.Errorf("Bob is %+v", me)
		}
		bob.seesUntil("Ada is gone", func() bool { return people(bob.state) == 1 })
		if houses[0].owns() {
			t.Error("the dead server moves its world still")
		}
		bob.leaves()
		ada.conn.CloseNow()
		<-ada.done
	})
}

// Who is known to play under the new owner stays, who is not goes, and not before
// there was time to say so.
func TestInheritedPlayers(t *testing.T) {
	w := arena.New(1)
	w.Join(1, "stays")
	w.Join(2, "moves")
	w.Join(3, "goes")
	for range 50 {
		w.Step()
	}
	o := newOwner(nil, "lobby", 1)
	o.takeOver(codec.AppendSnapshot(nil, w.State()))
	if tickOf(o) != 50 {
		t.Errorf("it goes on from %d", tickOf(o))
	}
	o.hear(1, codec.Join{Name: "stays"})
	o.hear(2, codec.Inputs{First: 1, N: 1})
	for i := range confirmWithin {
		if n := people(o.step()); (n != 3) != (i == confirmWithin-1) {
			t.Errorf("tick %d: %d people", i, n)
		}
	}
	for range 100 {
		if n := people(o.step()); n != 2 {
			t.Fatalf("%d people are left", n)
		}
	}
	// What is older than what it knows, or no world, it does not take over.
	was := *o.world.State()
	o.takeOver(codec.AppendSnapshot(nil, w.State()))
	o.takeOver(nil)
	o.takeOver([]byte("nonsense"))
	if *o.world.State() != was {
		t.Error("it took over what is older")
	}
}
