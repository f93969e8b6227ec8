package game

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/game/arena"
	"github.com/wye-org/wye/cmd/wye/game/codec"
	"github.com/wye-org/wye/cmd/wye/lease"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

const tick = time.Second / arena.Rate

// guest is a connection to a session, as a client sees it.
type guest struct {
	t      *testing.T
	conn   *websocket.Conn
	done   <-chan error
	member uint32
	state  *arena.State
	number uint32
}

// testHub is a server's, on an engine that several may share.
func testHub(t *testing.T, engine hub.Engine, limits rooms.Limits) *hub.Hub {
	t.Helper()
	h, err := hub.New(hub.Options{
		Engine:     engine,
		Namespaces: append(Namespaces(limits), lease.Namespace()),
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// newTestHouse has a house whose worlds are all of that seed. It has to be called
// in a bubble.
func newTestHouse(t *testing.T, seed uint32) *house {
	t.Helper()
	engine := hub.NewMemory(&hub.MemoryOptions{Linger: time.Minute})
	h := newHouse(testHub(t, engine, rooms.Limits{Rooms: 3, Seats: 20}))
	h.sessions.open = func(name string) *owner { return newOwner(h.hub, name, seed) }
	return h
}

// visit connects to the session, and is greeted. It has to be called in a
// bubble.
func visit(t *testing.T, h *house, opts *websocket.Options) *guest {
	t.Helper()
	client, server := websocket.Pipe(opts, opts)
	done := make(chan error, 1)
	go func() { // ends with the connection
		err := h.converse(t.Context(), server, "lobby")
		server.Close(context.WithoutCancel(t.Context()), websocket.StatusNormalClosure, "")
		done <- err
	}()
	t.Cleanup(func() {
		client.CloseNow()
		server.CloseNow()
	})
	g := &guest{t: t, conn: client, done: done, state: new(arena.State)}
	hello, err := codec.ParseHello(g.receives())
	if err != nil || hello.Version != codec.Version || hello.Member == 0 {
		t.Fatalf("greeted with %+v, %v", hello, err)
	}
	g.member = hello.Member
	return g
}

// receives is the next message.
func (g *guest) receives() []byte {
	g.t.Helper()
	typ, p, err := g.conn.Read(g.t.Context())
	if err != nil || typ != websocket.MessageBinary {
		g.t.Fatalf("received %v %q, %v", typ, p, err)
	}
	return p
}

// sees takes in the next state.
func (g *guest) sees() (length int) {
	g.t.Helper()
	p := g.receives()
	s, err := codec.Apply(g.state, p)
	if err != nil {
		g.t.Fatalf("%x: %v", p, err)
	}
	g.state = s
	return len(p)
}

// seesUntil takes in states, saying each time what it saw, until one is right.
func (g *guest) seesUntil(what string, right func() bool) {
	g.t.Helper()
	for range 200 {
		g.sees()
		if right() {
			return
		}
		g.says(codec.Inputs{Seen: g.state.Tick})
	}
	g.t.Fatalf("not within 200 states: %s; %+v", what, g.state)
}

func (g *guest) says(m codec.Up) {
	g.t.Helper()
	g.saysBytes(websocket.MessageBinary, codec.AppendUp(nil, m))
}

func (g *guest) saysBytes(typ websocket.MessageType, p []byte) {
	g.t.Helper()
	if err := g.conn.Write(g.t.Context(), typ, p); err != nil {
		g.t.Fatalf("sending %q: %v", p, err)
	}
}

// wants sends one input.
func (g *guest) wants(in arena.Input) {
	g.t.Helper()
	g.number++
	g.says(codec.Inputs{Seen: g.state.Tick, First: g.number, N: 1, In: [codec.MaxInputs]arena.Input{in}})
}

// me is the guest's player, or nil.
func (g *guest) me() *arena.Player {
	for i := range g.state.Players {
		if p := &g.state.Players[i]; p.Kind == arena.Person && p.Member == g.member {
			return p
		}
	}
	return nil
}

func (g *guest) plays(name string) {
	g.t.Helper()
	g.says(codec.Join{Name: name})
	g.seesUntil(name+" has a slot", func() bool { return g.me() != nil })
}

func (g *guest) leaves() {
	g.t.Helper()
	g.conn.Close(g.t.Context(), websocket.StatusNormalClosure, "")
	if err := <-g.done; err != nil {
		g.t.Errorf("leaving was taken for an error: %v", err)
	}
}

// isClosed says that the session closes the connection, and why.
func (g *guest) isClosed(code websocket.StatusCode, reason string) {
	g.t.Helper()
	for {
		_, _, err := g.conn.Read(g.t.Context())
		if err == nil {
			continue // states that were on their way
		}
		var closed *websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != code || !closed.Remote || !strings.Contains(closed.Reason, reason) {
			g.t.Errorf("want an end with %d and %q, got %v", code, reason, err)
		}
		break
	}
	var ending *Ending
	if err := <-g.done; !errors.As(err, &ending) || ending.Code != code {
		g.t.Errorf("the conversation ended with %v", err)
	}
}

func TestTwoPlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestHouse(t, 1)
		ada := visit(t, s, nil)
		ada.plays(" Ada ")
		if ada.me().Name != "Ada" {
			t.Errorf("Ada is called %q", ada.me().Name)
		}
		bob := visit(t, s, nil)
		bob.plays("Bob")
		if ada.member == bob.member {
			t.Error("two have one number")
		}

		x := ada.me().Body.X
		seen := map[uint32]arena.State{}
		for range 60 {
			ada.wants(1)
			bob.wants(9)
			ada.sees()
			bob.sees()
			seen[ada.state.Tick] = *ada.state
			if same, ok := seen[bob.state.Tick]; ok && same != *bob.state {
				t.Fatalf("at tick %d they see different worlds", bob.state.Tick)
			}
		}
		if len(seen) != 60 {
			t.Errorf("60 states of %d ticks", len(seen))
		}
		if ada.me().Body.X <= x || ada.me().Ack < 50 || bob.me().Ack < 50 {
			t.Errorf("Ada %+v, Bob %+v", ada.me(), bob.me())
		}

		bob.leaves()
		ada.seesUntil("Bob is gone", func() bool {
			for _, p := range ada.state.Players {
				if p.Name == "Bob" {
					return false
				}
			}
			return true
		})
		ada.says(codec.Leave{})
		ada.seesUntil("Ada has left", func() bool { return ada.me() == nil })
		ada.leaves()
	})
}

// A newcomer gets all there is, and then what changes, as everyone else.
func TestALateJoiner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestHouse(t, 1)
		ada := visit(t, s, nil)
		ada.plays("Ada")
		for range 200 {
			ada.wants(1)
			ada.sees()
		}
		bob := visit(t, s, nil)
		whole, change := bob.sees(), bob.sees()
		if change*2 > whole {
			t.Errorf("the first state took %d bytes, the next one %d", whole, change)
		}
		ada.seesUntil("as far as Bob", func() bool { return ada.state.Tick >= bob.state.Tick })
		for bob.state.Tick < ada.state.Tick {
			bob.sees()
		}
		if *ada.state != *bob.state {
			t.Error("the newcomer sees another world")
		}
		ada.leaves()
		bob.leaves()
	})
}

func TestTicksAreSteady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := visit(t, newTestHouse(t, 1), nil)
		g.sees()
		first, began := g.state.Tick, time.Now()
		g.seesUntil("a hundred ticks", func() bool { return g.state.Tick >= first+100 })
		if took := time.Since(began); took < 100*tick-time.Millisecond || took > 101*tick {
			t.Errorf("100 ticks took %v, want %v", took, 100*tick)
		}
		g.leaves()
	})
}

// kept are the sessions as they are now.
func (ss *sessions) kept() map[string]*session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return maps.Clone(ss.byName)
}

func tickOf(o *owner) uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.world.State().Tick
}

// A session that nobody sees stands still, and goes on with the next one who
// comes; after a while it is forgotten.
func TestAnEmptySessionStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHouse(t, 1)
		g := visit(t, h, nil)
		g.plays("Ada")
		o := h.sessions.kept()["lobby"].owner
		g.leaves()
		if n := len(h.sessions.kept()); n != 0 || h.hub.Stats().Clients != 0 {
			t.Errorf("an empty session is one of %d", n)
		}
		was := tickOf(o)
		time.Sleep(59 * time.Second)
		g = visit(t, h, nil)
		g.sees()
		if g.state.Tick != was+1 {
			t.Errorf("tick %d became %d", was, g.state.Tick)
		}
		for _, p := range g.state.Players {
			if p.Kind == arena.Person {
				t.Errorf("%s is still there", p.Name)
			}
		}
		time.Sleep(2 * time.Minute) // with someone in it
		was = tickOf(h.sessions.kept()["lobby"].owner)
		if was < 3600 {
			t.Errorf("after two minutes it is tick %d", was)
		}
		g.conn.CloseNow()
		<-g.done
		time.Sleep(61 * time.Second)
		g = visit(t, h, nil)
		if g.sees(); g.state.Tick != 1 {
			t.Errorf("after a minute without anybody it went on at tick %d", g.state.Tick)
		}
		g.leaves()
	})
}

// Who says nothing of what they saw gets a state a second, and each is the
// newest.
func TestWhoDoesNotSayWhatTheySaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHouse(t, 1)
		early := visit(t, h, nil)
		time.Sleep(10 * time.Second) // so that a newcomer is not as old as the world
		g := visit(t, h, nil)
		g.sees()
		first := g.state.Tick
		for range window {
			g.sees()
		}
		if g.state.Tick != first+window {
			t.Errorf("the first %d states are of %d ticks", window, g.state.Tick-first)
		}
		for range 5 {
			last, began := g.state.Tick, time.Now()
			g.sees()
			if g.state.Tick-last != arena.Rate || time.Since(began) != time.Second.Truncate(tick) && time.Since(began) < 990*time.Millisecond {
				t.Errorf("%d ticks after the last one, %v later", g.state.Tick-last, time.Since(began))
			}
		}
		// Who says it again gets all again.
		g.says(codec.Inputs{Seen: g.state.Tick})
		g.sees()
		for range 20 {
			last := g.state.Tick
			g.sees()
			if g.state.Tick != last+1 {
				t.Errorf("tick %d, and then %d", last, g.state.Tick)
			}
		}
		g.leaves()
		early.conn.CloseNow()
	})
}

// A queue is a short one: who does not read holds up nobody, is not sent away,
// and sees what is now as soon as they read.
func TestASlowViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestHouse(t, 1)
		ada := visit(t, s, nil)
		ada.plays("Ada")
		slow := visit(t, s, &websocket.Options{WriteQueueMessages: 2, WriteTimeout: -1, PingInterval: -1})
		for range 4000 { // in which it lies about what it saw
			if ada.number%20 == 0 {
				slow.says(codec.Inputs{Seen: ada.state.Tick})
			}
			ada.wants(9)
			last := ada.state.Tick
			ada.sees()
			if ada.state.Tick != last+1 {
				t.Fatalf("Ada waited from tick %d to %d", last, ada.state.Tick)
			}
		}
		// What was under way comes first, and then what is now: nothing between.
		states, now := 0, ada.state.Tick
		for slow.state.Tick < now {
			last := slow.state.Tick
			slow.sees()
			states++
			if tick := slow.state.Tick; last > 0 && tick != last+1 && tick < now {
				t.Errorf("after tick %d came tick %d, though it was %d by then", last, tick, now)
			}
		}
		// 64 KiB are read ahead, and each pipe holds a few.
		if states > 3000 {
			t.Errorf("%d states of 4000 stood in line", states)
		}
		ada.seesUntil("as far as the slow one", func() bool { return ada.state.Tick >= slow.state.Tick })
		for slow.state.Tick < ada.state.Tick {
			slow.sees()
		}
		if *slow.state != *ada.state {
			t.Error("the slow one sees another world")
		}
		ada.leaves()
		slow.leaves()
	})
}

// publishedTick is a state as an outlet gets it.
func publishedTick(w *arena.World) *hub.Message {
	w.Step()
	return &hub.Message{Key: stateKey, Data: codec.AppendSnapshot(nil, w.State()), Binary: true}
}

// One message is made for all who have the same state.
func TestAMessageIsMadeOnce(t *testing.T) {
	w := arena.New(1)
	a, _ := frameFrom(nil, publishedTick(w))
	b, _ := frameFrom(nil, publishedTick(w))
	m := publishedTick(w)
	s, first := frameFrom(a, m)
	same, again := frameFrom(a, m)
	if s != same || first != again {
		t.Error("a message is made twice")
	}
	_, other := frameFrom(b, m)
	_, whole := frameFrom(nil, m)
	if other == first || whole == first || whole == other {
		t.Error("who has another state gets the same message")
	}
	for base, p := range map[*arena.State]*websocket.Prepared{a: first, b: other, new(arena.State): whole} {
		if got, err := codec.Apply(base, p.Payload()); err != nil || *got != *s {
			t.Errorf("from tick %d: %+v, %v", base.Tick, got, err)
		}
	}
	if s, _ := frameFrom(a, &hub.Message{Data: []byte("no state"), Key: stateKey}); s != nil {
		t.Errorf("%+v was made of no state", s)
	}
}

// Of states that wait together only the newest is sent, and what is for one
// viewer alone is not lost among them.
func TestABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := websocket.Pipe(nil, nil)
		defer client.CloseNow()
		defer server.CloseNow()
		o := newOutlet(server)
		w := arena.New(1)
		a, b, c, d := publishedTick(w), publishedTick(w), publishedTick(w), publishedTick(w)
		note := &hub.Message{Data: []byte("note"), Binary: true}
		if n, err := o.TrySend([]*hub.Message{a, b, note, c, d}); n != 5 || err != nil {
			t.Fatalf("%d were sent, %v", n, err)
		}
		s := new(arena.State)
		for _, tick := range []uint32{2, 0, 4} {
			_, p, err := client.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if tick == 0 {
				if string(p) != "note" {
					t.Errorf("got %q", p)
				}
			} else if s, err = codec.Apply(s, p); err != nil || s.Tick != tick {
				t.Errorf("want tick %d, got %+v, %v", tick, s, err)
			}
		}
	})
}

// While anything waits in a connection, nothing more is put there: states wait in
// the hub, where there is one of them.
func TestNothingIsSentBehindWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := websocket.Pipe(nil, &websocket.Options{WriteTimeout: -1, PingInterval: -1})
		defer client.CloseNow()
		defer server.CloseNow()
		o := newOutlet(server)
		w := arena.New(1)
		for range 100_000 {
			m := publishedTick(w)
			o.saw(w.State().Tick)
			waits := server.Stats().Queued > 0
			n, err := o.TrySend([]*hub.Message{m})
			if err != nil {
				t.Fatal(err)
			}
			if waits != (n == 0) {
				t.Fatalf("%d sent, although it waits: %v", n, waits)
			}
			if waits {
				return
			}
			synctest.Wait()
		}
		t.Error("a client that reads nothing takes everything")
	})
}

// Only an owner hears what members do.
func TestNobodyListensIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHouse(t, 1)
		_, server := websocket.Pipe(nil, nil)
		defer server.CloseNow()
		eve, err := h.hub.Connect(newOutlet(server), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer eve.Close()
		if _, err := eve.Join(t.Context(), doneIn("lobby"), nil); !errors.Is(err, errNotOwner) {
			t.Errorf("a viewer may listen: %v", err)
		}
		if _, err := eve.Publish(t.Context(), seenIn("lobby"), []byte("x"), nil); err == nil {
			t.Error("a viewer may say what is seen")
		}
		if _, err := eve.Publish(t.Context(), doneIn("lobby"), appendDeed(nil, 7, codec.Leave{}), nil); err == nil {
			t.Error("a viewer may say what others do")
		}
		// Nothing of what is published there is taken for more than it is.
		o := newOwner(h.hub, "lobby", 1)
		before := *o.world.State()
		n, err := inbox{o}.TrySend([]*hub.Message{
			{Data: []byte{}},
			{Data: []byte("\x01\x00\x00")},
			{Data: []byte("\x01\x00\x00\x00no message")},
		})
		if n != 3 || err != nil || *o.world.State() != before {
			t.Errorf("%d, %v, %+v", n, err, o.world.State())
		}
	})
}

// Who leaves has left, though the hub may have seen the end of the connection
// first.
func TestLeavingIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHouse(t, 1)
		_, server := websocket.Pipe(nil, nil)
		defer server.CloseNow()
		client, err := h.hub.Connect(newOutlet(server), nil)
		if err != nil {
			t.Fatal(err)
		}
		v := &viewer{hub: h.hub, session: "lobby", member: 7, client: client, out: newOutlet(server)}
		h.sessions.enter(v)
		defer h.sessions.leave(v)
		synctest.Wait() // until there is an owner
		people := func() (n int) {
			synctest.Wait()
			o := h.sessions.kept()["lobby"].owner
			o.mu.Lock()
			defer o.mu.Unlock()
			for _, p := range o.world.State().Players {
				if p.Kind == arena.Person {
					n++
				}
			}
			return n
		}
		if err := v.does(t.Context(), codec.Join{Name: "Ada"}); err != nil || people() != 1 {
			t.Fatalf("%d people, %v", people(), err)
		}
		client.Close()
		if err := v.does(t.Context(), codec.Leave{}); err != nil || people() != 0 {
			t.Errorf("%d people, %v", people(), err)
		}
	})
}

func TestRefusedNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := visit(t, newTestHouse(t, 1), nil)
		for name, why := range map[string]string{"": "empty", "a\nb": "U+000A", strings.Repeat("x", 65): "at most 64"} {
			g.says(codec.Join{Name: name})
			for {
				p := g.receives()
				if p[0] != 4 {
					continue // a state
				}
				if !strings.Contains(string(p[1:]), why) {
					t.Errorf("%q is refused with %q, want %q", name, p[1:], why)
				}
				break
			}
		}
		g.state = new(arena.State)
		g.conn.Close(t.Context(), websocket.StatusNormalClosure, "")
	})
}

func TestWhatIsNoMessageEndsTheConversation(t *testing.T) {
	for _, tt := range []struct {
		typ    websocket.MessageType
		p      string
		code   websocket.StatusCode
		reason string
	}{
		{websocket.MessageText, `{"type":"join"}`, websocket.StatusUnsupportedData, "text"},
		{websocket.MessageBinary, "", websocket.StatusPolicyViolation, "no such message"},
		{websocket.MessageBinary, "\x02\x00", websocket.StatusPolicyViolation, "ends too early"},
		{websocket.MessageBinary, "\x02\x00\x00\x00\x00\x01\x00\x00\x00\x7f", websocket.StatusPolicyViolation, "out of bounds"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newTestHouse(t, 1)
			ada, eve := visit(t, s, nil), visit(t, s, nil)
			eve.plays("Eve")
			eve.saysBytes(tt.typ, []byte(tt.p))
			eve.isClosed(tt.code, tt.reason)
			ada.seesUntil("Eve is gone", func() bool {
				for _, p := range ada.state.Players {
					if p.Kind == arena.Person {
						return false
					}
				}
				return true
			})
			ada.leaves()
		})
	}
}

// Who is away for a minute makes room.
func TestIdlePlayersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := visit(t, newTestHouse(t, 1), nil)
		g.plays("Ada")
		began := time.Now()
		for g.me() != nil && time.Since(began) < 2*time.Minute {
			g.wants(0)
			g.sees()
		}
		if took := time.Since(began); took < time.Minute || took > time.Minute+2*time.Second {
			t.Errorf("after %v, want a minute", took)
		}
		g.plays("Ada") // and may come back
		g.leaves()
	})
}

func TestAFullSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestHouse(t, 1)
		var all []*guest
		for range arena.Slots {
			g := visit(t, s, nil)
			g.plays("x")
			all = append(all, g)
		}
		ninth := visit(t, s, nil)
		ninth.says(codec.Join{Name: "Ninth"})
		for range 20 {
			ninth.sees()
		}
		if ninth.me() != nil {
			t.Error("nine play in eight slots")
		}
		all[3].leaves()
		ninth.says(codec.Inputs{Seen: ninth.state.Tick})
		ninth.plays("Ninth")
		for i, g := range append(all, ninth) {
			if i != 3 {
				g.leaves()
			}
		}
	})
}

// Who found a place before the switch and none after it is told so.
func TestNoMoreSeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(testHub(t, nil, rooms.Limits{Rooms: 1, Seats: 1}))
		ada := visit(t, h, nil)
		for _, session := range []string{"lobby", "another"} {
			client, server := websocket.Pipe(nil, nil)
			done := make(chan error, 1)
			go func() { done <- h.converse(t.Context(), server, session) }() // ends with the connection
			late := &guest{t: t, conn: client, done: done}
			late.isClosed(websocket.StatusTryAgainLater, "full")
		}
		if n := len(h.sessions.kept()); n != 1 {
			t.Errorf("%d sessions", n)
		}
		ada.sees()
		ada.leaves()
	})
}

// A server that ends ends its games: the hub's goodbye is told, and nothing goes
// on.
func TestClosingTheHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHouse(t, 1)
		g := visit(t, h, nil)
		g.plays("Ada")
		h.hub.Close()
		for {
			if _, _, err := g.conn.Read(t.Context()); err != nil {
				if code := websocket.CloseStatus(err); code != websocket.StatusGoingAway {
					t.Errorf("told %v, want 1001", err)
				}
				break
			}
		}
		if err := <-g.done; err != nil {
			t.Errorf("the end of the hub was taken for an error: %v", err)
		}
	})
}
