package nats_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye/hub"
)

// A ledger is what was published into channels through some hubs, and what their
// members were told, of whom each hub has one for each channel. They come back when
// they are ended, with the position of the last message that they have.
type ledger struct {
	t        testing.TB
	hubs     []*hub.Hub
	channels []string
	lossy    bool // histories may be lost

	acked   atomic.Int64
	refused atomic.Int64
	again   atomic.Int64 // acknowledged as duplicates
	worst   atomic.Int64 // the longest that a message took to be acknowledged
	back    atomic.Int64 // members that came back
	anew    atomic.Int64 // of these, who were not told all that they missed

	members []*reader
}

// reader is a member that comes back.
type reader struct {
	l       *ledger
	hub     *hub.Hub
	channel string

	mu    sync.Mutex // guards what is below
	got   []string
	at    hub.Position
	ended chan error
}

// logs is a namespace whose histories are long enough for every test.
func logs() hub.Namespace {
	return hub.Namespace{Name: "log", History: hub.History{Size: 10_000, TTL: time.Hour}, Presence: hub.Presence{TTL: 3 * time.Second}, MaySubscribe: hub.Anyone, MayPublish: hub.Anyone}
}

// open opens a hub that ends with the test.
func openHub(t testing.TB, e hub.Engine, namespaces ...hub.Namespace) *hub.Hub {
	t.Helper()
	if len(namespaces) == 0 {
		namespaces = []hub.Namespace{logs()}
	}
	h, err := hub.New(hub.Options{Engine: e, Namespaces: namespaces, QueueMessages: 20_000, QueueBytes: 64 << 20, CheckEvery: time.Second, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// newLedger has members join on each of the hubs.
func newLedger(t testing.TB, hubs []*hub.Hub, channels int) *ledger {
	l := &ledger{t: t, hubs: hubs}
	for i := range channels {
		l.channels = append(l.channels, fmt.Sprint("log:", i))
	}
	for _, h := range hubs {
		for _, ch := range l.channels {
			r := &reader{l: l, hub: h, channel: ch, ended: make(chan error, 1)}
			if err := r.join(nil); err != nil {
				t.Fatal(err)
			}
			l.members = append(l.members, r)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, r := range l.members {
		all.Go(func() { r.stay(ctx) }) // ends with the test
	}
	t.Cleanup(func() { cancel(); all.Wait() })
	return l
}

func (r *reader) join(since *hub.Position) error {
	c, err := r.hub.Connect(r, nil)
	if err != nil {
		return err
	}
	w, err := c.Join(context.Background(), r.channel, &hub.JoinOptions{Since: since, Last: -1, Greet: func(w *hub.Welcome) []*hub.Message {
		r.mu.Lock()
		defer r.mu.Unlock()
		if since != nil && !w.Recovered {
			r.got = append(r.got, "lost")
		}
		r.at = w.Position
		for _, m := range w.Messages {
			r.got = append(r.got, string(m.Data))
		}
		return nil
	}})
	if err != nil {
		c.Close()
		return err
	}
	if since != nil && !w.Recovered {
		r.l.anew.Add(1)
		if !r.l.lossy {
			r.l.t.Errorf("%s: not recovered since %+v; it stands at %+v", r.channel, *since, w.Position)
		}
	}
	return nil
}

// stay joins again whenever the member was ended.
func (r *reader) stay(ctx context.Context) {
	for {
		select {
		case <-r.ended:
		case <-ctx.Done():
			return
		}
		r.l.back.Add(1)
		for ctx.Err() == nil {
			r.mu.Lock()
			since := r.at
			r.mu.Unlock()
			if r.join(&since) == nil {
				break
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// TrySend implements [hub.Outlet].
func (r *reader) TrySend(batch []*hub.Message) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range batch {
		r.got = append(r.got, string(m.Data))
		r.at = m.Position
	}
	return len(batch), nil
}

// Send implements [hub.Outlet].
func (r *reader) Send(_ context.Context, batch []*hub.Message) (int, error) { return r.TrySend(batch) }

// Close implements [hub.Outlet].
func (r *reader) Close(why error) {
	if !errors.Is(why, hub.ErrClosed) {
		r.ended <- why
	}
}

func (r *reader) story() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// publish publishes n messages into each channel, from the first two hubs in turn,
// and each until it is acknowledged.
func (l *ledger) publish(from, n int, pace time.Duration) {
	var all sync.WaitGroup
	for i, ch := range l.channels {
		all.Go(func() { // ends when all is acknowledged
			for k := from; k < from+n; k++ {
				l.say(l.hubs[(i+k)%min(2, len(l.hubs))], ch, k)
				if pace > 0 {
					time.Sleep(pace)
				}
			}
		})
	}
	all.Wait()
}

// say publishes one message until it is acknowledged.
func (l *ledger) say(h *hub.Hub, ch string, k int) {
	began := time.Now()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		r, err := h.Publish(ctx, ch, []byte(strconv.Itoa(k)), &hub.PublishOptions{IdempotencyKey: strconv.Itoa(k)})
		cancel()
		switch {
		case err == nil:
			l.acked.Add(1)
			if r.Duplicate {
				l.again.Add(1)
			}
			for took := int64(time.Since(began)); ; {
				worst := l.worst.Load()
				if took <= worst || l.worst.CompareAndSwap(worst, took) {
					return
				}
			}
		case !errors.Is(err, hub.ErrUnavailable):
			l.t.Errorf("publishing %d into %s: %v", k, ch, err)
			return
		case time.Since(began) > 2*time.Minute:
			l.t.Errorf("publishing %d into %s: still %v", k, ch, err)
			return
		}
		l.refused.Add(1)
		time.Sleep(20 * time.Millisecond)
	}
}

// whole waits until every member knows as many messages, and wants of each member
// that it was told every number from 0 on, once and in order: nothing that was
// acknowledged is missing, nothing is there twice, and the order is one.
func (l *ledger) whole(n int) {
	l.t.Helper()
	want := make([]string, n)
	for i := range want {
		want[i] = strconv.Itoa(i)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		missing := 0
		for _, r := range l.members {
			if len(r.story()) < n {
				missing++
			}
		}
		if missing == 0 || time.Now().After(end) {
			break
		}
	}
	for i, r := range l.members {
		if got := r.story(); !slices.Equal(got, want) {
			at := 0
			for at < len(got) && at < n && got[at] == want[at] {
				at++
			}
			l.t.Errorf("member %d of %s has %d messages, want %d; they differ from number %d on: %q", i, r.channel, len(got), n, at, got[at:min(at+5, len(got))])
		}
	}
}

// report says what happened.
func (l *ledger) report() {
	delivered := 0
	for _, r := range l.members {
		delivered += len(r.story())
	}
	mended, lost := uint64(0), uint64(0)
	for _, h := range l.hubs {
		s := h.Stats()
		mended += s.Mended
		lost += s.Lost
	}
	l.t.Logf("published %d (of these %d told to be duplicates), delivered %d to %d members, recovered: %d gaps closed by reading and %d members that came back, refused %d times; lost %d; the longest publication took %v",
		l.acked.Load(), l.again.Load(), delivered, len(l.members), mended, l.back.Load()-l.anew.Load(), l.refused.Load(), lost, time.Duration(l.worst.Load()).Round(time.Millisecond))
}
