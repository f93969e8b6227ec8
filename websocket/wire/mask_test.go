package wire

import (
	"bytes"
	"fmt"
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

// Every length around the strides of Mask, at every alignment.
func TestMask(t *testing.T) {
	const key = 0x3d21fa37
	for n := range 300 {
		for at := range 9 {
			got, want := make([]byte, at+n+8), make([]byte, at+n+8)
			for i := range got {
				got[i], want[i] = byte(i*31), byte(i*31)
			}
			turned := Mask(got[at:at+n], key)
			maskByByte(want[at:at+n], key, 0)
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes at %d differ", n, at)
			}
			maskByByte(got[at+n:], turned, 0)
			maskByByte(want[at+n:], key, n)
			if !bytes.Equal(got, want) {
				t.Fatalf("key after %d bytes is %08x", n, turned)
			}
		}
	}
}

// FuzzMask: masking in parts is masking byte by byte.
func FuzzMask(f *testing.F) {
	f.Add([]byte("Hello"), uint32(0x3d21fa37), uint16(0), uint16(0))
	f.Add(bytes.Repeat([]byte("0123456789"), 40), uint32(0xff000001), uint16(3), uint16(129))
	f.Add(bytes.Repeat([]byte{0xff}, 65), uint32(0), uint16(64), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, key uint32, one, two uint16) {
		want := bytes.Clone(b)
		maskByByte(want, key, 0)
		got := bytes.Clone(b)
		i := min(int(one), len(b))
		j := min(i+int(two), len(b))
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

func BenchmarkMask(b *testing.B) {
	for _, n := range []int{8, 64, 125, 1 << 10, 16 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := make([]byte, n)
			b.SetBytes(int64(n))
			for b.Loop() {
				Mask(p, 0x3d21fa37)
			}
		})
	}
}
