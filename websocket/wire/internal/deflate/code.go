package deflate

import (
	"math/bits"
	"slices"
)

// An encoder has the code of each symbol, its first bit lowest.
type encoder [288]struct {
	bits uint16
	len  uint8
}

var fixedLitCode, fixedDistCode = func() (lit, dist encoder) {
	lit.set(fixedLit[:])
	dist.set(fixedDist[:])
	return lit, dist
}()

// set makes the canonical code with these lengths. RFC 1951 §3.2.2.
func (e *encoder) set(lens []uint8) {
	var count, next [maxCodeLen + 1]uint16
	for _, l := range lens {
		count[l]++
	}
	count[0] = 0
	for l := 1; l <= maxCodeLen; l++ {
		next[l] = (next[l-1] + count[l-1]) << 1
	}
	for sym, l := range lens {
		e[sym].len = l
		if l > 0 {
			e[sym].bits = bits.Reverse16(next[l]) >> (16 - l)
			next[l]++
		}
	}
}

// codeLengths sets lens to the lengths, most at the most, of a Huffman code for
// symbols of these frequencies, each below 1<<23: 0 for one that does not occur,
// 1 for one that occurs alone.
func codeLengths(freq []uint32, lens []uint8, most int) {
	var buf [numLit]uint32
	leaves := sortLeaves(buf[:0], freq)
	clear(lens)
	if len(leaves) == 1 {
		lens[leaves[0]&0x1ff] = 1
	}
	if len(leaves) < 2 {
		return
	}
	count := depthCounts(leaves, most)
	i := 0
	for l := most; l > 0; l-- {
		for range count[l] {
			lens[leaves[i]&0x1ff] = uint8(l)
			i++
		}
	}
}

// sortLeaves appends the symbols that occur to leaves, each below its frequency,
// in the order of these. Most are rare, and need no comparing.
func sortLeaves(leaves, freq []uint32) []uint32 {
	const rare = 32
	var at [rare]int // how many are that rare, then where the next one goes
	for _, f := range freq {
		at[min(f, rare-1)]++
	}
	at[0] = 0
	n := 0
	for f := range at {
		n, at[f] = n+at[f], n
	}
	leaves = leaves[:n]
	for sym, f := range freq {
		if f > 0 {
			k := min(f, rare-1)
			leaves[at[k]] = f<<9 | uint32(sym)
			at[k]++
		}
	}
	slices.Sort(leaves[at[rare-2]:]) // the others
	return leaves
}

// depthCounts returns how many leaves each depth of a Huffman tree has, over
// leaves that are sorted by frequency, two at least.
func depthCounts(leaves []uint32, most int) (count [maxCodeLen + 1]int) {
	// The inner nodes are made in the order of their weights, so that the two
	// lightest of all are among the next of either kind.
	var weight [numLit]uint32
	var parent [2 * numLit]uint16 // leaves first, then inner nodes
	n := len(leaves)
	leaf, inner := 0, 0
	for made := range n - 1 {
		for range 2 {
			if inner == made || leaf < n && leaves[leaf]>>9 <= weight[inner] {
				weight[made] += leaves[leaf] >> 9
				parent[leaf] = uint16(n + made)
				leaf++
			} else {
				weight[made] += weight[inner]
				parent[n+inner] = uint16(n + made)
				inner++
			}
		}
	}
	var depth [2 * numLit]uint16
	space := 0 // of codes, in units of the longest
	for i := 2*n - 3; i >= 0; i-- {
		depth[i] = depth[parent[i]] + 1
		if i < n {
			d := min(int(depth[i]), most)
			count[d]++
			space += 1 << (most - d)
		}
	}
	// Those that were too deep take too much space now. One of them joins the
	// deepest leaf above, a level below where that was.
	for ; space > 1<<most; space-- {
		d := most - 1
		for count[d] == 0 {
			d--
		}
		count[d]--
		count[d+1] += 2
		count[most]--
	}
	return count
}

// A run is a symbol of the code for code lengths, and the value after it.
type run struct{ sym, extra uint8 }

// dynamic prepares a block with codes of its own, and returns how many bits its
// head and its tokens will take.
func (t *block) dynamic() (head, data int) {
	var lit [numLit]uint8
	var dist [numDist]uint8
	codeLengths(t.lit[:], lit[:], maxCodeLen)
	codeLengths(t.dist[:], dist[:], maxCodeLen)
	data = t.cost(lit[:], dist[:])
	nlit, ndist := used(lit[:], 257), used(dist[:], 1)
	copy(t.lens[:], lit[:nlit])
	copy(t.lens[nlit:], dist[:ndist])
	t.litCode.set(lit[:])
	t.distCode.set(dist[:])

	t.findRuns(t.lens[:nlit+ndist])
	var pre [numPre]uint8
	codeLengths(t.pre[:], pre[:], maxPreLen)
	t.preCode.set(pre[:])
	npre := numPre
	for npre > 4 && pre[preOrder[npre-1]] == 0 {
		npre--
	}
	t.nlit, t.ndist, t.npre = nlit, ndist, npre
	head = 3 + 5 + 5 + 4 + 3*npre
	for sym, f := range t.pre {
		head += int(f) * int(pre[sym]+preExtra[sym])
	}
	return head, data
}

// preExtra is how many bits follow each symbol of the code for code lengths.
var preExtra = [numPre]uint8{16: 2, 17: 3, 18: 7}

// used returns how many of lens there are up to the last that is not 0, at least
// least.
func used(lens []uint8, least int) int {
	n := len(lens)
	for n > least && lens[n-1] == 0 {
		n--
	}
	return n
}

// findRuns turns code lengths into runs. RFC 1951 §3.2.7.
func (t *block) findRuns(lens []uint8) {
	t.runs = t.runs[:0]
	clear(t.pre[:])
	for len(lens) > 0 {
		v, n := lens[0], 1
		for n < len(lens) && lens[n] == v {
			n++
		}
		lens = lens[n:]
		if v != 0 { // a first one, which others repeat
			t.run(v, 0)
			n--
		}
		for n > 0 {
			switch {
			case n < 3:
				t.run(v, 0)
				n--
			case v != 0:
				k := min(n, 6)
				t.run(16, k-3)
				n -= k
			case n < 11:
				t.run(17, n-3)
				n = 0
			default:
				k := min(n, 138)
				t.run(18, k-11)
				n -= k
			}
		}
	}
}

func (t *block) run(sym uint8, extra int) {
	t.pre[sym]++
	t.runs = append(t.runs, run{sym, uint8(extra)})
}

// writeHead writes the head of the block that dynamic prepared.
func (t *block) writeHead() {
	t.put(typeDynamic<<1, 3)
	t.put(uint64(t.nlit-257), 5)
	t.put(uint64(t.ndist-1), 5)
	t.put(uint64(t.npre-4), 4)
	for _, sym := range preOrder[:t.npre] {
		t.put(uint64(t.preCode[sym].len), 3)
	}
	for _, r := range t.runs {
		c := t.preCode[r.sym]
		t.put(uint64(c.bits)|uint64(r.extra)<<c.len, uint(c.len+preExtra[r.sym]))
	}
}
