package wire

import (
	"bytes"
	"fmt"
	"math/bits"
	"testing"
)

// maskByByte is RFC 6455 §5.3 to the letter: "Octet i of the transformed data
// ("transformed-octet-i") is the XOR of octet i of the original data
// ("original-octet-i") with octet at index i modulo 4 of the masking key".
func maskByByte(b []byte, key uint32, from int) {
	for i := range b {
		b[i] ^= byte(key >> (8 * ((from + i) % 4)))
	}
}

// Every length around the strides of Mask, at many alignments and with the key
// at each of its bytes, with vectors and without; what is around stays as it is.
func TestMask(t *testing.T) {
	material := make([]byte, 700)
	for i := range material {
		material[i] = byte(i * 31)
	}
	masks := func() {
		for n := range 600 {
			for _, at := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 14, 31, 32, 33} {
				for phase := range 4 {
					key := bits.RotateLeft32(0x3d21fa37, -8*phase)
					got, want := bytes.Clone(material[:at+n+40]), bytes.Clone(material[:at+n+40])
					turned := Mask(got[at:at+n], key)
					maskByByte(want[at:at+n], 0x3d21fa37, phase)
					if !bytes.Equal(got, want) {
						t.Fatalf("%d bytes at %d differ", n, at)
					}
					if want := bits.RotateLeft32(key, -8*n); turned != want {
						t.Fatalf("key after %d bytes is %08x, want %08x", n, turned, want)
					}
				}
			}
		}
	}
	masks()
	plainly(masks)
}

// FuzzMask: masking in parts is masking byte by byte.
func FuzzMask(f *testing.F) {
	f.Add([]byte("Hello"), uint32(0x3d21fa37), uint16(0), uint16(0))
	f.Add(bytes.Repeat([]byte("0123456789"), 40), uint32(0xff000001), uint16(3), uint16(129))
	f.Add(bytes.Repeat([]byte{0xff}, 65), uint32(0), uint16(64), uint16(1))
	f.Add(bytes.Repeat([]byte("abc"), 300), uint32(0x01020304), uint16(257), uint16(415))
	f.Fuzz(func(t *testing.T, b []byte, key uint32, one, two uint16) {
		want := bytes.Clone(b)
		maskByByte(want, key, 0)
		got := bytes.Clone(b)
		i := min(int(one), len(b))
		j := min(i+int(two), len(b))
		plain := bytes.Clone(b)
		plainly(func() { Mask(plain, key) })
		if !bytes.Equal(plain, want) {
			t.Fatalf("plain Go: got %x, want %x", plain, want)
		}
		k := Mask(got[:i], key)
		k = Mask(got[i:j], k)
		k = Mask(got[j:], k)
		if !bytes.Equal(got, want) {
			t.Fatalf("cut at %d and %d: got %x, want %x", i, j, got, want)
		}
		tail, oracle := make([]byte, 4), make([]byte, 4)
		Mask(tail, k)
		maskByByte(oracle, key, len(b))
		if !bytes.Equal(tail, oracle) {
			t.Fatalf("key turned to %08x after %d bytes", k, len(b))
		}
		if Mask(got, key); !bytes.Equal(got, b) {
			t.Fatal("masking twice is not unmasking")
		}
	})
}

// BenchmarkMask has both ways side by side, at the alignment that the header of
// a client's frame leaves.
func BenchmarkMask(b *testing.B) {
	for _, n := range []int{8, 64, 125, 256, 1 << 10, 16 << 10, 1 << 20} {
		p := make([]byte, n+14)[14:]
		mask := func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Mask(p, 0x3d21fa37)
			}
		}
		b.Run(fmt.Sprint(n), mask)
		b.Run(fmt.Sprint(n, "/plain"), func(b *testing.B) { plainly(func() { mask(b) }) })
	}
}
