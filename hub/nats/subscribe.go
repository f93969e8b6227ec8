package nats

import (
	"container/list"
	"context"
	"strconv"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/wye-org/wye/hub"
)

// feed is a channel that the node has subscribed.
type feed struct {
	ch     hub.Channel
	stream *stream // nil: the channel has no history
	stored string  // the subject that it is stored under
	sub    *natsgo.Subscription

	mu      sync.Mutex // guards what is below; held while messages are handed over
	known   bool       // tail is
	cached  bool       // it counts in the budget
	tail    tail
	handed  uint64        // the highest sequence that was handed over
	changed chan struct{} // closed when tail grows; nil: nobody waits
	loading bool          // Subscribe has not returned yet
	held    []*natsgo.Msg // came meanwhile

	place   *list.Element // in the budget; nil: it takes nothing
	counted int64         // what it takes there
}

// subjects are where a channel is stored and where its messages come from.
func (l *link) subjects(ch hub.Channel) (s *stream, stored, live string) {
	t := token(rest(ch))
	streams := l.streams[ch.Namespace.Name]
	if len(streams) == 0 {
		return nil, "", l.opt.Prefix + ".c.n" + ch.Namespace.Name + "." + t
	}
	s = streams[bucketOf(ch.Name, len(streams))]
	return s, s.prefix + t, s.live + t
}

// Subscribe implements [hub.Link].
func (l *link) Subscribe(ctx context.Context, ch hub.Channel) error {
	if err := l.ready(); err != nil {
		return err
	}
	s, stored, live := l.subjects(ch)
	f := &feed{ch: ch, stream: s, stored: stored, loading: true, cached: true}
	l.mu.Lock()
	l.feeds[live] = f
	l.mu.Unlock()
	if err := l.subscribe(ctx, f, live); err != nil {
		l.Unsubscribe(ch)
		return err
	}
	return nil
}

func (l *link) subscribe(ctx context.Context, f *feed, live string) error {
	sub, err := l.nc.ChanSubscribe(live, l.inbox)
	if err != nil {
		return explain(err)
	}
	f.sub = sub
	if err := l.settle(ctx); err != nil {
		return err
	}
	if f.stream != nil {
		if err := l.settleLeader(ctx, f.stream); err != nil {
			return err
		}
		if err := l.loads.do(ctx, l.start, f.stored, func() error { return l.load(l.ctx, f) }); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handed = f.tail.top
	f.loading = false
	for _, m := range f.held {
		l.handLocked(f, m)
	}
	f.held = nil
	return nil
}

// Unsubscribe implements [hub.Link].
func (l *link) Unsubscribe(ch hub.Channel) {
	_, _, live := l.subjects(ch)
	l.mu.Lock()
	f := l.feeds[live]
	delete(l.feeds, live)
	l.mu.Unlock()
	if f == nil {
		return
	}
	if f.sub != nil {
		f.sub.Unsubscribe() // the error is that there is no connection
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tail.drop()
	l.tails.account(f)
	f.known, f.cached = false, false
}

// heldMost bounds what waits for a Subscribe to return. What comes then is read.
const heldMost = 1024

// receive hands over what comes, until the link ends.
func (l *link) receive() {
	for {
		select {
		case m := <-l.inbox:
			l.mu.Lock()
			f := l.feeds[m.Subject]
			l.mu.Unlock()
			if f != nil {
				f.mu.Lock()
				l.takeLocked(f, m)
				f.mu.Unlock()
			}
		case <-l.ctx.Done():
			return
		}
	}
}

func (l *link) takeLocked(f *feed, m *natsgo.Msg) {
	if !f.loading {
		l.handLocked(f, m)
	} else if len(f.held) < heldMost {
		f.held = append(f.held, m)
	}
}

// handLocked hands a message to the node, with its place in the history if it has
// one. f.mu is held.
func (l *link) handLocked(f *feed, m *natsgo.Msg) {
	msg, err := parseMessage(m.Data, f.ch.Name)
	if err != nil {
		l.opt.Logger.Warn("hub/nats: a message is not understood", "channel", f.ch.Name, "err", err)
		return
	}
	if m.Header.Get("Nats-Sequence") == "" {
		l.r.Receive(msg)
		return
	}
	if f.stream == nil {
		return // it was stored where this channel is not
	}
	r, err := recordOf(m)
	prev, ok := parseSeq(m.Header.Get("Nats-Last-Sequence"))
	if err != nil || !ok {
		l.opt.Logger.Warn("hub/nats: a message says no place", "channel", f.ch.Name)
		return
	}
	if !f.stream.current().has(r.seq) {
		// The stream has lost its messages, and somebody knows already.
		f.mu.Unlock()
		_, err := l.recheck(l.ctx, f.stream)
		f.mu.Lock()
		if err != nil || !f.stream.current().has(r.seq) {
			return // the node finds it when it looks at the position
		}
	}
	f.stream.saw(r.seq)
	if r.seq <= f.handed && f.stream.current().has(f.handed) {
		return
	}
	f.handed = r.seq
	l.placeLocked(f, stored{msg, r.at}, r.seq, prev)
	l.r.Receive(msg)
}

// placeLocked gives m its place, and puts it into the tail. f.mu is held.
func (l *link) placeLocked(f *feed, m stored, seq, prev uint64) {
	e := f.stream.current()
	m.Position, m.Time = hub.Position{Epoch: e.ID, Offset: seq}, m.at
	if e.has(prev) {
		m.Prev = prev
	}
	t := &f.tail
	switch {
	case f.known && t.epoch.ID == e.ID && seq <= t.top: // it was read before it came
		for _, x := range t.msgs {
			if x.Offset == seq && m.Prev == 0 {
				m.Prev = x.Prev
			}
		}
		return
	case m.Prev == 0 && f.known && t.epoch.ID == e.ID && t.surely(f.stream, time.Now()):
		// What was before it has grown old, or there was nothing.
		m.Prev = t.prev()
	case m.Prev == 0:
		// Whatever was before it, nothing is between it and the sequence before.
		t.begin(e, seq-1, m.at)
		f.known, m.Prev = true, t.prev()
	case !f.known || t.epoch.ID != e.ID || m.Prev != t.prev():
		t.begin(e, m.Prev, m.at)
		f.known = true
	}
	t.add(m)
	t.trim(time.Now(), f.ch.Namespace.History)
	l.tails.account(f)
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

func parseSeq(s string) (seq uint64, ok bool) {
	seq, err := strconv.ParseUint(s, 10, 64)
	return seq, err == nil
}
