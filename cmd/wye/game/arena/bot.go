package arena

// pigments are what bots are called, by slot.
var pigments = [Slots]string{"Umber", "Ochre", "Sienna", "Indigo", "Madder", "Sepia", "Celadon", "Azurite"}

// think is what the bot of Players[i] wants at this tick: to go to a tile that
// it picked, and to dash when somebody is in its way.
func (w *World) think(i int) Input {
	s := &w.state
	b, seat := &s.Players[i].Body, &w.seats[i]
	if s.Tick >= seat.until || tileAt(b.X, b.Y) == seat.target {
		seat.target, seat.until = w.pick(i), s.Tick+45
	}
	x, y := middle(seat.target)
	in := Input(toward(x-b.X, y-b.Y))
	if b.Cool == 0 && s.Tick%8 == uint32(i) && w.inFront(i) && w.random.below(3) == 0 {
		in = Input(b.Face) | Dash
	}
	return in
}

// pick is the best of a few tiles: near, a can if there is one, not painted by
// the bot itself, rather somebody else's.
func (w *World) pick(i int) int32 {
	b := &w.state.Players[i].Body
	best, least := int32(0), int32(1<<30)
	for n := range int32(10) {
		tile := w.random.below(Side * Side)
		x, y := middle(tile)
		cost := abs(x-b.X) + abs(y-b.Y)
		if n < Cans && w.state.Head.Cans[n] > 0 {
			tile = w.state.Head.Cans[n] - 1
			x, y = middle(tile)
			cost = (abs(x-b.X) + abs(y-b.Y)) / 3
		} else {
			switch w.state.Tiles[tile] {
			case uint8(i + 1):
				cost += Extent
			case 0:
				cost += 2 * Unit
			}
		}
		if cost < least {
			best, least = tile, cost
		}
	}
	return best
}

// inFront reports whether somebody is where the bot of Players[i] faces, near
// enough for a dash.
func (w *World) inFront(i int) bool {
	b := &w.state.Players[i].Body
	for k := range w.state.Players {
		other := &w.state.Players[k]
		if k == i || other.Kind == Empty || other.Body.Stun > 0 {
			continue
		}
		dx, dy := other.Body.X-b.X, other.Body.Y-b.Y
		if dx*dx+dy*dy < 16*Unit*Unit && toward(dx, dy) == b.Face {
			return true
		}
	}
	return false
}

// toward is the direction that is nearest to a vector, of which neither side is
// longer than the floor.
func toward(dx, dy int32) int32 {
	best, most := int32(1), int32(-1<<31)
	for d := int32(1); d <= Directions; d++ {
		x, y := heading(d)
		if along := x*dx + y*dy; along > most {
			best, most = d, along
		}
	}
	return best
}
