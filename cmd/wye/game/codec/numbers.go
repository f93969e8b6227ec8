package codec

import "github.com/wye-org/wye/cmd/wye/game/arena"

// playerNumbers are what of a player is a number, in the order of the format.
func playerNumbers(p *arena.Player) [12]int32 {
	b := &p.Body
	return [...]int32{b.X, b.Y, b.VX, b.VY, b.Face, b.Dash, b.Cool, b.Stun, int32(p.Ack), p.Wins, int32(p.Member), int32(p.Kind)}
}

func setPlayerNumbers(p *arena.Player, n [12]int32) {
	p.Body = arena.Body{X: n[0], Y: n[1], VX: n[2], VY: n[3], Face: n[4], Dash: n[5], Cool: n[6], Stun: n[7]}
	p.Ack, p.Wins, p.Member, p.Kind = uint32(n[8]), n[9], uint32(n[10]), arena.Kind(n[11])
}

// headNumbers are the head's, in the order of the format.
func headNumbers(h *arena.Head) [7]int32 {
	return [...]int32{h.Round, int32(h.Phase), h.Left, h.Winner, h.Cans[0], h.Cans[1], h.Cans[2]}
}

func setHeadNumbers(h *arena.Head, n [7]int32) {
	*h = arena.Head{Round: n[0], Phase: arena.Phase(n[1]), Left: n[2], Winner: n[3], Cans: [...]int32{n[4], n[5], n[6]}}
}
