package websocket

import (
	"math/bits"
	"sync"
)

// Buffers for messages that come in parts, in powers of two from 512 bytes to
// 64 MiB. Longer ones are left to the garbage collector.
const (
	minBufferBits = 9
	maxBufferBits = 26
)

// buffers keeps slices in boxes, and boxes the boxes that are empty: putting a
// slice itself into a pool would allocate.
var (
	buffers [maxBufferBits + 1]sync.Pool // of *[]byte
	boxes   = sync.Pool{New: func() any { return new([]byte) }}
)

// takeBuffer returns a buffer of n bytes, whose contents are arbitrary.
func takeBuffer(n int) []byte {
	class := max(minBufferBits, bits.Len(uint(max(n, 1)-1)))
	if class > maxBufferBits {
		return make([]byte, n)
	}
	box, ok := buffers[class].Get().(*[]byte)
	if !ok {
		return make([]byte, n, 1<<class)
	}
	b := *box
	*box = nil
	boxes.Put(box)
	return b[:n]
}

// giveBuffer takes back what takeBuffer returned. Nobody may use b any more.
func giveBuffer(b []byte) {
	class := bits.Len(uint(max(cap(b), 1) - 1))
	if class < minBufferBits || class > maxBufferBits || cap(b) != 1<<class {
		return // not from here
	}
	box := boxes.Get().(*[]byte)
	*box = b
	buffers[class].Put(box)
}

// scratch is what frames are read into. Connections share them, and hold one only
// while they read or parse.
type scratch struct{ b []byte }

// The sizes of a scratch, in bytes.
const (
	smallScratch  = 2 << 10  // held by who waits and cannot do so without
	mediumScratch = 16 << 10 // where more than that has come
	socketScratch = 64 << 10 // held only where something has come
)

var scratches [3]sync.Pool // of *scratch

func scratchPool(size int) *sync.Pool {
	switch size {
	case smallScratch:
		return &scratches[0]
	case mediumScratch:
		return &scratches[1]
	}
	return &scratches[2]
}

// takeScratch returns a scratch of one of these sizes, whose contents are
// arbitrary.
func takeScratch(size int) *scratch {
	if s, ok := scratchPool(size).Get().(*scratch); ok {
		return s
	}
	return &scratch{make([]byte, size)}
}

// giveBack takes s back.
func (s *scratch) giveBack() { scratchPool(len(s.b)).Put(s) }
