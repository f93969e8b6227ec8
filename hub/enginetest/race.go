package enginetest

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/wye-org/wye/hub"
)

// race has a publisher run while another node subscribes and then reads: what it
// reads and what it is handed must be, together, everything, and without a gap.
func race(tr *trial) {
	a, b := tr.node("a"), tr.node("b")
	workers := max(2, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	var next atomic.Int64
	var failed atomic.Bool
	for range workers {
		wg.Go(func() { // ends after all interleavings; waited for below
			for !failed.Load() {
				i := next.Add(1)
				if i > int64(tr.interleavings()) {
					return
				}
				ch := in(&small, "race "+strconv.FormatInt(i, 10))
				if err := interleave(a, b, ch, int(i)); err != nil {
					failed.Store(true)
					tr.errorf("interleaving %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
}

// interleave is one race, with one to four messages.
func interleave(a, b *node, ch hub.Channel, i int) error {
	messages := 1 + i%4
	published := make(chan error, 1)
	go func() { // ends when it has published; received below
		for j := range messages {
			if _, err := a.Publish(a.ctx(), ch, &hub.Message{Channel: ch.Name, Data: strconv.AppendInt(nil, int64(j), 10)}, ""); err != nil {
				published <- err
				return
			}
		}
		published <- nil
	}()
	for range i % 7 {
		runtime.Gosched()
	}
	if err := b.Subscribe(b.ctx(), ch); err != nil {
		return err
	}
	page, err := b.Read(b.ctx(), ch, hub.Query{Limit: -1})
	if err != nil {
		return err
	}
	if err := <-published; err != nil {
		return err
	}
	got := len(page.Messages)
	missing := func() bool { return a.stands(ch).Offset != lastOffset(page, b.heard(ch)) }
	for range 1000 {
		if !missing() {
			break
		}
		runtime.Gosched()
	}
	if missing() {
		b.quiet()
	}
	top := page.Top
	for _, m := range b.heard(ch) {
		switch {
		case m.Offset <= top.Offset:
			continue
		case m.Prev != top.Offset:
			return fmt.Errorf("a message at %d follows %d; the position is %d", m.Offset, m.Prev, top.Offset)
		case m.Epoch != top.Epoch:
			return fmt.Errorf("a message of epoch %q follows one of %q", m.Epoch, top.Epoch)
		}
		top = m.Position
		got++
	}
	b.Unsubscribe(ch)
	b.forgetAll(ch)
	if stands := a.stands(ch); top != stands {
		return fmt.Errorf("what was read and handed over goes up to %+v; the history stands at %+v", top, stands)
	}
	if got != messages {
		return fmt.Errorf("of %d messages %d were read and %d handed over after that", messages, len(page.Messages), got-len(page.Messages))
	}
	return nil
}

// stands is where the history does, for any goroutine.
func (n *node) stands(ch hub.Channel) hub.Position {
	page, err := n.Read(n.ctx(), ch, hub.Query{})
	if err != nil {
		n.errorf("Read: %v", err)
	}
	return page.Top
}

func lastOffset(page hub.Page, heard []*hub.Message) uint64 {
	last := page.Top.Offset
	for _, m := range heard {
		last = max(last, m.Offset)
	}
	return last
}

// forgetAll gives the memory of what was heard back.
func (n *node) forgetAll(ch hub.Channel) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.got, ch.Name)
}
