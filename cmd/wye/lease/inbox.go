package lease

import (
	"context"
	"sync"

	"github.com/wye-org/wye/hub"
)

// inbox is how the hub reaches a Lease, which never has to be waited for.
type inbox struct {
	more chan struct{} // has room for one: there is something to take

	mu       sync.Mutex // guards what is below
	messages []*hub.Message
	ended    error
}

// TrySend implements [hub.Outlet].
func (b *inbox) TrySend(batch []*hub.Message) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range batch {
		if m.Kind == hub.Data {
			b.messages = append(b.messages, m)
		}
	}
	if drop := len(b.messages) - keptMost; drop > 0 {
		b.messages = append(b.messages[:0], b.messages[drop:]...)
	}
	b.wake()
	return len(batch), nil
}

// keptMost bounds what waits: the last words are what counts.
const keptMost = 64

// Send implements [hub.Outlet].
func (b *inbox) Send(_ context.Context, batch []*hub.Message) (n int, err error) {
	return b.TrySend(batch)
}

// Close implements [hub.Outlet].
func (b *inbox) Close(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = why
	b.wake()
}

func (b *inbox) wake() {
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// take returns what has come, and whether the hub has ended it.
func (b *inbox) take() (messages []*hub.Message, ended error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages, b.messages = b.messages, nil
	return messages, b.ended
}

// reset is before the hub is given it.
func (b *inbox) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages, b.ended = nil, nil
}
