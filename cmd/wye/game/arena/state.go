package arena

import "unicode/utf8"

// How large and how fast everything is.
const (
	Side    = 24   // tiles from one wall to the other
	Unit    = 1024 // units of position in a tile
	Extent  = Side * Unit
	Slots   = 8  // players at a time, numbered from 1
	Cans    = 3  // cans of paint at a time
	MaxName = 64 // bytes of a name
	Rate    = 30 // ticks a second
)

// State is all that is seen of a session at one tick. It is a value: two that
// are equal by == look the same, and one that was handed on is not changed.
// Its zero value is what a client has that has seen nothing.
type State struct {
	Tick    uint32
	Head    Head
	Players [Slots]Player // the player in slot n is Players[n-1]
	Tiles   Tiles
}

// Head is the state of the round.
type Head struct {
	Round  int32
	Phase  Phase
	Left   int32       // ticks until the phase ends
	Winner int32       // after a round: the slot that won; 0: nobody did
	Cans   [Cans]int32 // the tile of each can, counted from 1; 0: none
}

// Phase says what a session is doing.
type Phase int32

// The phases. Each leads to the other when its time is over.
const (
	Break Phase = iota // the result is shown, nobody moves
	Play
)

// Tiles has the slot that each tile was painted by last, line by line; 0 is
// nobody.
type Tiles [Side * Side]uint8

// Kind says who is in a slot.
type Kind int32

// The kinds. An empty slot is the zero [Player].
const (
	Empty Kind = iota
	Person
	Bot
)

// Player is who is in a slot.
type Player struct {
	Kind   Kind
	Member uint32 // whose it is; 0: a bot's
	Name   string // 1 to MaxName bytes of UTF-8
	Ack    uint32 // the last of the member's inputs that is in this state
	Wins   int32  // rounds won since they came
	Body   Body
}

// Body is where a player is and how they move. Positions are in units from the
// top left corner, velocities in units a tick, times in ticks.
type Body struct {
	X, Y   int32
	VX, VY int32
	Face   int32 // the direction last steered to, 1 to 32 clockwise from the right; 0: none yet
	Dash   int32 // how long the dash goes on
	Cool   int32 // how long until the next dash
	Stun   int32 // how long the player cannot steer
}

// Input is what a player wants to do at one tick: a direction from 1 to 32,
// clockwise from the right, or 0 for none, and [Dash].
type Input uint8

// Directions is how many there are, so far apart that they make a circle.
const Directions = 32

// Dash is the bit of an Input that asks for a dash.
const Dash Input = 1 << 7

// Direction is where in steers to.
func (in Input) Direction() int32 { return int32(in &^ Dash) }

// Valid reports whether there may be such a state.
func (s *State) Valid() bool {
	h := &s.Head
	if h.Phase != Break && h.Phase != Play || h.Winner < 0 || h.Winner > Slots {
		return false
	}
	for _, at := range h.Cans {
		if at < 0 || at > Side*Side {
			return false
		}
	}
	for i := range s.Players {
		if !s.Players[i].valid() {
			return false
		}
	}
	for _, slot := range s.Tiles {
		if slot > Slots {
			return false
		}
	}
	return true
}

func (p *Player) valid() bool {
	b := &p.Body
	switch {
	case p.Kind == Empty:
		return *p == (Player{})
	case p.Kind != Person && p.Kind != Bot,
		p.Name == "", len(p.Name) > MaxName, !utf8.ValidString(p.Name),
		b.X < 0, b.X >= Extent, b.Y < 0, b.Y >= Extent,
		b.Face < 0, b.Face > Directions:
		return false
	}
	return true
}
