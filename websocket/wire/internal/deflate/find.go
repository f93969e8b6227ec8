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
	before *[MaxWindow]uint32
}

const (
	tableBitsMin = 10
	tableBitsMax = 14
	wordLen      = 4 // the shortest match that is found
)

// depths is how many places each level looks at, at the most.
var depths = [10]int{0, 0, 2, 4, 8, 16, 24, 64, 256, 4096}

// begin begins a segment of n bytes, the window included.
func (f *finder) begin(n, size, level int) {
	f.size = size
	f.depth = depths[min(max(level, 1), 9)]
	if f.depth > 0 && f.before == nil {
		f.before = new([MaxWindow]uint32)
	}
	f.shift = 32 - uint(min(max(bits.Len(uint(n)), tableBitsMin), tableBitsMax))
	if f.next > 1<<31 {
		clear(f.table[:])
		f.next = 0
	}
	f.base = f.next + 1
	f.next = f.base + uint32(n)
}

// put notes that word stands at position at, if depth is not 0, and returns the
// number of the place where it stood before, or where something else with the same
// hash did; that may be of an earlier message.
func (f *finder) put(word uint64, at int) (before uint32) {
	slot := &f.table[quickHash(word, f.shift)]
	before, *slot = *slot, f.base+uint32(at)
	f.before[at&(MaxWindow-1)] = before
	return before
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
	for i := 0; i+8 <= len(window); i++ {
		f.put(binary.LittleEndian.Uint64(window[i:]), i)
	}
}

const primeShift = 11 // some 2,048 words at the most

// quickHash is the slot of the five lowest bytes of word: of four there would be
// more places, and the matches shorter. shift is that of a finder.
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
	for ; i+8 <= len(b); i++ {
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
		for i += 2; i < done && i+8 <= len(b); i++ {
			f.put(binary.LittleEndian.Uint64(b[i:]), at+i)
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

// goodMatch is the length of a match from which on a better one is worth a quarter
// of the effort.
const goodMatch = 8

// longest returns the longest match at i that is longer than n, the length of the
// one at i-1. b[i:] has 8 bytes.
func (f *finder) longest(b []byte, i, at, n int) (length, from int) {
	here := f.base + uint32(at+i)
	back := here - f.put(binary.LittleEndian.Uint64(b[i:]), at+i)
	farthest := uint32(min(i, f.size))
	least, most := max(n, wordLen-1), min(len(b)-i, maxMatch)
	best, tries := least, f.depth
	if n >= goodMatch {
		tries /= 4
	}
	// Far more than farthest, if that is from an earlier message.
	for ; tries > 0 && back <= farthest && best < most; tries-- {
		p, last := i-int(back), best+1-wordLen
		// What is longer has the word that goes one byte beyond in common, too.
		if binary.LittleEndian.Uint32(b[p+last:]) == binary.LittleEndian.Uint32(b[i+last:]) {
			if m := common(b[i:], b[p:], most); m > best {
				best, from = m, p
			}
		}
		earlier := here - f.before[(at+p)&(MaxWindow-1)]
		if earlier <= back {
			break // of another place by now
		}
		back = earlier
	}
	if best == least {
		return 0, 0
	}
	return best, from
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
