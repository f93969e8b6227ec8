package deflate

// The alphabets of RFC 1951 §3.2.5 to §3.2.7.
const (
	endOfBlock  = 256
	numLit      = 286 // literals, end of block, lengths
	numDist     = 30
	numPre      = 19 // of the code for code lengths
	minMatch    = 3
	maxMatch    = 258
	maxCodeLen  = 15
	maxPreLen   = 7
	typeStored  = 0
	typeFixed   = 1
	typeDynamic = 2
)

// preOrder is the order in which the lengths of the code for code lengths come.
// RFC 1951 §3.2.7.
var preOrder = [numPre]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// span is what a length or distance symbol stands for: base and the value of as
// many bits as follow it.
type span struct {
	base uint16
	bits uint8
}

// lengthSpans is for the symbols from 257 on, distSpans for all distances.
var lengthSpans, distSpans = makeSpans()

func makeSpans() (lengths [29]span, dists [numDist]span) {
	next := minMatch
	for i := range lengths {
		s := span{base: uint16(next)}
		if i >= 8 {
			s.bits = uint8(i/4 - 1)
		}
		lengths[i] = s
		next += 1 << s.bits
	}
	lengths[28] = span{base: maxMatch} // which the symbol before could express, too
	next = 1
	for i := range dists {
		s := span{base: uint16(next)}
		if i >= 4 {
			s.bits = uint8(i/2 - 1)
		}
		dists[i] = s
		next += 1 << s.bits
	}
	return lengths, dists
}

// fixedLit and fixedDist are the code lengths of RFC 1951 §3.2.6.
var fixedLit, fixedDist = makeFixed()

func makeFixed() (lit [288]uint8, dist [32]uint8) {
	for i := range lit {
		switch {
		case i < 144:
			lit[i] = 8
		case i < 256:
			lit[i] = 9
		case i < 280:
			lit[i] = 7
		default:
			lit[i] = 8
		}
	}
	for i := range dist {
		dist[i] = 5
	}
	return lit, dist
}
