package websocket

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
)

// keyBytes is a supply of random bytes that saves a call of the system for each
// frame. A key is taken out of it once.
type keyBytes struct {
	left int
	b    [512]byte
}

var keySupply = sync.Pool{New: func() any { return new(keyBytes) }}

// maskKey returns a fresh masking key. "The masking key needs to be
// unpredictable; thus, the masking key MUST be derived from a strong source of
// entropy…" RFC 6455 §5.3.
func maskKey() uint32 {
	k := keySupply.Get().(*keyBytes)
	if k.left < 4 {
		rand.Read(k.b[:]) // never fails
		k.left = len(k.b)
	}
	k.left -= 4
	key := binary.LittleEndian.Uint32(k.b[k.left:])
	keySupply.Put(k)
	return key
}
