package nats

import (
	"container/list"
	"sync"
)

// budget bounds what all tails of a node take. The one that has not grown for the
// longest time makes room.
type budget struct {
	most int64

	mu    sync.Mutex // guards what is below, and place and counted of each feed; locked after a feed's
	used  int64
	order list.List // of *feed
}

// account notes how much f's tail takes now. f.mu is held.
func (b *budget) account(f *feed) {
	if !f.cached {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.countLocked(f)
	for tries := b.order.Len(); b.used > b.most && tries > 0; tries-- {
		v := b.order.Front().Value.(*feed)
		if v == f {
			f.tail.drop()
			b.countLocked(f)
		} else if v.mu.TryLock() { // who holds it may be waiting for mu
			v.tail.drop()
			b.countLocked(v)
			v.mu.Unlock()
		} else {
			b.order.MoveToBack(b.order.Front())
		}
	}
}

func (b *budget) countLocked(f *feed) {
	size := f.tail.size
	b.used += size - f.counted
	f.counted = size
	switch {
	case size == 0 && f.place != nil:
		b.order.Remove(f.place)
		f.place = nil
	case size > 0 && f.place == nil:
		f.place = b.order.PushBack(f)
	case size > 0:
		b.order.MoveToBack(f.place)
	}
}
