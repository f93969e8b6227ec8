package wire

import (
	"encoding/binary"
	"math/bits"
)

// Mask masks or unmasks b in place, which are the same, and returns key turned
// to the byte after b, so that a payload may be masked in parts. The first byte
// of the masking key is the lowest of key. RFC 6455 §5.3.
func Mask(b []byte, key uint32) uint32 {
	next := bits.RotateLeft32(key, -8*(len(b)&3))
	if len(b) >= maskVectorMin {
		b = b[maskVectors(b, key):]
	}
	k := uint64(key) | uint64(key)<<32
	for len(b) >= 64 {
		w := (*[64]byte)(b)
		xor8(w[0:8], k)
		xor8(w[8:16], k)
		xor8(w[16:24], k)
		xor8(w[24:32], k)
		xor8(w[32:40], k)
		xor8(w[40:48], k)
		xor8(w[48:56], k)
		xor8(w[56:64], k)
		b = b[64:]
	}
	for len(b) >= 8 {
		xor8(b, k)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(k)
		k >>= 8
	}
	return next
}

// xor8 masks eight bytes: one load and one store where words need no alignment.
func xor8(b []byte, k uint64) {
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
}
