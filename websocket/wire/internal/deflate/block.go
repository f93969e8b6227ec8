package deflate

import (
	"encoding/binary"
	"slices"
)

// A block gathers tokens and writes them, in the shortest of the three ways, as
// often as it is full.
type block struct {
	tokens []token
	lit    [numLit]uint32 // how often each symbol is used
	dist   [numDist]uint32
	raw    []byte // what the segment is, from this block on
	length int    // how much of raw the tokens stand for

	out  []byte // what was written; then in bits the last have, fewer than 8
	bits uint64
	have uint

	litCode, distCode, preCode encoder
	lens                       [numLit + numDist]uint8
	runs                       []run // the lengths, as the head has them
	pre                        [numPre]uint32
	nlit, ndist, npre          int // how many lengths the head has
}

// A token is a literal, or with isMatch its length and distance.
type token uint32

const isMatch token = 1 << 31

// maxTokens is how long a block is at the most. A longer one would spread its
// codes over data that differ.
const maxTokens = 16 << 10

func (t *block) begin(dst []byte) {
	t.out, t.bits, t.have = dst, 0, 0
}

// finish ends the message, as RFC 7692 §7.2.1 says, and returns all of it.
func (t *block) finish() []byte {
	t.room(2)
	t.put(typeStored<<1, 3)
	t.align()
	out := t.out
	t.out = nil
	return out
}

func (t *block) literals(p []byte) {
	for len(p) > 0 {
		n := min(len(p), maxTokens-len(t.tokens))
		for _, c := range p[:n] {
			t.lit[c]++
			t.tokens = append(t.tokens, token(c))
		}
		t.length += n
		t.flushFull()
		p = p[n:]
	}
}

func (t *block) match(n, back int) {
	t.lit[257+lengthSymbol(n)]++
	t.dist[distSymbol(back)]++
	t.tokens = append(t.tokens, isMatch|token(n)<<16|token(back-1))
	t.length += n
	t.flushFull()
}

func (t *block) flushFull() {
	if len(t.tokens) == maxTokens {
		t.flush()
	}
}

// flush writes the tokens and forgets them.
func (t *block) flush() {
	if len(t.tokens) == 0 {
		return
	}
	t.lit[endOfBlock] = 1
	raw := t.raw[:t.length]
	stored := 8 * (len(raw) + 5*(1+len(raw)/storedMax))
	fixed := 3 + t.cost(fixedLit[:numLit], fixedDist[:numDist])
	head, data := t.dynamic()
	switch dynamic := head + data; {
	case stored <= min(fixed, dynamic):
		t.writeStored(raw)
	case fixed <= dynamic:
		t.litCode, t.distCode = fixedLitCode, fixedDistCode
		t.room(fixed/8 + 1)
		t.put(typeFixed<<1, 3)
		t.writeTokens()
	default:
		t.room(dynamic/8 + 1)
		t.writeHead()
		t.writeTokens()
	}
	t.raw, t.length = t.raw[t.length:], 0
	t.tokens = t.tokens[:0]
	clear(t.lit[:])
	clear(t.dist[:])
}

// cost returns how many bits the tokens take with codes of these lengths.
func (t *block) cost(lit, dist []uint8) (n int) {
	for sym, f := range t.lit {
		n += int(f) * int(lit[sym])
	}
	for sym, f := range t.lit[257:] {
		n += int(f) * int(lengthSpans[sym].bits)
	}
	for sym, f := range t.dist {
		n += int(f) * int(dist[sym]+distSpans[sym].bits)
	}
	return n
}

const storedMax = 0xffff

// writeStored writes raw in stored blocks. RFC 1951 §3.2.4.
func (t *block) writeStored(raw []byte) {
	for len(raw) > 0 {
		n := min(len(raw), storedMax)
		t.room(n + 6)
		t.put(typeStored<<1, 3)
		t.align()
		t.out = append(t.out, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		t.out = append(t.out, raw[:n]...)
		raw = raw[n:]
	}
}

// room makes room for n more bytes, and for the words that put writes.
func (t *block) room(n int) { t.out = slices.Grow(t.out, n+16) }

// put writes the lowest n bits of v, which has no others, n being 48 at most.
// There must be room.
func (t *block) put(v uint64, n uint) {
	t.bits |= v << t.have
	t.have += n
	at := len(t.out)
	t.out = t.out[:at+8]
	binary.LittleEndian.PutUint64(t.out[at:], t.bits)
	whole := t.have >> 3
	t.out = t.out[:at+int(whole)]
	t.bits >>= whole * 8
	t.have &= 7
}

// align fills the last byte up with zeros.
func (t *block) align() { t.put(0, -t.have&7) }

// writeTokens writes the tokens, and that the block ends.
func (t *block) writeTokens() {
	out, at := t.out[:cap(t.out)], len(t.out)
	bits, have := t.bits, t.have
	lit, dist := &t.litCode, &t.distCode
	for _, k := range t.tokens {
		if k&isMatch != 0 {
			n, back := int(k>>16&0x1ff), int(k&0x7fff)+1
			sym := lengthSymbol(n)
			s := lengthSpans[sym]
			c := lit[257+sym]
			bits |= uint64(c.bits) << have
			have += uint(c.len)
			bits |= uint64(n-int(s.base)) << have
			have += uint(s.bits)
			sym = distSymbol(back)
			s = distSpans[sym]
			// 7 + 15 + 5 bits so far, and 15 + 13 more.
			bits |= uint64(dist[sym].bits) << have
			have += uint(dist[sym].len)
			bits |= uint64(back-int(s.base)) << have
			have += uint(s.bits)
		} else {
			c := lit[k&0xff]
			bits |= uint64(c.bits) << have
			have += uint(c.len)
		}
		binary.LittleEndian.PutUint64(out[at:], bits)
		at += int(have >> 3)
		bits >>= have &^ 7
		have &= 7
	}
	t.out, t.bits, t.have = out[:at], bits, have
	t.put(uint64(lit[endOfBlock].bits), uint(lit[endOfBlock].len))
}
