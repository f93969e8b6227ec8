package deflate

import (
	"math/bits"
)

// A Deflater compresses one message after another. It is some 200 KB, and its
// contents between two messages are of no use.
type Deflater struct {
	finder finder
	block  block
	work   [2 * MaxWindow]byte // the window, and the message's beginning
}

// segmentMax bounds what is compressed in one go, so that positions fit into 32
// bits.
const segmentMax = 16 << 20

// Append appends the message p, compressed, to dst: without a final block, and
// without the last four bytes of the empty stored block at its end. It refers no
// further back than size bytes, and before p to what window ends with, which the
// receiver must know as well. It keeps nothing of p and window. level is how hard
// it looks, 1 to 9.
//
// Where p is followed by more of the same message, append those four bytes too,
// 00 00 ff ff. RFC 7692 §7.2.1.
func (z *Deflater) Append(dst, p, window []byte, size, level int) []byte {
	size = min(size, MaxWindow)
	z.block.begin(dst)
	for {
		part := p[:min(len(p), segmentMax)]
		z.segment(part, window[max(0, len(window)-size):], size, level)
		if p = p[len(part):]; len(p) == 0 {
			return z.block.finish()
		}
		window = part
	}
}

// segment compresses p.
func (z *Deflater) segment(p, window []byte, size, level int) {
	z.finder.begin(len(window)+len(p), size, level)
	z.block.raw = p
	at := 0
	if len(window) > 0 {
		// As far as p may refer to the window the two have to lie side by
		// side. After that it refers to itself alone.
		n := copy(z.work[:], window)
		at = copy(z.work[n:n+min(len(p), size)], p)
		z.finder.prime(z.work[:n])
		z.finder.find(&z.block, z.work[:n+at], n, 0)
	}
	z.finder.find(&z.block, p, at, len(window))
	z.block.flush()
	z.block.raw = nil
}

// lengthSymbol and distSymbol return the symbol of a length and of a distance,
// below the base of its alphabet.
func lengthSymbol(n int) int { return int(lengthSymbols[n-minMatch]) }

func distSymbol(back int) int {
	d := uint(back - 1)
	if d < 4 {
		return int(d)
	}
	n := bits.Len(d) - 2
	return 2*n + int(d>>n)
}

var lengthSymbols = func() (t [maxMatch - minMatch + 1]uint8) {
	for sym, s := range lengthSpans {
		for n := int(s.base); n < int(s.base)+1<<s.bits && n <= maxMatch; n++ {
			t[n-minMatch] = uint8(sym) // the last one has 258, not the one before
		}
	}
	return t
}()
