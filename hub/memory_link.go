package hub

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// memoryLink is one hub's link to a Memory.
type memoryLink struct {
	memory *Memory
	r      Receiver

	mu     sync.Mutex // guards what is below; locked after a log's
	closed bool
	died   time.Time // zero: the node lives, or has left
}

func (k *memoryLink) err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.closed:
		return ErrClosed
	case k.memory.away.Load():
		return ErrUnavailable
	}
	return nil
}

// lease is when the node's members vanish; zero: it lives. A node of this process
// that lives cannot be taken for dead, so there is nothing to renew.
func (k *memoryLink) lease(ttl time.Duration) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.died.IsZero() {
		return time.Time{}
	}
	return k.died.Add(ttl)
}

// Subscribe implements [Link].
func (k *memoryLink) Subscribe(_ context.Context, ch Channel) error {
	m := k.memory
	for {
		l, _, err := m.find(ch, true)
		if err != nil {
			return err
		}
		m.mu.Lock()
		l.mu.Lock()
		dropped := l.dropped
		if !dropped {
			if err = k.err(); err == nil {
				m.wakeLocked(l)
				l.nodes = append(l.nodes, k)
			}
		}
		l.mu.Unlock()
		m.mu.Unlock()
		if err != nil {
			m.look(l) // nothing may be in it
		}
		if !dropped {
			return err
		}
	}
}

// Unsubscribe implements [Link].
func (k *memoryLink) Unsubscribe(ch Channel) {
	m := k.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.logs[ch.Name]
	if l == nil {
		return
	}
	l.mu.Lock()
	before := len(l.nodes)
	l.nodes = slices.DeleteFunc(l.nodes, func(o *memoryLink) bool { return o == k })
	rests := before > 0 && len(l.nodes) == 0
	l.mu.Unlock()
	if rests {
		m.restLocked(l)
		m.lookLocked(l, time.Now())
		m.armLocked()
	}
}

// Publish implements [Link].
func (k *memoryLink) Publish(_ context.Context, ch Channel, msg *Message, key string) (Receipt, error) {
	if err := k.err(); err != nil {
		return Receipt{}, err
	}
	stores := ch.stores() && msg.Kind == Data
	l, scheduled, err := k.memory.locked(ch, stores)
	if l == nil {
		return Receipt{}, err // a live channel that nobody has subscribed
	}
	receipt, err := k.publish(l, msg, key, stores)
	l.mu.Unlock()
	if stores && !scheduled {
		k.memory.look(l)
	}
	return receipt, err
}

// publish stores msg and hands it to the nodes. The log is locked.
func (k *memoryLink) publish(l *log, msg *Message, key string, stores bool) (receipt Receipt, err error) {
	msg.Time = now()
	if stores {
		keys := &k.memory.keys
		keys.Add(-int64(l.expire(msg.Time)))
		if key != "" {
			if earlier, ok := l.keys[key]; ok {
				earlier.Duplicate = true
				return earlier, nil
			}
			if most := k.memory.opt.MaxKeys; keys.Add(1) > int64(most) {
				keys.Add(-1)
				return Receipt{}, fmt.Errorf("%w: it remembers %d idempotency keys already", ErrUnavailable, most)
			}
		}
		receipt = l.store(msg, key)
	}
	for _, node := range l.nodes {
		node.r.Receive(msg)
	}
	return receipt, nil
}

// Read implements [Link].
func (k *memoryLink) Read(_ context.Context, ch Channel, q Query) (Page, error) {
	if err := k.err(); err != nil {
		return Page{}, err
	}
	l, _, err := k.memory.locked(ch, false)
	if l == nil {
		return Page{}, err
	}
	defer l.mu.Unlock()
	k.memory.keys.Add(-int64(l.expire(time.Now())))
	return l.read(q), nil
}

// Enter implements [Link].
func (k *memoryLink) Enter(_ context.Context, ch Channel, who Member) error {
	l, _, err := k.memory.locked(ch, true)
	if l == nil {
		return err
	}
	err = k.err()
	if err == nil {
		l.enter(who, k)
	}
	l.mu.Unlock()
	if err != nil {
		k.memory.look(l) // nothing may be in it
	}
	return err
}

// Exit implements [Link].
func (k *memoryLink) Exit(_ context.Context, ch Channel, id string) error {
	if err := k.err(); err != nil {
		return err
	}
	l, _, err := k.memory.locked(ch, false)
	if l == nil {
		return err
	}
	if m, ok := l.members[id]; ok && m.node == k {
		delete(l.members, id)
	}
	l.mu.Unlock()
	k.memory.look(l)
	return nil
}

// Members implements [Link].
func (k *memoryLink) Members(_ context.Context, ch Channel) ([]Member, error) {
	if err := k.err(); err != nil {
		return nil, err
	}
	l, _, err := k.memory.locked(ch, false)
	if l == nil {
		return nil, err
	}
	defer l.mu.Unlock()
	k.memory.keys.Add(-int64(l.expire(time.Now())))
	members := make([]Member, 0, len(l.members))
	for _, m := range l.members {
		members = append(members, m.Member)
	}
	return members, nil
}

// Ask implements [Asker]. The nodes of this process answer on this goroutine.
func (k *memoryLink) Ask(_ context.Context, question []byte) (answers [][]byte, silent int, err error) {
	if err := k.err(); err != nil {
		return nil, 0, err
	}
	for _, node := range k.memory.all() {
		if a, ok := node.r.(Answerer); ok && node != k {
			answers = append(answers, a.Answer(question))
		}
	}
	return answers, 0, nil
}

// Close implements [Link].
func (k *memoryLink) Close() error {
	if k.memory.away.Load() {
		k.Kill()
		return nil
	}
	k.end(time.Time{}, func(l *log) {
		for id, m := range l.members {
			if m.node == k {
				delete(l.members, id)
			}
		}
	})
	return nil
}

// Kill ends the link as the death of its process would.
func (k *memoryLink) Kill() { k.end(time.Now(), func(*log) {}) }

// end ends the link, and calls f with each log, locked. died is when the node
// died, if it has not just left.
func (k *memoryLink) end(died time.Time, f func(*log)) {
	k.mu.Lock()
	was := k.closed
	k.closed, k.died = true, died
	k.mu.Unlock()
	if was {
		return
	}
	m := k.memory
	m.mu.Lock()
	m.links = slices.DeleteFunc(m.links, func(o *memoryLink) bool { return o == k })
	logs := slices.Collect(maps.Values(m.logs))
	m.mu.Unlock()
	for _, l := range logs {
		l.mu.Lock()
		f(l)
		l.mu.Unlock()
		k.Unsubscribe(l.Channel)
		m.look(l)
	}
}
