package deflate

import (
	"encoding/binary"
	"math/bits"
)

// A finder looks for repetitions. It counts positions from the start of the
// window on, and remembers where each word stood last, by its hash; the table is
// not cleared between messages, but filled with ever higher numbers.
type finder struct {
	size  int // the longest distance
	depth int // how many earlier places to look at; 0: the last only
	base  uint32
	next  uint32 // the first number that is not in use
	shift uint   // of a hash
	table [1 << tableBitsMax]uint32

	// Of each place of the last 32 KiB the one before it with the same hash,
	// if depth is not 0.
	before []uint32
}

const (
	tableBitsMin = 10
	tableBitsMax = 14
	wordLen      = 4 // the shortest match that is found
)

// depths is how many places each level looks at.
var depths = [10]int{0, 0, 4, 8, 16, 32, 64, 128, 512, 4096}

// begin begins a segment of n bytes, the window included.
func (f *finder) begin(n, size, level int) {
	f.size = size
	f.depth = depths[min(max(level, 1), 9)]
	if f.depth > 0 && f.before == nil {
		f.before = make([]uint32, MaxWindow)
	}
	f.shift = 32 - uint(min(max(bits.Len(uint(n)), tableBitsMin), tableBitsMax))
	if f.next > 1<<31 {
		clear(f.table[:])
		f.next = 0
	}
	f.base = f.next + 1
	f.next = f.base + uint32(n)
}

func (f *finder) hash(word uint32) uint32 { return word * 0x9e3779b1 >> f.shift }

// put notes that word stands at position at, if depth is not 0, and returns where
// it stood before, or where something else with the same hash did; negative:
// nowhere.
func (f *finder) put(word uint32, at int) (before int) {
	slot := &f.table[f.hash(word)&(1<<tableBitsMax-1)]
	last := *slot
	*slot = f.base + uint32(at)
	f.before[at&(MaxWindow-1)] = last
	return int(int64(last) - int64(f.base))
}

// prime notes the words of a window. Quickly, it notes only some: a match is
// found by any word of it, and extended to both sides.
func (f *finder) prime(window []byte) {
	if f.depth == 0 {
		step := 1 + len(window)>>primeShift
		for i := 0; i+8 <= len(window); i += step {
			f.table[quickHash(binary.LittleEndian.Uint64(window[i:]), f.shift)] = f.base + uint32(i)
		}
		return
	}
	for i := 0; i+wordLen <= len(window); i++ {
		f.put(binary.LittleEndian.Uint32(window[i:]), i)
	}
}

const primeShift = 11 // some 2,048 words at the most

// quickHash is the slot of the five lowest bytes of word: of four there would be
// more, and the matches shorter. shift is that of a finder.
func quickHash(word uint64, shift uint) uint64 {
	return word << 24 * 0x9e3779b185ebca87 >> ((32 + shift) & 63) & (1<<tableBitsMax - 1)
}

// find turns b[i:] into tokens. b[0] is at position at, and what a match may
// refer to is in b.
func (f *finder) find(t *block, b []byte, i, at int) {
	if f.depth > 0 {
		f.findBest(t, b, i, at)
		return
	}
	zero, shift, size, table := f.base+uint32(at), f.shift, f.size, &f.table
	done := i // where the last token ends
	for i+8 <= len(b) {
		word := binary.LittleEndian.Uint64(b[i:])
		slot := &table[quickHash(word, shift)]
		back := zero + uint32(i) - *slot // far more than i, if that is from an earlier message
		*slot = zero + uint32(i)
		if back > uint32(min(i, size)) || uint32(word) != binary.LittleEndian.Uint32(b[i-int(back):]) {
			i += 1 + (i-done)>>7 // what repeats nothing for long is passed quickly
			continue
		}
		from := i - int(back)
		n := wordLen + common(b[i+wordLen:], b[from+wordLen:], maxMatch-wordLen)
		for i > done && from > 0 && n < maxMatch && b[i-1] == b[from-1] {
			i, from, n = i-1, from-1, n+1
		}
		t.literals(b[done:i])
		t.match(n, i-from)
		done = i + n
		for i += 4; i < done && i+8 <= len(b); i += 4 {
			table[quickHash(binary.LittleEndian.Uint64(b[i:]), shift)] = zero + uint32(i)
		}
		i = done
	}
	t.literals(b[done:])
}

// findBest is find that looks at several places, and at the next byte's, before
// it takes a match.
func (f *finder) findBest(t *block, b []byte, i, at int) {
	done := i
	n, from := 0, 0 // the match at i-1 that waits for a better one
	for ; i+wordLen <= len(b); i++ {
		better, where := f.longest(b, i, at, n)
		if better > n {
			n, from = better, where // the byte before becomes a literal
			if n < lazyMost {
				continue
			}
			i++
		}
		if n == 0 {
			continue
		}
		i-- // where the match begins
		t.literals(b[done:i])
		t.match(n, i-from)
		done = i + n
		for i += 2; i < done && i+wordLen <= len(b); i++ {
			f.put(binary.LittleEndian.Uint32(b[i:]), at+i)
		}
		i, n = done-1, 0
	}
	if n > 0 {
		t.literals(b[done : i-1])
		t.match(n, i-1-from)
		done = i - 1 + n
	}
	t.literals(b[done:])
}

// lazyMost is the length from which on a match is not bettered.
const lazyMost = 64

// longest returns the longest match at i that is longer than n.
func (f *finder) longest(b []byte, i, at, n int) (length, from int) {
	from = f.put(binary.LittleEndian.Uint32(b[i:]), at+i) - at
	best, where := n, 0
	for range f.depth {
		if from < i-f.size || from < 0 || best >= len(b)-i || best >= maxMatch {
			break
		}
		if b[from+best] == b[i+best] {
			if m := common(b[i:], b[from:], maxMatch); m >= wordLen && m > best {
				best, where = m, from
			}
		}
		earlier := int(int64(f.before[(at+from)&(MaxWindow-1)])-int64(f.base)) - at
		if earlier >= from {
			break
		}
		from = earlier
	}
	if best == n {
		return 0, 0
	}
	return best, where
}

// common returns how many bytes a and b have in common at their start, most at
// the most.
func common(a, b []byte, most int) int {
	most = min(most, len(a), len(b))
	n := 0
	for ; n+8 <= most; n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
	}
	for n < most && a[n] == b[n] {
		n++
	}
	return n
}
