package hub

import "sync/atomic"

// counters are Stats while they are counted.
type counters struct {
	published, delivered, disconnected, mended, lost atomic.Uint64
}
