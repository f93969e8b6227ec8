package load

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// However a stream is cut, the same messages are counted.
func TestCounter(t *testing.T) {
	frame := func(first byte, n int) []byte {
		f := []byte{first, byte(n)}
		if n >= 126 {
			f = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(n))
		}
		return append(f, bytes.Repeat([]byte{0x81}, n)...)
	}
	stream := bytes.Join([][]byte{
		frame(0x82, 5), frame(0x82, 0), frame(0x89, 3), // a ping
		frame(0x02, 200), frame(0x8a, 0), frame(0x80, 0), // a message in two frames, a pong between
		appendFrame(nil, 0x82, make([]byte, 70)), appendFrame(nil, 0x82, make([]byte, 70_000)), frame(0x82, 126),
	}, nil)
	const want = 6
	for step := 1; step < 300; step++ {
		var f counter
		got := 0
		for p := stream; len(p) > 0; {
			n := min(step, len(p))
			got += f.count(p[:n])
			p = p[n:]
		}
		if got != want {
			t.Fatalf("in steps of %d bytes: %d messages, want %d", step, got, want)
		}
	}
}
