package hub_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
)

// A moody connection takes some of what it gets, at once or after a while, and
// dies now and then.
type moody struct {
	rnd  *rand.Rand // of one goroutine at a time: the hub's
	dies float64    // chance that a send fails
	lazy float64    // chance that not all is taken at once
	rest func()     // how it waits

	mu    sync.Mutex // guards what is below
	got   []*hub.Message
	ended error
}

var errDied = errors.New("the connection died")

func (m *moody) take(batch []*hub.Message) (int, error) {
	n := len(batch)
	if m.rnd.Float64() < m.lazy {
		n = m.rnd.IntN(n + 1)
	}
	var err error
	if m.rnd.Float64() < m.dies {
		err = errDied
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, batch[:n]...)
	return n, err
}

// TrySend implements [hub.Outlet].
func (m *moody) TrySend(batch []*hub.Message) (int, error) { return m.take(batch) }

// Send implements [hub.Outlet].
func (m *moody) Send(ctx context.Context, batch []*hub.Message) (int, error) {
	for {
		if m.rest(); ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if n, err := m.take(batch); n > 0 || err != nil {
			return n, err
		}
	}
}

// Close implements [hub.Outlet].
func (m *moody) Close(why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = why
}

// ledger is what one run wants to hold.
type ledger struct {
	messages int
	sure     bool                   // that of every kind of loss there is some: it does not depend on the scheduler
	rest     func()                 // how somebody slow waits
	pace     func(i int)            // between publications
	until    func(done func() bool) // waits
}

// run publishes into a channel of each kind while members come, are slow, die and
// come back. Then the books must balance: what was queued for a member was
// delivered or reported lost; what was delivered came in order and once; and
// where there is history, the visits of a member together have everything.
func (l ledger) run(t *testing.T, seed uint64) {
	h := open(t, hub.Options{
		Namespaces: []hub.Namespace{
			{Name: "newest", Slow: hub.DropNewest, MaySubscribe: hub.Anyone},
			{Name: "oldest", Slow: hub.DropOldest, MaySubscribe: hub.Anyone},
			{Name: "price", Slow: hub.Conflate, MaySubscribe: hub.Anyone},
			{Name: "live", MaySubscribe: hub.Anyone},
			{Name: "log", History: hub.History{Size: 1 << 20, TTL: time.Hour}, MaySubscribe: hub.Anyone},
		},
		QueueMessages: 20,
	})
	channels := []string{"newest:x", "oldest:x", "price:x", "live:x", "log:x"}
	var published atomic.Bool
	var wg sync.WaitGroup
	for i := range 4 * len(channels) {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		channel := channels[i%len(channels)]
		wg.Go(func() { l.visits(t, h, channel, rnd, &published) }) // ends when all is published and known
	}
	for i := range l.messages {
		for _, channel := range channels {
			_, err := h.Publish(t.Context(), channel, strconv.AppendInt(nil, int64(i), 10), &hub.PublishOptions{Key: fmt.Sprint(i % 7)})
			if err != nil {
				t.Errorf("Publish: %v", err)
			}
		}
		l.pace(i)
	}
	published.Store(true)
	wg.Wait()
	s := h.Stats()
	if s.Offered != s.Delivered+s.DroppedNewest+s.DroppedOldest+s.Conflated+s.Abandoned || s.Members != 0 || s.Clients != 0 {
		t.Errorf("the hub's books do not balance: %+v", s)
	}
	if l.sure && (s.DroppedNewest == 0 || s.DroppedOldest == 0 || s.Conflated == 0 || s.Abandoned == 0 || s.Disconnected == 0) {
		t.Errorf("not everything has happened: %+v", s)
	}
}

// visits has a member come again and again.
func (l ledger) visits(t *testing.T, h *hub.Hub, channel string, rnd *rand.Rand, published *atomic.Bool) {
	var story []int
	opts := &hub.JoinOptions{Last: -1}
	for {
		last := published.Load()
		m := &moody{rnd: rand.New(rand.NewPCG(rnd.Uint64(), 0)), dies: 0.02, lazy: 0.5, rest: l.rest}
		if last {
			m.dies, m.lazy = 0, 0
		}
		c, err := h.Connect(m, nil)
		if err != nil {
			t.Errorf("Connect: %v", err)
			return
		}
		w, err := c.Join(t.Context(), channel, opts)
		if err != nil {
			if !errors.Is(err, hub.ErrSlow) && !errors.Is(err, errDied) {
				t.Errorf("Join: %v", err)
			}
			c.Close()
			continue
		}
		if opts.Since != nil && !w.Recovered {
			t.Errorf("%s: not recovered since %+v", channel, opts.Since)
		}
		l.until(func() bool { return c.Err() != nil || c.Stats().Queued == 0 && (last || published.Load()) })
		c.Close()
		l.until(func() bool { return c.Stats().Queued == 0 })
		s := c.Stats()
		if s.Offered != s.Delivered+s.DroppedNewest+s.DroppedOldest+s.Conflated+s.Abandoned {
			t.Errorf("%s: the books do not balance: %+v", channel, s)
		}
		m.mu.Lock()
		if uint64(len(m.got)) != s.Delivered {
			t.Errorf("%s: %d messages came, %d were counted", channel, len(m.got), s.Delivered)
		}
		checkOrder(t, channel, m.got)
		for _, x := range m.got {
			n, _ := strconv.Atoi(string(x.Data))
			story = append(story, n)
			if x.Offset != 0 {
				opts.Since = &hub.Position{Epoch: x.Epoch, Offset: x.Offset}
			}
		}
		m.mu.Unlock()
		if last {
			break
		}
	}
	if channel != "log:x" {
		return
	}
	for i, n := range story {
		if n != i {
			t.Errorf("the story has %d where %d was due", n, i)
			return
		}
	}
	if len(story) != l.messages {
		t.Errorf("of %d messages the story has %d", l.messages, len(story))
	}
}

// checkOrder wants messages in the order of their publication, and none twice;
// where they are conflated, those of each key.
func checkOrder(t *testing.T, channel string, got []*hub.Message) {
	last := map[string]int{}
	for _, m := range got {
		key := ""
		if channel == "price:x" {
			key = m.Key
		}
		n, err := strconv.Atoi(string(m.Data))
		if before, ok := last[key]; err != nil || ok && n <= before {
			t.Errorf("%s: %q came after %d", channel, m.Data, before)
			return
		}
		last[key] = n
	}
}

func TestLedger(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			l := ledger{
				messages: 1000,
				sure:     true,
				rest:     func() { time.Sleep(20 * time.Millisecond) },
				pace: func(i int) {
					if i%5 == 0 {
						time.Sleep(time.Millisecond)
					}
				},
				until: func(done func() bool) {
					for !done() {
						time.Sleep(time.Millisecond)
					}
				},
			}
			l.run(t, seed)
		})
	}
}

// The same on real goroutines, where they really meet.
func TestLedgerOfRealGoroutines(t *testing.T) {
	l := ledger{
		messages: 2000,
		rest:     func() { time.Sleep(2 * time.Millisecond) },
		pace:     func(int) { runtime.Gosched() },
		until: func(done func() bool) {
			for !done() {
				time.Sleep(50 * time.Microsecond)
			}
		},
	}
	l.run(t, 1)
}
