//go:build !purego

package wire

// maskVectorMin is the length from which on AVX2 is faster than words are.
const maskVectorMin = 256

// maskVectors masks as much of b as is whole vectors and returns its length, a
// multiple of four: the key after it is the same. b has maskVectorMin bytes.
func maskVectors(b []byte, key uint32) int {
	if !hasAVX2 {
		return 0
	}
	n := len(b) &^ 31
	maskAVX2(&b[0], n, key)
	return n
}

// maskAVX2 masks n bytes from p on, a multiple of 32, at any alignment.
//
//go:noescape
func maskAVX2(p *byte, n int, key uint32)
