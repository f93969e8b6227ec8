package deflate

import (
	"encoding/binary"
	"errors"
)

// What is wrong with a message.
var (
	// ErrCorrupt: it is not DEFLATE.
	ErrCorrupt = errors.New("deflate: damaged data")

	// ErrShort: it ends inside a block.
	ErrShort = errors.New("deflate: the data ends inside a block")

	// ErrFar: it refers back further than the window.
	ErrFar = errors.New("deflate: a distance is longer than the window")
)

// ChunkMax is the most that [Inflater.Next] returns at once.
const ChunkMax = 64 << 10

// An Inflater inflates one message after another, in chunks, with Reset before
// each. It is some 110 KB, and its contents between two messages are of no use.
type Inflater struct {
	state inflateState
	final bool // this block is the last, or was

	// The input: in, and then the tail. In bits those of it that were taken
	// from there and not used, at least have of them.
	in   []byte
	pos  int
	bits uint64
	have uint

	stored      int // bytes of a stored block still to come
	match, back int // bytes of a match still to come, and their distance

	lit, dist decoder
	fixed     bool // they are those of the fixed codes
	pre       decoder
	lens      [numLit + numDist + maxMatch]uint8

	window int // the longest distance
	from   int // where this chunk begins in buf
	to     int // where it ends by now: all before it is what came before
	most   int // where it must end
	saved  int // how much of save is what came before this chunk; see Save
	err    error

	buf  [ChunkMax]byte
	save [MaxWindow]byte
}

type inflateState uint8

const (
	atBlock  inflateState = iota // a block's header comes next
	inStored                     // bytes of a stored block
	inCodes                      // codes of a compressed block, or the rest of a match
	atEnd                        // nothing
)

// tail is what a message's payload lacks: "Append 4 octets of 0x00 0x00 0xff 0xff
// to the tail end of the payload of the message." RFC 7692 §7.2.2.
var tail = [4]byte{0x00, 0x00, 0xff, 0xff}

// Reset begins with the payload in, which it keeps until the last Next. window
// is what came before, of which it uses the last size bytes and keeps nothing.
func (z *Inflater) Reset(in, window []byte, size int) {
	z.in, z.pos, z.bits, z.have = in, 0, 0, 0
	z.state, z.final, z.err = atBlock, false, nil
	z.stored, z.match, z.saved = 0, 0, 0
	z.window = min(size, MaxWindow)
	z.to = copy(z.buf[:], window[max(0, len(window)-z.window):])
}

// Move says that the payload lies in in from now on.
func (z *Inflater) Move(in []byte) { z.in = in }

// Forget lets go of the payload.
func (z *Inflater) Forget() { z.in, z.state = nil, atEnd }

// Next inflates what follows, max bytes or [ChunkMax] at the most, and reports
// whether that was all of the message. If not, and there is no error, at least
// one byte more is to come. The chunk is valid until the next call, and must not
// be written to before that but after [Inflater.Save].
func (z *Inflater) Next(max int) (chunk []byte, done bool, err error) {
	if z.saved > 0 {
		z.to = copy(z.buf[:], z.save[:z.saved])
		z.saved = 0
	}
	if z.to == ChunkMax {
		z.to = copy(z.buf[:], z.Window())
	}
	z.from = z.to
	z.most = z.to + min(max, ChunkMax-z.to)
	for full := false; !full && z.err == nil && z.state != atEnd; {
		switch z.state {
		case atBlock:
			z.err = z.block()
		case inStored:
			full = z.copyStored()
		case inCodes:
			z.fast()
			full, z.err = z.careful()
		}
	}
	return z.buf[z.from:z.to:z.to], z.state == atEnd, z.err
}

// Window returns what a next message may refer to, after this chunk. It is valid
// as long as the chunk.
func (z *Inflater) Window() []byte { return z.buf[max(0, z.to-z.window):z.to] }

// Save keeps what the next chunk may refer to, so that this one may be written
// to.
func (z *Inflater) Save() { z.saved = copy(z.save[:], z.Window()) }

// block reads a block's header. RFC 1951 §3.2.3.
func (z *Inflater) block() error {
	if !z.take(3) {
		return ErrShort
	}
	z.final = z.bits&1 != 0
	kind := z.bits >> 1 & 3
	z.drop(3)
	switch kind {
	case typeStored:
		return z.beginStored()
	case typeFixed:
		if !z.fixed {
			z.lit.build(fixedLit[:], litEntries[:], litIndex)
			z.dist.build(fixedDist[:], distEntries[:], distIndex)
			z.fixed = true
		}
		z.state = inCodes
		return nil
	case typeDynamic:
		z.fixed = false
		z.state = inCodes
		return z.dynamic()
	}
	return ErrCorrupt
}

// beginStored reads the lengths of a stored block. RFC 1951 §3.2.4.
func (z *Inflater) beginStored() error {
	z.align()
	if !z.take(32) {
		return ErrShort
	}
	n, check := uint16(z.bits), uint16(z.bits>>16)
	z.drop(32)
	if n != ^check {
		return ErrCorrupt
	}
	z.align()
	switch {
	case z.pos == len(z.in)+len(tail) && n == 0:
		z.state = atEnd // the tail was made for this
		return nil
	case z.pos+int(n) > len(z.in):
		return ErrShort
	}
	z.stored = int(n)
	z.state = inStored
	return nil
}

// copyStored copies a stored block, as far as there is room, and reports
// whether there was not enough.
func (z *Inflater) copyStored() (full bool) {
	n := copy(z.buf[z.to:z.most], z.in[z.pos:z.pos+z.stored])
	z.pos, z.to, z.stored = z.pos+n, z.to+n, z.stored-n
	if z.stored > 0 {
		return true
	}
	z.endBlock()
	return false
}

// endBlock ends a block that is not the tail's.
func (z *Inflater) endBlock() {
	z.state = atBlock
	if !z.final {
		return
	}
	// "When any DEFLATE block with the "BFINAL" bit set to 1 doesn't end at a
	// byte boundary, an endpoint MUST add minimal padding bits of 0 to make it
	// end at a byte boundary. The next DEFLATE block follows the padded data
	// if any." RFC 7692 §7.2.1. If none does, that was the message.
	if z.align(); z.pos == len(z.in) {
		z.state = atEnd
	}
}

// dynamic reads the codes of a block. RFC 1951 §3.2.7.
func (z *Inflater) dynamic() error {
	if !z.take(14) {
		return ErrShort
	}
	nlit, ndist, npre := int(z.bits&31)+257, int(z.bits>>5&31)+1, int(z.bits>>10&15)+4
	z.drop(14)
	if nlit > numLit || ndist > numDist {
		return ErrCorrupt
	}
	var pre [numPre]uint8
	for _, sym := range preOrder[:npre] {
		if !z.take(3) {
			return ErrShort
		}
		pre[sym] = uint8(z.bits & 7)
		z.drop(3)
	}
	if !z.pre.build(pre[:], preEntries[:], preIndex) {
		return ErrCorrupt
	}
	lens := z.lens[:nlit+ndist]
	for i := 0; i < len(lens); {
		n, err := z.codeLength(i)
		if err != nil {
			return err
		}
		if i += n; i > len(lens) {
			return ErrCorrupt
		}
	}
	if lens[endOfBlock] == 0 ||
		!z.lit.build(lens[:nlit], litEntries[:], litIndex) ||
		!z.dist.build(lens[nlit:], distEntries[:], distIndex) {
		return ErrCorrupt
	}
	return nil
}

// codeLength reads the code length i, or a run of them from there on, and
// returns how many. A run may go past the end of those that there are, into what
// lens has more.
func (z *Inflater) codeLength(i int) (n int, err error) {
	z.take(preIndex + 7) // near the end, fewer may do
	e := z.pre.table[z.bits&(1<<preIndex-1)]
	l := uint(e & 15)
	if l == 0 {
		return 0, ErrCorrupt
	}
	sym := uint8(e >> 16)
	extra, base, value := uint(0), 1, sym
	switch sym {
	case 16:
		if i == 0 {
			return 0, ErrCorrupt
		}
		extra, base, value = 2, 3, z.lens[i-1]
	case 17:
		extra, base, value = 3, 3, 0
	case 18:
		extra, base, value = 7, 11, 0
	}
	if z.have < l+extra {
		return 0, ErrShort
	}
	z.drop(l)
	n = base + int(z.bits&(1<<extra-1))
	z.drop(extra)
	for j := range n {
		z.lens[i+j] = value
	}
	return n, nil
}

// take has n bits at least, at most 56, if there are so many.
func (z *Inflater) take(n uint) bool {
	for z.have < n {
		var c byte
		switch i := z.pos - len(z.in); {
		case i < 0:
			c = z.in[z.pos]
		case i < len(tail):
			c = tail[i]
		default:
			return false
		}
		z.bits |= uint64(c) << z.have
		z.have += 8
		z.pos++
	}
	return true
}

// drop uses n bits.
func (z *Inflater) drop(n uint) {
	z.bits >>= n
	z.have -= n
}

// align drops what is left of a byte, and gives back whole bytes.
func (z *Inflater) align() {
	z.pos -= int(z.have >> 3)
	z.bits, z.have = 0, 0
}

// careful inflates codes until the block ends or the chunk is full: wherever
// fast needs more room than there is, and whatever fast does not know.
func (z *Inflater) careful() (full bool, err error) {
	for {
		if z.match > 0 && !z.copyMatch() {
			return true, nil
		}
		z.take(maxCodeLen + 5) // near the end, fewer may do
		e := z.lit.table[z.bits&(1<<litIndex-1)]
		if e&15 == 0 {
			e = z.lit.long(z.bits, litIndex)
		}
		l := uint(e & 15)
		switch {
		case l == 0 || e&isInvalid != 0:
			return false, z.invalid(l)
		case l > z.have:
			return false, ErrShort
		case e&isLiteral != 0:
			if z.to == z.most {
				return true, nil
			}
			z.drop(l)
			z.buf[z.to] = byte(e >> 16)
			z.to++
		case e&isEnd != 0:
			z.drop(l)
			z.endBlock()
			return false, nil
		default:
			if err := z.beginMatch(e); err != nil {
				return false, err
			}
		}
		if z.most-z.to >= fastRoom && len(z.in)-z.pos >= fastInput {
			return false, nil // fast can go on
		}
	}
}

// invalid is what is wrong with a code that may not be used, or, of length 0,
// that does not exist.
func (z *Inflater) invalid(l uint) error {
	if l > z.have || l == 0 && z.have < maxCodeLen {
		return ErrShort
	}
	return ErrCorrupt
}

// beginMatch reads the rest of a match whose length's entry is e.
func (z *Inflater) beginMatch(e entry) error {
	l, extra := uint(e&15), uint(e>>4&15)
	if z.have < l+extra {
		return ErrShort
	}
	z.drop(l)
	n := int(e>>16) + int(z.bits&(1<<extra-1))
	z.drop(extra)

	z.take(maxCodeLen + 13)
	if e = z.dist.table[z.bits&(1<<distIndex-1)]; e&15 == 0 {
		e = z.dist.long(z.bits, distIndex)
	}
	l, extra = uint(e&15), uint(e>>4&15)
	switch {
	case l == 0 || e&isInvalid != 0:
		return z.invalid(l)
	case z.have < l+extra:
		return ErrShort
	}
	z.drop(l)
	back := int(e>>16) + int(z.bits&(1<<extra-1))
	z.drop(extra)
	if back > z.window || back > z.to {
		return ErrFar
	}
	z.match, z.back = n, back
	return nil
}

// copyMatch copies a match and reports whether there was room for all of it.
func (z *Inflater) copyMatch() bool {
	n := min(z.match, z.most-z.to)
	for range n {
		z.buf[z.to] = z.buf[z.to-z.back]
		z.to++
	}
	z.match -= n
	return z.match == 0
}

// What fast needs: room for two literals and the longest match, which is copied
// in words, and input for two loads of eight bytes.
const (
	fastRoom  = 2 + maxMatch + 7
	fastInput = 16
)

// fast inflates codes as long as there is much room and much input. It stops
// before what it cannot do and leaves it to careful.
func (z *Inflater) fast() {
	in, pos, b, have, to := z.in, z.pos, z.bits, z.have, z.to
	buf, lit, dist := &z.buf, &z.lit, &z.dist
	if z.match > 0 {
		return
	}
	for pos <= len(in)-fastInput && to <= z.most-fastRoom {
		// Whole bytes up to 56 to 63 bits. What is loaded beyond that is
		// loaded again next time, to the same place.
		b |= binary.LittleEndian.Uint64(in[pos:]) << (have & 63)
		pos += int(63-have) >> 3
		have |= 56
		e := lit.table[b&(1<<litIndex-1)]
		if e&isLiteral != 0 {
			b >>= e & 15
			have -= uint(e & 15)
			buf[to] = byte(e >> 16)
			to++
			if e = lit.table[b&(1<<litIndex-1)]; e&isLiteral != 0 {
				b >>= e & 15
				have -= uint(e & 15)
				buf[to] = byte(e >> 16)
				to++
				e = lit.table[b&(1<<litIndex-1)]
			}
			b |= binary.LittleEndian.Uint64(in[pos:]) << (have & 63)
			pos += int(63-have) >> 3
			have |= 56
		}
		if e&15 == 0 {
			e = lit.long(b, litIndex)
		}
		if e&isLiteral != 0 {
			b >>= e & 15
			have -= uint(e & 15)
			buf[to] = byte(e >> 16)
			to++
			continue
		}
		if e&15 == 0 || e&(isEnd|isInvalid) != 0 {
			break
		}
		// A match: at most 15 + 5 + 15 + 13 bits, of 56.
		c, left := b>>(e&15), have-uint(e&15)
		extra := e >> 4 & 15
		n := int(e>>16) + int(c&(1<<extra-1))
		c, left = c>>extra, left-uint(extra)
		if e = dist.table[c&(1<<distIndex-1)]; e&15 == 0 {
			e = dist.long(c, distIndex)
		}
		extra = e >> 4 & 15
		back := int(e>>16) + int(c>>(e&15)&(1<<extra-1))
		if e&15 == 0 || e&isInvalid != 0 || back > z.window || back > to {
			break
		}
		b, have = c>>(e&15)>>extra, left-uint(e&15)-uint(extra)
		copyBack(buf, to, back, n)
		to += n
	}
	z.pos, z.bits, z.have, z.to = pos, b&(1<<have-1), have, to
}

// copyBack copies n bytes from back bytes before to, in words where that is
// right: up to 7 bytes too many.
func copyBack(buf *[ChunkMax]byte, to, back, n int) {
	if back >= 8 {
		dst, src := buf[to:to+n+7], buf[to-back:]
		for i := 0; i < n; i += 8 {
			binary.LittleEndian.PutUint64(dst[i:], binary.LittleEndian.Uint64(src[i:]))
		}
		return
	}
	for i := to; i < to+n; i++ {
		buf[i] = buf[i-back]
	}
}
