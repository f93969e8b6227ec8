package deflate

import "math/bits"

// An entry is what a code of a table stands for:
//
//	bits 0 to 3    length of the code; 0: it is longer than the table's index, or none
//	bits 4 to 7    bits that follow it
//	bit 8          it is a literal
//	bit 9          it ends the block
//	bit 10         it may not be used
//	bits 16 to 31  literal, or base of a length or distance, or symbol
type entry = uint32

const (
	isLiteral entry = 1 << 8
	isEnd     entry = 1 << 9
	isInvalid entry = 1 << 10
)

// What the symbols of each alphabet stand for, but for the length of their code.
var litEntries, distEntries, preEntries = makeEntries()

func makeEntries() (lit [288]entry, dist [32]entry, pre [numPre]entry) {
	for i := range 256 {
		lit[i] = isLiteral | entry(i)<<16
	}
	lit[endOfBlock] = isEnd
	for i, s := range lengthSpans {
		lit[257+i] = entry(s.bits)<<4 | entry(s.base)<<16
	}
	// "…literal/length values 286-287 will never actually occur in the
	// compressed data", and nor do distance codes 30-31. RFC 1951 §3.2.6.
	lit[286], lit[287], dist[30], dist[31] = isInvalid, isInvalid, isInvalid, isInvalid
	for i, s := range distSpans {
		dist[i] = entry(s.bits)<<4 | entry(s.base)<<16
	}
	for i := range pre {
		pre[i] = entry(i) << 16
	}
	return lit, dist, pre
}

// A decoder turns codes into entries. Codes of up to its index's bits take one
// look-up, longer ones a few steps more.
type decoder struct {
	table [1 << litIndex]entry

	// The canonical code, RFC 1951 §3.2.2: of each length how many codes there
	// are, the first, and where its symbol stands.
	count, first, at [maxCodeLen + 1]uint16
	symbols          [288]uint16
	entries          []entry // of the symbols
}

// How many bits index a table.
const (
	litIndex  = 10
	distIndex = 9
	preIndex  = maxPreLen
)

// build makes the decoder of the code with these lengths, whose table has index
// bits, and reports whether it is one: complete, or of one code of one bit, "If
// only one distance code is used, it is encoded using one bit, not zero bits",
// RFC 1951 §3.2.7, or of none.
func (d *decoder) build(lens []uint8, entries []entry, index int) bool {
	d.entries = entries
	d.count = [maxCodeLen + 1]uint16{}
	for _, l := range lens {
		d.count[l]++
	}
	d.count[0] = 0
	left, used, code := 1, uint16(0), uint16(0)
	var next [maxCodeLen + 1]uint16 // where the next symbol goes
	for l := 1; l <= maxCodeLen; l++ {
		if left = left<<1 - int(d.count[l]); left < 0 {
			return false // over-subscribed
		}
		code = (code + d.count[l-1]) << 1
		d.first[l], d.at[l], next[l] = code, used, used
		used += d.count[l]
	}
	if left > 0 && (used > 1 || used == 1 && d.count[1] != 1) {
		return false // incomplete
	}
	for sym, l := range lens {
		if l != 0 {
			d.symbols[next[l]] = uint16(sym)
			next[l]++
		}
	}
	// A code comes its highest bit first, so that the table's index is the
	// code reversed, with whatever follows it above. The table for codes of a
	// bit more is this one twice, with those filled in.
	d.table[0] = 0
	for l := 1; l <= index; l++ {
		half := 1 << (l - 1)
		copy(d.table[half:2*half], d.table[:half])
		for i := range d.count[l] {
			r := bits.Reverse16(d.first[l]+i) >> (16 - l)
			d.table[r] = entries[d.symbols[d.at[l]+i]] | entry(l)
		}
	}
	return true
}

// long finds the code at the start of b, which no entry of the table with index
// bits stands for. It returns 0 if there is none.
func (d *decoder) long(b uint64, index int) entry {
	r := bits.Reverse16(uint16(b))
	for l := index + 1; l <= maxCodeLen; l++ {
		if n := r>>(16-l) - d.first[l]; n < d.count[l] {
			return d.entries[d.symbols[d.at[l]+n]] | entry(l)
		}
	}
	return 0
}
