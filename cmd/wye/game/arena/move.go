package arena

// How a body moves, in units, ticks and units a tick. The page moves it by the
// same numbers, game-move.js: what it predicts is then what happens.
const (
	radius    = Unit * 9 / 20 // of a body, for others
	margin    = Unit * 7 / 10 // how near its middle comes to a wall
	ahead     = Unit * 4 / 5  // how far ahead the floor is felt
	speed     = 240           // on a floor that nobody painted
	speedOwn  = 300
	speedOnto = 165 // on what others painted
	speedDash = 680
	dashTime  = 7
	coolTime  = 75
	brush     = Unit * 9 / 20 // half the edge of what is painted
	brushDash = Unit * 6 / 5
)

// compass has the cosine of each direction, in 1/1024. The sine is a quarter of
// a circle behind.
var compass = [Directions]int32{
	1024, 1004, 946, 851, 724, 569, 392, 200, 0, -200, -392, -569, -724, -851, -946, -1004,
	-1024, -1004, -946, -851, -724, -569, -392, -200, 0, 200, 392, 569, 724, 851, 946, 1004,
}

// heading is the direction as a vector of length 1024. d is from 1.
func heading(d int32) (x, y int32) {
	return compass[(d-1)%Directions], compass[(d-1+Directions*3/4)%Directions]
}

// Move carries out one input of the player in slot: it moves b for a tick, and
// paints.
func Move(b *Body, in Input, slot uint8, tiles *Tiles) {
	d := in.Direction()
	if b.Stun > 0 {
		d, in = 0, 0
		b.Stun--
	}
	if b.Cool > 0 {
		b.Cool--
	}
	if d > 0 {
		b.Face = d
	}
	if in&Dash != 0 && b.Cool == 0 && b.Face > 0 {
		b.Dash, b.Cool = dashTime, coolTime
	}
	steer(b, d, slot, tiles)
	b.X, b.VX = advance(b.X, b.VX)
	b.Y, b.VY = advance(b.Y, b.VY)

	half := int32(brush)
	if b.Dash > 0 {
		b.Dash--
		half = brushDash
	}
	paintSquare(tiles, slot, b.X, b.Y, half)
}

// steer changes the velocity.
func steer(b *Body, d int32, slot uint8, tiles *Tiles) {
	switch {
	case b.Dash > 0:
		x, y := heading(b.Face)
		b.VX, b.VY = x*speedDash>>10, y*speedDash>>10
	case d == 0:
		b.VX -= b.VX >> 3
		b.VY -= b.VY >> 3
	default:
		x, y := heading(d)
		top := int32(speed)
		switch tiles[tileAt(b.X+x*ahead>>10, b.Y+y*ahead>>10)] {
		case 0:
		case slot:
			top = speedOwn
		default:
			top = speedOnto
		}
		b.VX += (x*top>>10 - b.VX) >> 2
		b.VY += (y*top>>10 - b.VY) >> 2
	}
}

// advance moves one coordinate. A wall ends the movement.
func advance(at, v int32) (int32, int32) {
	at += v
	if walled := clamp(at, margin, Extent-1-margin); walled != at {
		return walled, 0
	}
	return at, v
}

// tileAt is the tile at a point, or the nearest one.
func tileAt(x, y int32) int32 {
	return clamp(y, 0, Extent-1)/Unit*Side + clamp(x, 0, Extent-1)/Unit
}

// paintSquare paints what a square touches.
func paintSquare(tiles *Tiles, slot uint8, x, y, half int32) {
	from, to := tileAt(x-half, y-half), tileAt(x+half, y+half)
	for line := from / Side; line <= to/Side; line++ {
		for column := from % Side; column <= to%Side; column++ {
			tiles[line*Side+column] = slot
		}
	}
}

// paintDisc paints the tiles whose middle is within r of a point.
func paintDisc(tiles *Tiles, slot uint8, x, y, r int32) {
	for i := range int32(len(tiles)) {
		dx, dy := i%Side*Unit+Unit/2-x, i/Side*Unit+Unit/2-y
		if dx*dx+dy*dy <= r*r {
			tiles[i] = slot
		}
	}
}

func clamp(v, least, most int32) int32 { return max(least, min(v, most)) }
