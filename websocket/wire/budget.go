package wire

import "sync/atomic"

// Budget bounds the memory that connections keep for the windows of
// permessage-deflate, all of them together. It only counts: what is reserved is
// not allocated. Any number of goroutines may use it; the zero value is ready
// and has 64 MiB.
type Budget struct {
	limit int64 // 0: the default
	used  atomic.Int64
}

const defaultBudget = 64 << 20

// processBudget is that of a [Deflate] without one.
var processBudget Budget

// NewBudget returns a Budget of limit bytes. Zero or less means none at all: no
// connection takes over then.
func NewBudget(limit int64) *Budget { return &Budget{limit: max(limit, 0) + 1} }

// Limit returns how many bytes may be reserved.
func (b *Budget) Limit() int64 {
	if b.limit == 0 {
		return defaultBudget
	}
	return b.limit - 1
}

// Used returns how many bytes are reserved.
func (b *Budget) Used() int64 { return b.used.Load() }

// Reserve takes n bytes and reports whether they were there.
func (b *Budget) Reserve(n int64) bool {
	if n < 0 {
		return false
	}
	for {
		used := b.used.Load()
		if used > b.Limit()-n {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Release gives back n bytes that were reserved. To give back more than that
// leaves nothing reserved.
func (b *Budget) Release(n int64) {
	for n > 0 {
		used := b.used.Load()
		if b.used.CompareAndSwap(used, max(used-n, 0)) {
			return
		}
	}
}

// lease is what one connection has of a Budget.
type lease struct {
	from *Budget
	size atomic.Int64
}

func (l *lease) release() {
	if l != nil {
		l.from.Release(l.size.Swap(0))
	}
}
