package nats

import (
	"context"
	"time"

	"github.com/wye-org/wye/hub"
)

// Read implements [hub.Link].
func (l *link) Read(ctx context.Context, ch hub.Channel, q hub.Query) (hub.Page, error) {
	if err := l.ready(); err != nil {
		return hub.Page{}, err
	}
	s, subject, live := l.subjects(ch)
	if s == nil {
		return hub.Page{}, hub.ErrNoHistory
	}
	l.mu.Lock()
	f := l.feeds[live]
	l.mu.Unlock()
	if f == nil || f.loadingNow() {
		// Nobody has subscribed it, so nothing of it is remembered.
		f = &feed{ch: ch, stream: s, stored: subject}
		if err := l.load(ctx, f); err != nil {
			return hub.Page{}, err
		}
		page, _ := f.answer(q)
		return page, nil
	}
	if err := l.looks.do(ctx, l.start, live, func() error { return l.look(f) }); err != nil {
		return hub.Page{}, err
	}
	page, ok := f.answer(q)
	for tries := 0; !ok && tries < 3; tries++ {
		if err := l.loads.do(ctx, l.start, subject, func() error { return l.load(l.ctx, f) }); err != nil {
			return hub.Page{}, err
		}
		page, ok = f.answer(q)
	}
	if !ok {
		return hub.Page{}, away("the history changes faster than it is read")
	}
	return page, nil
}

func (f *feed) loadingNow() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loading
}

// answer answers from the tail, if that has what is asked for.
func (f *feed) answer(q hub.Query) (hub.Page, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known {
		return hub.Page{}, false
	}
	f.tail.trim(time.Now(), f.ch.Namespace.History)
	return f.tail.answer(q)
}

// look compares the tail with where the stream's leader says that the channel
// stands, and reads the history if they differ.
func (l *link) look(f *feed) error {
	ctx, cancel := context.WithTimeout(l.ctx, 3*l.opt.Timeout)
	defer cancel()
	began := time.Now()
	r, err := l.get(ctx, f.stream, getRequest{LastFor: f.stored})
	if err != nil {
		return l.failed(f.stream, err)
	}
	if !f.stream.current().has(r.seq) || r.seq < f.top() {
		// All of it is gone, or some: from age, or with the whole stream.
		if _, err := l.recheck(ctx, f.stream); err != nil {
			return err
		}
	}
	if l.stands(f, r.seq, began) {
		return nil
	}
	if r.seq > 0 {
		// It is most likely on its way.
		late := time.NewTimer(lateMost)
		defer late.Stop()
		for {
			changed := f.growth()
			if l.stands(f, r.seq, began) {
				return nil
			}
			select {
			case <-changed:
				continue
			case <-late.C:
			case <-ctx.Done():
			}
			break
		}
	}
	return l.loads.do(ctx, l.start, f.stored, func() error { return l.load(l.ctx, f) })
}

// lateMost is how long a message may be on its way before it is read.
const lateMost = 50 * time.Millisecond

func (f *feed) top() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tail.top
}

// growth is closed when the tail has grown.
func (f *feed) growth() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return f.changed
}

// stands reports whether the tail is up to a channel's last message, which was at
// seq at a time; 0: there was none.
func (l *link) stands(f *feed, seq uint64, at time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := &f.tail
	switch {
	case !f.known || t.epoch.ID != f.stream.current().ID:
		return false
	case seq > t.top:
		return false
	case seq < t.top && !t.surely(f.stream, at):
		return false
	}
	if at.After(t.sure) {
		t.sure = at
	}
	return true
}

// load reads a channel's whole history into its tail.
func (l *link) load(ctx context.Context, f *feed) error {
	ctx, cancel := context.WithTimeout(ctx, 3*l.opt.Timeout)
	defer cancel()
	for range 5 {
		t, again, err := l.history(ctx, f)
		if err != nil {
			return err
		}
		if !again && l.keep(f, t) {
			return nil
		}
	}
	return away("the history changes while it is read")
}

// keep makes t the tail, with what has come since it was read; ok says that nothing
// is missing between the two.
func (l *link) keep(f *feed, t tail) (ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known && f.tail.epoch.ID == t.epoch.ID && f.tail.top > t.top {
		if f.tail.floor > t.top {
			return false
		}
		for _, m := range f.tail.msgs {
			if m.Offset > t.top {
				t.add(m)
			}
		}
		t.top = f.tail.top
	}
	f.known, f.tail = true, t
	f.tail.trim(time.Now(), f.ch.Namespace.History)
	l.tails.account(f)
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
	return true
}

// history reads what the stream has of a channel. again says that it changed
// meanwhile.
func (l *link) history(ctx context.Context, f *feed) (t tail, again bool, err error) {
	s := f.stream
	began := time.Now()
	top, err := l.get(ctx, s, getRequest{LastFor: f.stored})
	if err != nil {
		return t, false, l.failed(s, err)
	}
	if !s.current().has(top.seq) {
		return l.empty(ctx, f)
	}
	t = tail{epoch: s.current(), sure: began, whole: true}
	s.saw(top.seq)
	records, err := l.readAll(ctx, s, f.stored, t.epoch.Base+1, top.seq)
	if err != nil {
		return t, false, err
	}
	if len(records) == 0 {
		return t, true, nil
	}
	if over := len(records) - f.ch.Namespace.History.Size; over > 0 {
		t.floor = records[over-1].seq
		records = records[over:]
	} else if t.floor, err = l.floor(ctx, s, t.epoch, top.seq); err != nil {
		return t, false, err
	}
	t.top = t.floor
	for _, r := range records {
		m, err := parseMessage(r.data, f.ch.Name)
		if err != nil {
			l.opt.Logger.Warn("hub/nats: a stored message is not understood", "channel", f.ch.Name, "err", err)
			continue
		}
		if !t.epoch.has(r.seq) {
			return t, true, nil
		}
		m.Position, m.Time, m.Prev = hub.Position{Epoch: t.epoch.ID, Offset: r.seq}, r.at, t.prev()
		t.add(stored{m, r.at})
	}
	return t, s.current().ID != t.epoch.ID, nil
}

// floor is a sequence up to which messages may be missing because they were too
// old: all that come after it and are missing were too many. A claim that came after
// the epoch had begun never grows old, so it says nothing.
func (l *link) floor(ctx context.Context, s *stream, e epoch, last uint64) (uint64, error) {
	for from := e.Base + 1; ; {
		first, err := l.get(ctx, s, getRequest{Seq: from, NextFor: ">"})
		switch {
		case err != nil:
			return 0, explain(err)
		case first.seq == 0:
			return last, nil
		case first.subject != s.claims:
			return first.seq - 1, nil
		}
		from = first.seq + 1
	}
}

// empty is the tail of a channel of which nothing is in the stream.
func (l *link) empty(ctx context.Context, f *feed) (t tail, again bool, err error) {
	s := f.stream
	last, err := l.recheck(ctx, s) // before the channel is looked at again
	if err != nil {
		return t, false, err
	}
	t = tail{epoch: s.current(), sure: time.Now(), whole: true}
	top, err := l.get(ctx, s, getRequest{LastFor: f.stored})
	if err != nil {
		return t, false, explain(err)
	}
	if top.seq != 0 {
		return t, true, nil
	}
	t.top = last
	t.floor, err = l.floor(ctx, s, t.epoch, last)
	return t, s.current().ID != t.epoch.ID, err
}
