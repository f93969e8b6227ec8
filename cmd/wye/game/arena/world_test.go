package arena

import (
	"fmt"
	"hash/fnv"
	"slices"
	"testing"
)

// step ticks n times.
func (w *World) steps(n int) {
	for range n {
		w.Step()
	}
}

// person is where the member is in a world.
func person(t *testing.T, w *World, member uint32) *Player {
	t.Helper()
	i := w.slotOf(member)
	if i < 0 {
		t.Fatalf("member %d has no slot", member)
	}
	return &w.state.Players[i]
}

func count(w *World, k Kind) (n int) {
	for i := range w.state.Players {
		if w.state.Players[i].Kind == k {
			n++
		}
	}
	return n
}

func painted(w *World, slot int) (n int) {
	for _, s := range w.state.Tiles {
		if int(s) == slot {
			n++
		}
	}
	return n
}

// alone is a world with one person in it and no bots.
func alone() (*World, *Player) {
	w := New(1)
	w.Join(7, "Ada")
	for i := range w.state.Players {
		if w.state.Players[i].Kind == Bot {
			w.empty(i)
		}
	}
	w.state.Tiles = Tiles{}
	i := w.slotOf(7)
	w.state.Players[i].Body = Body{X: Extent / 2, Y: Extent / 2}
	return w, &w.state.Players[i]
}

// script does the same things at the same ticks each time.
func script(seed uint32, ticks int) *World {
	w := New(seed)
	for i := range ticks {
		switch i {
		case 20:
			w.Join(1, "Ada")
		case 200:
			w.Join(2, "Bob")
		case 900:
			w.Leave(1)
		case 1500:
			w.Join(3, "Grace")
		}
		in := Input(1 + i/7%Directions)
		if i%50 == 0 {
			in |= Dash
		}
		for m := uint32(1); m <= 3; m++ {
			w.Hear(m, uint32(i+1), []Input{in})
		}
		w.Step()
		if !w.state.Valid() {
			panic(fmt.Sprintf("tick %d: %+v", i, w.state))
		}
	}
	return w
}

func TestTheSameInputsMakeTheSameWorld(t *testing.T) {
	a, b := script(42, 5000), script(42, 5000)
	if a.state != b.state {
		t.Error("two worlds with the same seed and inputs differ")
	}
	if c := script(44, 5000); c.state == a.state {
		t.Error("the seed changes nothing")
	}
	// On every machine: change this with the rules of the game, and with
	// nothing else.
	sum := fnv.New32a()
	fmt.Fprintf(sum, "%+v", a.state)
	if got := sum.Sum32(); got != golden {
		t.Errorf("the world is %#x, was %#x", got, golden)
	}
}

const golden uint32 = 0xd308f60d

func TestPeopleAndBots(t *testing.T) {
	w := New(1)
	for n := range Slots + 1 {
		if n <= Slots && count(w, Person) != n {
			t.Fatalf("%d came, %d are here", n, count(w, Person))
		}
		if got, want := count(w, Bot), max(0, Company-n); got != want {
			t.Errorf("%d bots beside %d people, want %d", got, n, want)
		}
		if took := w.Join(uint32(n+1), fmt.Sprint(n)); took != (n < Slots) {
			t.Errorf("person %d of %d: %v", n+1, Slots, took)
		}
	}
	if !w.Join(3, "again") || person(t, w, 3).Name != "2" || count(w, Person) != Slots {
		t.Error("a member has two slots, or lost the one they had")
	}
	for n := Slots; n > 0; n-- {
		w.Leave(uint32(n))
		if got, want := count(w, Bot), max(0, Company-n+1); got != want || count(w, Person) != n-1 {
			t.Errorf("%d people and %d bots after %d left", count(w, Person), got, n)
		}
	}
	w.Leave(99) // who is not here
}

// A world that is continued looks the same, and takes no input twice.
func TestContinue(t *testing.T) {
	w := New(1)
	w.Join(7, "Ada")
	w.Hear(7, 1, []Input{5, 5, 5})
	w.steps(100)
	next := Continue(9, w.State())
	if *next.State() != *w.State() {
		t.Error("it looks different")
	}
	next.Hear(7, 1, []Input{20, 20, 20})
	if n := len(next.seats[next.slotOf(7)].inputs); n != 0 {
		t.Errorf("%d old inputs are taken again", n)
	}
	next.Hear(7, 4, []Input{20})
	next.steps(1)
	if p := person(t, next, 7); p.Ack != 4 || p.Body.Face != 20 {
		t.Errorf("the next input made %+v", p)
	}
	w.steps(1)
	if *next.State() == *w.State() {
		t.Error("they share something")
	}
}

// Who takes over a bot's slot is where the bot was, with its paint; what
// somebody painted goes with them.
func TestSlotsChangeHands(t *testing.T) {
	w := New(1)
	w.steps(100)
	bot, paint := w.state.Players[0].Body, painted(w, 1)
	w.Join(7, "Ada")
	if p := person(t, w, 7); p != &w.state.Players[0] || p.Body != bot || painted(w, 1) != paint || paint == 0 {
		t.Errorf("Ada took over %+v, with %d tiles; the bot was %+v, with %d", p, painted(w, 1), bot, paint)
	}
	w.Leave(7)
	if painted(w, 1) != 0 || w.state.Players[0].Kind != Bot || w.state.Players[0].Wins != 0 {
		t.Errorf("after Ada: %+v, with %d tiles", w.state.Players[0], painted(w, 1))
	}
}

func TestInputsAreTakenOnceAndInOrder(t *testing.T) {
	w, p := alone()
	w.Hear(7, 1, []Input{1, 1})
	w.Hear(7, 2, []Input{9, 9}) // 2 again, and 3
	w.Step()
	if p.Ack != 1 || p.Body.VX <= 0 || p.Body.VY != 0 {
		t.Errorf("after input 1: %+v", p)
	}
	w.steps(2)
	if p.Ack != 3 || p.Body.Face != 9 {
		t.Errorf("after input 3: %+v", p)
	}
	x := p.Body.X
	w.Hear(7, 1, []Input{17, 17, 17})
	w.Step()
	if p.Ack != 3 || p.Body.X != x {
		t.Errorf("inputs were carried out twice: %+v", p)
	}
	w.Hear(8, 1, []Input{1}) // of nobody
}

// Nobody moves faster by sending more, and what waits has an end.
func TestInputsAreCarriedOutAtTheRateOfTicks(t *testing.T) {
	run := func(inputs uint32) int32 {
		w, p := alone()
		p.Body.X = margin
		for i := range uint32(60) {
			for k := range inputs {
				w.Hear(7, i*inputs+k+1, []Input{1})
			}
			if n := len(w.seats[0].inputs); n > Backlog {
				t.Fatalf("%d inputs wait", n)
			}
			ack := p.Ack
			w.Step()
			if p.Ack < ack {
				t.Fatalf("the acknowledgement went back from %d to %d", ack, p.Ack)
			}
		}
		return p.Body.X
	}
	if one, three := run(1), run(3); one != three || one < 10*Unit {
		t.Errorf("in two seconds to %d with an input a tick, to %d with three", one, three)
	}
}

// Inputs that came late and then together are carried out faster than one a
// tick, up to what was missed.
func TestCatchingUp(t *testing.T) {
	w, p := alone()
	w.steps(4) // nothing came
	w.Hear(7, 1, []Input{1, 1, 1, 1, 1, 1, 1, 1})
	var acks []uint32
	for range 6 {
		w.Step()
		acks = append(acks, p.Ack)
	}
	if want := []uint32{2, 4, 6, 7, 8, 8}; !slices.Equal(acks, want) {
		t.Errorf("after each tick %v were carried out, want %v", acks, want)
	}

	// What was missed long ago is gone: the body slowed down meanwhile.
	w, p = alone()
	w.steps(patience + 20)
	w.Hear(7, 1, []Input{1, 1, 1, 1, 1, 1, 1, 1})
	w.steps(4)
	if p.Ack != 4 {
		t.Errorf("after four ticks %d inputs are carried out", p.Ack)
	}
}

func TestWhoSendsNothingSlowsDown(t *testing.T) {
	w, p := alone()
	for i := range uint32(30) {
		w.Hear(7, i+1, []Input{1})
		w.Step()
	}
	moving := p.Body
	w.steps(patience)
	if p.Body != moving || moving.VX == 0 {
		t.Errorf("without an input the body went from %+v to %+v", moving, p.Body)
	}
	w.steps(60)
	if p.Body.X <= moving.X || p.Body.VX > 8 || p.Ack != 30 {
		t.Errorf("a second later the body is %+v, after input %d", p.Body, p.Ack)
	}
}

func TestIdle(t *testing.T) {
	w, _ := alone()
	for i := range uint32(50) {
		w.Hear(7, i+1, []Input{0})
		w.Step()
	}
	if got := w.Idle(7); got != 50 {
		t.Errorf("idle for %d ticks, want 50", got)
	}
	w.Hear(7, 51, []Input{1})
	w.Step()
	if got := w.Idle(7); got != 0 {
		t.Errorf("idle for %d ticks after an input", got)
	}
	if w.Idle(8) != 0 {
		t.Error("who is not here is idle")
	}
}

func TestADash(t *testing.T) {
	w, p := alone()
	var number uint32
	do := func(in Input) {
		number++
		w.Hear(7, number, []Input{in})
		w.Step()
	}
	do(Dash) // without a direction there is nowhere to
	if p.Body.Dash != 0 || p.Body.Cool != 0 {
		t.Errorf("a dash to nowhere: %+v", p.Body)
	}
	for range 20 {
		do(1)
	}
	slow := p.Body.VX
	do(1 | Dash)
	if p.Body.VX < 2*slow || p.Body.Dash != dashTime-1 || p.Body.Cool != coolTime {
		t.Errorf("a dash: %+v, after a velocity of %d", p.Body, slow)
	}
	if wide := w.state.Tiles[tileAt(p.Body.X, p.Body.Y-Unit)]; wide != 1 {
		t.Error("a dash paints no wider than a step")
	}
	for range coolTime - 1 {
		do(17 | Dash)
		if p.Body.Cool == coolTime {
			t.Fatal("a second dash came too early")
		}
	}
	do(17 | Dash)
	if p.Body.Cool != coolTime || p.Body.Dash == 0 {
		t.Errorf("the second dash: %+v", p.Body)
	}
}

func TestPaint(t *testing.T) {
	top := func(floor uint8) int32 {
		w, p := alone()
		for i := range w.state.Tiles {
			w.state.Tiles[i] = floor
		}
		for i := range uint32(25) {
			w.Hear(7, i+1, []Input{1})
			w.Step()
		}
		return p.Body.VX
	}
	if nobody, own, other := top(0), top(1), top(2); own <= nobody || nobody <= other || other <= 0 {
		t.Errorf("on nobody's paint %d, on one's own %d, on another's %d", nobody, own, other)
	}
	w, p := alone()
	w.Hear(7, 1, []Input{9})
	w.Step()
	if w.state.Tiles[tileAt(p.Body.X, p.Body.Y)] != 1 || painted(w, 1) != 4 {
		t.Errorf("%d tiles are painted around %+v", painted(w, 1), p.Body)
	}
}

func TestWalls(t *testing.T) {
	for _, d := range []Input{1, 5, 9, 13, 17, 21, 25, 29} {
		w, p := alone()
		for i := range uint32(400) {
			in := d
			if i%80 == 0 {
				in |= Dash
			}
			w.Hear(7, i+1, []Input{in})
			w.Step()
		}
		x, y := heading(d.Direction())
		for _, axis := range []struct{ at, v, way int32 }{{p.Body.X, p.Body.VX, x}, {p.Body.Y, p.Body.VY, y}} {
			want := axis.at
			switch {
			case axis.way > 0:
				want = Extent - 1 - margin
			case axis.way < 0:
				want = margin
			}
			if axis.at != want || axis.way != 0 && axis.v != 0 {
				t.Errorf("direction %d ends at %+v", d, p.Body)
			}
		}
	}
}

// two is a world with Ada at the middle and Bob to the right of her.
func two(apart int32) (w *World, ada, bob *Player) {
	w, ada = alone()
	w.Join(8, "Bob")
	for i := range w.state.Players {
		if w.state.Players[i].Kind == Bot {
			w.empty(i)
		}
	}
	bob = &w.state.Players[w.slotOf(8)]
	bob.Body = ada.Body
	bob.Body.X += apart
	return w, ada, bob
}

func TestBodiesKeepApart(t *testing.T) {
	for _, apart := range []int32{0, 1, -1, 500, -500} {
		w, ada, bob := two(apart)
		w.steps(30)
		if touch(&ada.Body, &bob.Body) {
			t.Errorf("%d apart: %+v and %+v", apart, ada.Body, bob.Body)
		}
		if ada.Body.Stun+bob.Body.Stun != 0 {
			t.Error("a touch is a hit")
		}
	}
}

func TestAHit(t *testing.T) {
	w, ada, bob := two(3 * Unit)
	at := bob.Body
	for i := range uint32(12) {
		w.Hear(7, i+1, []Input{1 | Dash})
		w.Hear(8, i+1, []Input{0})
		w.Step()
	}
	if bob.Body.Stun == 0 || bob.Body.X <= at.X || ada.Body.Stun != 0 {
		t.Errorf("Ada %+v hit Bob, who was %+v and is %+v", ada.Body, at, bob.Body)
	}
	if painted(w, 1) < 15 {
		t.Errorf("the splash has %d tiles", painted(w, 1))
	}
	// Who was hit cannot steer, and cannot be hit again at once.
	stun := bob.Body.Stun
	w.Hear(8, 13, []Input{17 | Dash})
	w.Step()
	if bob.Body.Dash != 0 || bob.Body.Face == 17 || bob.Body.Stun != stun-1 {
		t.Errorf("Bob steers: %+v", bob.Body)
	}
	w.hit(0, 1)
	if bob.Body.Stun != stun-1 {
		t.Error("a second hit")
	}

	// Two who dash into each other only part.
	w, ada, bob = two(3 * Unit)
	for i := range uint32(12) {
		w.Hear(7, i+1, []Input{1 | Dash})
		w.Hear(8, i+1, []Input{17 | Dash})
		w.Step()
	}
	if ada.Body.Stun != 0 || bob.Body.Stun != 0 {
		t.Errorf("%+v and %+v", ada.Body, bob.Body)
	}
}

func TestCans(t *testing.T) {
	w, p := alone()
	w.steps(10 * canEvery)
	for _, at := range w.state.Head.Cans {
		if at == 0 {
			t.Errorf("cans: %v", w.state.Head.Cans)
		}
	}
	w.state.Tiles = Tiles{}
	x, y := middle(w.state.Head.Cans[1] - 1)
	p.Body.X, p.Body.Y = clamp(x, margin, Extent-1-margin), clamp(y, margin, Extent-1-margin)
	w.Step()
	if w.state.Head.Cans[1] != 0 || painted(w, 1) < 9 {
		t.Errorf("the can at %d,%d: %v, %d tiles", x, y, w.state.Head.Cans, painted(w, 1))
	}
}

func TestRounds(t *testing.T) {
	w, p := alone()
	w.Hear(7, 1, []Input{1})
	for n := PlayTime; n > 0; n-- {
		if h := w.state.Head; h.Phase != Play || h.Round != 1 || int(h.Left) != n {
			t.Fatalf("with %d ticks left: %+v", n, h)
		}
		w.Step()
	}
	if h := w.state.Head; h.Phase != Break || h.Winner != 1 || h.Left != BreakTime || p.Wins != 1 || h.Cans != [Cans]int32{} {
		t.Fatalf("after the round: %+v, %+v", h, p)
	}
	// The result stands still, though inputs are taken.
	body, tiles := p.Body, w.state.Tiles
	w.Hear(7, 2, []Input{1 | Dash, 1})
	w.steps(BreakTime - 1)
	if p.Body != body || w.state.Tiles != tiles || p.Ack != 3 {
		t.Errorf("in the break %+v became %+v, %d inputs are acknowledged", body, p.Body, p.Ack)
	}
	w.Step()
	if h := w.state.Head; h.Phase != Play || h.Round != 2 || h.Left != PlayTime || h.Winner != 0 || painted(w, 1) != 0 || p.Wins != 1 {
		t.Errorf("the next round: %+v", h)
	}
}

func TestADraw(t *testing.T) {
	w, ada, bob := two(8 * Unit)
	w.state.Tiles = Tiles{1, 1, 2, 2}
	w.endRound()
	if w.state.Head.Winner != 0 || ada.Wins+bob.Wins != 0 {
		t.Errorf("%+v", w.state.Head)
	}
	w.state.Tiles = Tiles{1, 1, 2, 2, 2}
	w.endRound()
	if w.state.Head.Winner != 2 || bob.Wins != 1 {
		t.Errorf("%+v", w.state.Head)
	}
	w.Leave(8)
	if w.state.Head.Winner != 0 {
		t.Error("an empty slot has won")
	}
	w.state.Tiles = Tiles{}
	w.endRound()
	if w.state.Head.Winner != 0 {
		t.Error("who painted nothing has won")
	}
}

// Bots are worth playing against: they paint, each about as much as the others.
func TestBotsPaint(t *testing.T) {
	w := New(3)
	w.steps(PlayTime - 1)
	for slot := 1; slot <= Company; slot++ {
		if n := painted(w, slot); n < len(w.state.Tiles)/12 {
			t.Errorf("%s has painted %d tiles of %d", w.state.Players[slot-1].Name, n, len(w.state.Tiles))
		}
	}
}

func TestStateIsAPicture(t *testing.T) {
	w := New(1)
	s := w.State()
	before := *s
	w.steps(50)
	if *s != before {
		t.Error("a state changed after it was taken")
	}
}

// The circle of directions is one.
func TestHeadings(t *testing.T) {
	for d := int32(1); d <= Directions; d++ {
		x, y := heading(d)
		if n := x*x + y*y; n < 1022*1022 || n > 1026*1026 {
			t.Errorf("direction %d is %d,%d", d, x, y)
		}
		if got := toward(x*20, y*20); got != d {
			t.Errorf("toward %d,%d is %d, want %d", x, y, got, d)
		}
	}
	if x, y := heading(9); x != 0 || y != 1024 {
		t.Errorf("direction 9 is %d,%d, want down", x, y)
	}
}
