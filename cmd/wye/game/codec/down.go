// Package codec is the wire format of the game, which docs/game.md describes:
// the messages both ways, and what is in them of a state.
package codec

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/wye-org/wye/cmd/wye/game/arena"
)

// Version is the format's, told in the [Hello]. A client that does not know it
// must not go on.
const Version = 1

// The first byte of a message from the server.
const (
	kindHello    = 1
	kindSnapshot = 2 // a state by itself
	kindDelta    = 3 // a state by what is different from an earlier one
	kindRefusal  = 4
)

// MaxFrame is the longest snapshot or delta, in bytes.
const MaxFrame = 9 + // kind, tick, base's tick
	1 + (4+arena.Cans)*5 + // head
	1 + arena.Slots*(2+12*5+1+arena.MaxName) + // players
	2 + arena.Side*arena.Side*(1+1+1) // runs of tiles: at the most one a tile

// nameChanged is the bit of a player's mask that stands for the name, above
// those of the numbers.
const nameChanged = 1 << 12

// Errors of a message that cannot be understood or applied.
var (
	ErrShort  = errors.New("codec: the message ends too early")
	ErrLong   = errors.New("codec: the message goes on after its end")
	ErrKind   = errors.New("codec: no such message")
	ErrNumber = errors.New("codec: a number out of bounds")
	ErrState  = errors.New("codec: no session looks like this")
	// ErrBase: the delta is to another state than the one that it was applied
	// to.
	ErrBase = errors.New("codec: a delta to another state")
)

// AppendSnapshot appends s to dst as a message that needs no other.
func AppendSnapshot(dst []byte, s *arena.State) []byte {
	dst = append(dst, kindSnapshot)
	dst = binary.LittleEndian.AppendUint32(dst, s.Tick)
	return appendChanges(dst, new(arena.State), s)
}

// AppendDelta appends to dst the message that makes next of base.
func AppendDelta(dst []byte, base, next *arena.State) []byte {
	dst = append(dst, kindDelta)
	dst = binary.LittleEndian.AppendUint32(dst, next.Tick)
	dst = binary.LittleEndian.AppendUint32(dst, base.Tick)
	return appendChanges(dst, base, next)
}

// Apply returns the state that a snapshot or a delta makes of base, which is
// not changed. Whatever the bytes are, it does not panic, and what it returns
// without an error is a state that a session may have.
func Apply(base *arena.State, message []byte) (*arena.State, error) {
	r := reader{rest: message}
	kind, tick := r.byte(), r.uint32()
	var next arena.State
	switch kind {
	case kindSnapshot:
	case kindDelta:
		if r.uint32() != base.Tick && r.err == nil {
			return nil, ErrBase
		}
		next = *base
	default:
		return nil, ErrKind
	}
	next.Tick = tick
	r.changes(&next)
	if err := r.end(); err != nil {
		return nil, err
	}
	if !next.Valid() {
		return nil, ErrState
	}
	return &next, nil
}

func appendChanges(dst []byte, base, next *arena.State) []byte {
	was, is := headNumbers(&base.Head), headNumbers(&next.Head)
	mask := changed(was[:], is[:])
	dst = appendNumbers(append(dst, byte(mask)), mask, was[:], is[:])

	at := len(dst)
	dst = append(dst, 0) // the slots that follow, as they turn out
	for i := range next.Players {
		if base.Players[i] != next.Players[i] {
			dst[at] |= 1 << i
			dst = appendPlayer(dst, &base.Players[i], &next.Players[i])
		}
	}
	return appendTiles(dst, &base.Tiles, &next.Tiles)
}

func appendPlayer(dst []byte, base, next *arena.Player) []byte {
	was, is := playerNumbers(base), playerNumbers(next)
	mask := changed(was[:], is[:])
	if base.Name != next.Name {
		mask |= nameChanged
	}
	dst = binary.LittleEndian.AppendUint16(dst, mask)
	dst = appendNumbers(dst, mask, was[:], is[:])
	if mask&nameChanged != 0 {
		dst = append(append(dst, byte(len(next.Name))), next.Name...)
	}
	return dst
}

// changed has the bit i for each number i that is not what it was.
func changed(was, is []int32) (mask uint16) {
	for i := range is {
		if was[i] != is[i] {
			mask |= 1 << i
		}
	}
	return mask
}

// appendNumbers appends how far those of mask went. The difference of two int32
// is one too, modulo 2^32; zigzag makes a small one short, whatever its sign.
func appendNumbers(dst []byte, mask uint16, was, is []int32) []byte {
	for i := range is {
		if mask&(1<<i) != 0 {
			d := is[i] - was[i]
			dst = binary.AppendUvarint(dst, uint64(uint32(d<<1)^uint32(d>>31)))
		}
	}
	return dst
}

// appendTiles appends runs of neighbours that were painted by the same slot,
// each behind the number of tiles that stayed as they were, and 0 in the place
// of a length at the end.
func appendTiles(dst []byte, was, is *arena.Tiles) []byte {
	for i, from := 0, 0; i < len(is); {
		if was[i] == is[i] {
			i++
			continue
		}
		n := 1
		for i+n < len(is) && was[i+n] != is[i+n] && is[i+n] == is[i] {
			n++
		}
		dst = binary.AppendUvarint(dst, uint64(n))
		dst = binary.AppendUvarint(dst, uint64(i-from))
		dst = append(dst, is[i])
		i += n
		from = i
	}
	return append(dst, 0)
}

// changes reads what appendChanges wrote, into s.
func (r *reader) changes(s *arena.State) {
	n := headNumbers(&s.Head)
	if mask := r.byte(); mask>>len(n) != 0 {
		r.fail(ErrNumber)
	} else {
		r.numbers(uint16(mask), n[:])
	}
	setHeadNumbers(&s.Head, n)
	for slots := r.byte(); slots != 0 && r.err == nil; slots &= slots - 1 {
		r.player(&s.Players[bits.TrailingZeros8(slots)])
	}
	r.tiles(&s.Tiles)
}

func (r *reader) player(p *arena.Player) {
	mask := r.uint16()
	if mask >= nameChanged<<1 {
		r.fail(ErrNumber)
		return
	}
	n := playerNumbers(p)
	r.numbers(mask, n[:])
	setPlayerNumbers(p, n)
	if mask&nameChanged != 0 {
		p.Name = string(r.take(int(r.byte())))
	}
}

func (r *reader) numbers(mask uint16, n []int32) {
	for i := range n {
		if mask&(1<<i) != 0 {
			z := r.uvarint(1<<32 - 1)
			n[i] += int32(z>>1) ^ -int32(z&1)
		}
	}
}

func (r *reader) tiles(tiles *arena.Tiles) {
	for i := 0; r.err == nil; {
		n := int(r.uvarint(arena.Side * arena.Side))
		if n == 0 {
			return
		}
		i += int(r.uvarint(arena.Side * arena.Side))
		slot := r.byte()
		if i+n > len(tiles) {
			r.fail(ErrNumber)
			return
		}
		for ; n > 0; n-- {
			tiles[i] = slot
			i++
		}
	}
}

// Hello is the first message to everyone who comes.
type Hello struct {
	Version uint8
	Member  uint32 // which arena.Player.Member is theirs, once they have joined
}

// AppendHello appends h to dst.
func AppendHello(dst []byte, h Hello) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, kindHello, h.Version), h.Member)
}

// ParseHello reads what [AppendHello] wrote.
func ParseHello(message []byte) (h Hello, err error) {
	r := reader{rest: message}
	if r.byte() != kindHello {
		return h, ErrKind
	}
	h = Hello{r.byte(), r.uint32()}
	return h, r.end()
}

// AppendRefusal appends why a join was refused, for a person. Of a long text it
// takes the first 255 bytes.
func AppendRefusal(dst []byte, text string) []byte {
	return append(append(dst, kindRefusal), text[:min(len(text), 255)]...)
}
