// Package arena is the game itself: players who glide over a floor and paint
// it. It has no clock, no input or output and no chance: the same seed and the
// same calls make the same world, on every machine.
package arena

// The game's numbers, in ticks and units.
const (
	PlayTime  = 60 * Rate // of a round
	BreakTime = 6 * Rate
	// Company is how many play at least: bots take the slots that are left.
	Company = 4
	// patience is how long a member may send nothing before their body stands
	// still by itself.
	patience = Rate / 2

	canEvery  = 3 * Rate
	canReach  = Unit
	canSplash = Unit * 3
	hitSplash = Unit * 5 / 2
	hitSpeed  = 620
	stunTime  = 20
)

// Backlog is how many inputs of a player wait at the most: those of a third of
// a second, after which they would not be theirs any more.
const Backlog = 10

// A World is one session's. It is for one goroutine at a time.
type World struct {
	state  State
	random random
	seats  [Slots]seat
}

// seat is what nobody sees of a player.
type seat struct {
	inputs []Input // to be carried out, of a person; at most Backlog
	last   uint32  // the number of the last of them
	credit int     // how many may be carried out that were not yet
	silent int     // for how many ticks there were none
	idle   int     // for how many ticks there was none but 0
	target int32   // the tile that a bot goes to
	until  uint32  // the tick at which it looks for another one
}

// New returns a world with nobody but bots in it, at the beginning of a round.
func New(seed uint32) *World {
	w := &World{random: random(seed | 1)}
	w.beginRound()
	w.fill()
	return w
}

// Continue returns the world that looks like s and goes on from there: what could not
// be seen of it, such as inputs that waited, is lost. seed is for what comes. s has
// to be valid.
func Continue(seed uint32, s *State) *World {
	w := &World{state: *s, random: random(seed | 1)}
	for i := range s.Players {
		w.seats[i].last = s.Players[i].Ack
	}
	return w
}

// State is what the world looks like now.
func (w *World) State() *State {
	s := w.state
	return &s
}

// Join gives the member a slot, and reports whether there was one. A bot makes
// room, and leaves what it painted. Who has a slot keeps it. The name has to be
// one that a [State] may have.
func (w *World) Join(member uint32, name string) bool {
	if w.slotOf(member) >= 0 {
		return true
	}
	i := w.first(Bot)
	if i < 0 {
		if i = w.first(Empty); i < 0 {
			return false
		}
		w.place(i)
	}
	body := w.state.Players[i].Body
	w.state.Players[i] = Player{Kind: Person, Member: member, Name: name, Body: body}
	w.seats[i] = seat{}
	w.fill()
	return true
}

// Leave takes the member's slot back.
func (w *World) Leave(member uint32) {
	if i := w.slotOf(member); i >= 0 {
		w.empty(i)
		w.fill()
	}
}

// Hear takes in what a member wants, of which first is the number. Inputs that came before are not taken
// again, and of more than [Backlog] the oldest are dropped.
func (w *World) Hear(member uint32, first uint32, inputs []Input) {
	i := w.slotOf(member)
	if i < 0 {
		return
	}
	s := &w.seats[i]
	for k, in := range inputs {
		number := first + uint32(k)
		if number <= s.last {
			continue
		}
		s.last = number
		if len(s.inputs) == Backlog {
			s.inputs = append(s.inputs[:0], s.inputs[1:]...)
		}
		s.inputs = append(s.inputs, in)
	}
}

// Idle is for how many ticks the member, who has a slot, did not want to move.
func (w *World) Idle(member uint32) int {
	if i := w.slotOf(member); i >= 0 {
		return w.seats[i].idle
	}
	return 0
}

// Step is one tick.
func (w *World) Step() {
	s := &w.state
	s.Tick++
	for i := range s.Players {
		switch s.Players[i].Kind {
		case Person:
			w.movePerson(i)
		case Bot:
			w.move(i, w.think(i))
		}
	}
	if s.Head.Phase == Play {
		w.collide()
		w.collect()
		if s.Tick%canEvery == 0 {
			w.dropCan()
		}
	}
	if s.Head.Left--; s.Head.Left > 0 {
		return
	}
	if s.Head.Phase == Play {
		w.endRound()
	} else {
		w.beginRound()
	}
}

// movePerson carries out the next input, and one more where inputs came late and
// then together: over time nobody moves more often than the world ticks. Without
// an input the body waits for it, since the one who predicts it does; after a
// while it slows down by itself.
func (w *World) movePerson(i int) {
	s := &w.seats[i]
	s.credit = min(s.credit+1, Backlog)
	n := min(len(s.inputs), 1)
	if len(s.inputs) > 2 {
		n = min(s.credit, 2)
	}
	s.idle++
	for _, in := range s.inputs[:n] {
		w.move(i, in)
		if in != 0 {
			s.idle = 0
		}
	}
	s.inputs = append(s.inputs[:0], s.inputs[n:]...)
	s.credit -= n
	w.state.Players[i].Ack = s.last - uint32(len(s.inputs))
	if n > 0 {
		s.silent = 0
	} else if s.silent++; s.silent > patience {
		s.credit = 0
		w.move(i, 0)
	}
}

func (w *World) move(i int, in Input) {
	if w.state.Head.Phase == Play {
		Move(&w.state.Players[i].Body, in, uint8(i+1), &w.state.Tiles)
	}
}

// collide keeps bodies apart. Who is hit by a dash is thrown, and the floor
// around them is the other's.
func (w *World) collide() {
	for i := range w.state.Players {
		for k := i + 1; k < Slots; k++ {
			a, b := &w.state.Players[i], &w.state.Players[k]
			if a.Kind == Empty || b.Kind == Empty || !touch(&a.Body, &b.Body) {
				continue
			}
			dashA, dashB := a.Body.Dash > 0, b.Body.Dash > 0
			part(&a.Body, &b.Body)
			if dashA && !dashB {
				w.hit(i, k)
			} else if dashB && !dashA {
				w.hit(k, i)
			}
		}
	}
}

func touch(a, b *Body) bool {
	dx, dy := b.X-a.X, b.Y-a.Y
	return dx*dx+dy*dy < 4*radius*radius
}

// part moves two bodies away from each other, along the axis on which they are
// further apart.
func part(a, b *Body) {
	dx, dy := b.X-a.X, b.Y-a.Y
	push := func(p, q *int32, d int32) {
		by := (2*radius - abs(d) + 3) / 4
		if d < 0 {
			by = -by
		}
		*p, _ = advance(*p, -by)
		*q, _ = advance(*q, by)
	}
	if abs(dx) >= abs(dy) {
		push(&a.X, &b.X, dx)
	} else {
		push(&a.Y, &b.Y, dy)
	}
}

func (w *World) hit(by, i int) {
	from, b := &w.state.Players[by].Body, &w.state.Players[i].Body
	if b.Stun > 0 {
		return
	}
	x, y := heading(from.Face)
	b.VX, b.VY = x*hitSpeed>>10, y*hitSpeed>>10
	b.Stun, b.Dash = stunTime, 0
	paintDisc(&w.state.Tiles, uint8(by+1), b.X, b.Y, hitSplash)
}

// collect opens the cans that somebody reached.
func (w *World) collect() {
	for c, at := range w.state.Head.Cans {
		if at == 0 {
			continue
		}
		x, y := middle(at - 1)
		for i := range w.state.Players {
			p := &w.state.Players[i]
			if dx, dy := p.Body.X-x, p.Body.Y-y; p.Kind != Empty && dx*dx+dy*dy < canReach*canReach {
				paintDisc(&w.state.Tiles, uint8(i+1), x, y, canSplash)
				w.state.Head.Cans[c] = 0
				break
			}
		}
	}
}

// dropCan puts a can where there is none, if there is room for one more.
func (w *World) dropCan() {
	at := w.random.below(Side*Side) + 1
	for c, taken := range w.state.Head.Cans {
		if taken == at {
			return
		}
		if taken == 0 {
			w.state.Head.Cans[c] = at
			return
		}
	}
}

// endRound finds who painted most.
func (w *World) endRound() {
	var painted [Slots + 1]int
	for _, slot := range w.state.Tiles {
		painted[slot]++
	}
	h := &w.state.Head
	h.Phase, h.Left, h.Winner, h.Cans = Break, BreakTime, 0, [Cans]int32{}
	most := 0
	for i := range w.state.Players {
		switch n := painted[i+1]; {
		case w.state.Players[i].Kind == Empty || n < most || n == 0:
		case n == most:
			h.Winner = 0
		default:
			most, h.Winner = n, int32(i+1)
		}
	}
	if h.Winner > 0 {
		w.state.Players[h.Winner-1].Wins++
	}
}

func (w *World) beginRound() {
	h := &w.state.Head
	h.Round++
	h.Phase, h.Left, h.Winner = Play, PlayTime, 0
	w.state.Tiles = Tiles{}
	for i := range w.state.Players {
		if w.state.Players[i].Kind != Empty {
			w.place(i)
		}
	}
}

// corners are the directions from the middle in which the slots begin: who comes
// next begins far from who came before.
var corners = [Slots]int32{5, 21, 13, 29, 1, 17, 9, 25}

// place puts the player of Players[i] where that slot begins.
func (w *World) place(i int) {
	x, y := heading(corners[i])
	w.state.Players[i].Body = Body{X: Extent/2 + x*8, Y: Extent/2 + y*8}
}

// fill lets bots come until there is company for everyone. They go when somebody
// takes their slot.
func (w *World) fill() {
	taken := 0
	for i := range w.state.Players {
		if w.state.Players[i].Kind != Empty {
			taken++
		}
	}
	for ; taken < Company; taken++ {
		w.place(w.addBot())
	}
}

func (w *World) addBot() int {
	i := w.first(Empty)
	w.state.Players[i] = Player{Kind: Bot, Name: pigments[i]}
	w.seats[i] = seat{}
	return i
}

// empty frees the slot of Players[i]. What was painted from it is nobody's, so
// that nobody inherits it.
func (w *World) empty(i int) {
	w.state.Players[i], w.seats[i] = Player{}, seat{}
	for k, slot := range w.state.Tiles {
		if slot == uint8(i+1) {
			w.state.Tiles[k] = 0
		}
	}
	if w.state.Head.Winner == int32(i+1) {
		w.state.Head.Winner = 0
	}
}

// slotOf is where in Players the member is, or -1.
func (w *World) slotOf(member uint32) int {
	for i := range w.state.Players {
		if p := &w.state.Players[i]; p.Kind == Person && p.Member == member {
			return i
		}
	}
	return -1
}

func (w *World) first(k Kind) int {
	for i := range w.state.Players {
		if w.state.Players[i].Kind == k {
			return i
		}
	}
	return -1
}

// middle is where the middle of a tile is.
func middle(tile int32) (x, y int32) {
	return tile%Side*Unit + Unit/2, tile/Side*Unit + Unit/2
}

func abs(v int32) int32 { return max(v, -v) }
