package nats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/wye-org/wye/hub"
)

// heard is a Receiver that notes what it is told.
type heard struct{ said []string }

func (h *heard) Receive(m *hub.Message) {
	h.said = append(h.said, fmt.Sprintf("%s at %d after %d", m.Data, m.Offset, m.Prev))
}
func (h *heard) Away(error) { h.said = append(h.said, "away") }
func (h *heard) Back()      { h.said = append(h.said, "back") }

// silentLink is a link without a connection, with one namespace of one stream, which
// is in an epoch that begins at 1<<rangeBits.
func silentLink(t *testing.T) (*link, *heard, *feed) {
	o := &Options{Buckets: 1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if err := o.fill(); err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	namespaces := []hub.Namespace{{Name: "log", History: hub.History{Size: 10, TTL: time.Hour}}}
	l := newLink(o, h, namespaces)
	t.Cleanup(l.end)
	ch := hub.Channel{Name: "log:x", Namespace: &namespaces[0]}
	s, under, _ := l.subjects(ch)
	s.epoch = epoch{ID: "e", Base: 1 << rangeBits}
	return l, h, &feed{ch: ch, stream: s, stored: under, cached: true}
}

// takes has the feed take a message as JetStream passes it on: at is its sequence and
// prev that of the one before it in the channel, both counted from the epoch's base;
// of prev 0 says that there is none.
func (f *feed) takes(l *link, text string, at, prev uint64) {
	base := f.stream.current().Base
	if prev > 0 {
		prev += base
	}
	m := &natsgo.Msg{Data: appendMessage(nil, &hub.Message{Data: []byte(text)}, time.Now()), Header: natsgo.Header{
		"Nats-Sequence":      {strconv.FormatUint(base+at, 10)},
		"Nats-Last-Sequence": {strconv.FormatUint(prev, 10)},
		"Nats-Time-Stamp":    {time.Now().Format(time.RFC3339Nano)},
	}}
	f.mu.Lock()
	defer f.mu.Unlock()
	l.handLocked(f, m)
}

func (h *heard) wants(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(h.said, want) {
		t.Errorf("got %q, want %q", h.said, want)
	}
	h.said = nil
}

func at(text string, seq, prev uint64) string {
	return fmt.Sprintf("%s at %d after %d", text, seq, prev)
}

// What comes twice is handed over once, with the highest that was; but a sequence that
// another epoch had says nothing.
func TestHandedOverOnce(t *testing.T) {
	l, h, f := silentLink(t)
	base := f.stream.current().Base
	f.known, f.tail = true, tail{epoch: f.stream.epoch, floor: base, top: base, sure: time.Now()}
	f.takes(l, "a", 3, 0)
	f.takes(l, "a", 3, 0)
	f.takes(l, "b", 5, 3)
	f.takes(l, "a", 3, 0)
	h.wants(t, at("a", base+3, 0), at("b", base+5, base+3))
	if len(f.tail.msgs) != 2 {
		t.Errorf("%d messages are remembered", len(f.tail.msgs))
	}
	f.handed = 9 << rangeBits // in an epoch that is over
	f.takes(l, "c", 6, 5)
	h.wants(t, at("c", base+6, base+5))
}

// JetStream says that nothing was before a message also if all of it has grown old.
func TestWhatAMessageFollows(t *testing.T) {
	l, h, f := silentLink(t)
	base := f.stream.current().Base
	known := func(top uint64, sure time.Time) {
		f.known, f.tail, f.handed = true, tail{epoch: f.stream.epoch, floor: top, top: top, sure: sure}, 0
	}
	now, long := time.Now(), time.Now().Add(-f.stream.maxAge)

	known(base+7, now) // nothing can have come and gone since
	f.takes(l, "a", 20, 0)
	h.wants(t, at("a", base+20, base+7))

	known(base, now) // nor was there anything before
	f.takes(l, "a", 20, 0)
	h.wants(t, at("a", base+20, 0))

	// Whatever the node has had, this may not be what came next; but nothing is
	// between it and the sequence before.
	for _, top := range []uint64{base + 7, base} {
		known(top, long)
		f.takes(l, "a", 20, 0)
		h.wants(t, at("a", base+20, base+19))
		if f.tail.floor != base+19 {
			t.Errorf("what is known begins at %d, want %d", f.tail.floor-base, 19)
		}
	}
	known(base, long)
	f.takes(l, "a", 1, 0) // the first of the epoch
	h.wants(t, at("a", base+1, 0))
}

// What was on its way from a node that said goodbye does not make it one that lives.
func TestLateWordsOfOneWhoLeft(t *testing.T) {
	l, _, _ := silentLink(t)
	p := &l.peers
	p.lives("n")
	p.left("n")
	p.lives("n")
	if len(p.seen) > 0 {
		t.Errorf("it lives: %v", p.seen)
	}
	p.bury(time.Now().Add(p.lease - time.Second))
	if len(p.gone) != 1 {
		t.Error("within its lease it is forgotten that it has left")
	}
	p.bury(time.Now().Add(p.lease))
	if len(p.gone) != 0 {
		t.Errorf("%v is kept", p.gone)
	}
	p.lives("paused")
	p.bury(time.Now().Add(p.lease))
	p.lives("paused")
	if len(p.seen) != 1 {
		t.Error("one whose lease ran out, and who speaks again, does not live")
	}
}

// connectedLink is a link to a server of its own.
func connectedLink(t *testing.T) *link {
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	l, _, _ := silentLink(t)
	l.opt.InProcess = s
	if err := l.open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return l
}

// That a node has not answered in the time that somebody else gave it does not mean
// that it is not to be waited for.
func TestSilentForABriefAsker(t *testing.T) {
	l := connectedLink(t)
	l.peers.lives("n")
	none, cancel := context.WithCancel(t.Context())
	cancel()
	if answers, silent, err := l.Ask(none, []byte("?")); len(answers) > 0 || silent != 1 || err != nil {
		t.Errorf("got %q, %d, %v", answers, silent, err)
	}
	if len(l.peers.mute) > 0 {
		t.Errorf("%v is taken for mute", l.peers.mute)
	}
	if _, silent, err := l.ask(none, askSync, nil); len(silent) != 1 || err != nil || !l.peers.mute["n"] {
		t.Errorf("silent to the engine itself: %q, %v; mute are %v", silent, err, l.peers.mute)
	}
	// The engine does not wait for it again before it is heard.
	long, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, silent, err := l.ask(long, askMembers, nil); len(silent) != 1 || err != nil || long.Err() != nil {
		t.Errorf("then: %q, %v, %v", silent, err, long.Err())
	}
	l.peers.lives("n")
	if len(l.peers.mute) > 0 {
		t.Errorf("it was heard, and %v is taken for mute", l.peers.mute)
	}
}

// Two may meet the others at once, where a connection is lost while the link opens.
// Each node still hears each word once.
func TestTwoMeetAtOnce(t *testing.T) {
	l := connectedLink(t)
	want := l.nc.NumSubscriptions()
	l.listen = sync.OnceValue(l.listenNow)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { // ends with the answers
			if err := l.await(t.Context(), l.meet); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := l.nc.NumSubscriptions() - want; n != 4 {
		t.Errorf("there are %d subscriptions more, want 4", n)
	}
}

// What was looked at over a connection that was lost meanwhile is looked at again
// before the engine is back.
func TestLookedAtOverAnotherConnection(t *testing.T) {
	l, h, _ := silentLink(t)
	l.connected()
	first, _ := l.online()
	l.disconnected(nil)
	if err := l.ready(); !errors.Is(err, hub.ErrUnavailable) || !strings.Contains(err.Error(), "there is no connection") {
		t.Errorf("without a connection: %v", err)
	}
	l.connected()
	if l.looked(first) {
		t.Error("the first connection is taken for the second")
	}
	if err := l.ready(); !errors.Is(err, hub.ErrUnavailable) || !strings.Contains(err.Error(), "is back") {
		t.Errorf("before the streams were looked at: %v", err)
	}
	second, _ := l.online()
	if !l.looked(second) || l.ready() != nil {
		t.Errorf("then: %v", l.ready())
	}
	h.wants(t, "away")
	l.end()
	if err := l.ready(); err != hub.ErrClosed {
		t.Errorf("closed: %v", err)
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	l := connectedLink(t)
	ch := hub.Channel{Name: "log:x", Namespace: &hub.Namespace{Name: "log", History: hub.History{Size: 10, TTL: time.Hour}}}
	if _, err := l.Read(t.Context(), ch, hub.Query{}); err != nil {
		t.Fatal(err)
	}
	none, cancel := context.WithCancel(t.Context())
	cancel()
	if page, err := l.Read(none, ch, hub.Query{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, %v", page, err)
	}
}

// history is a tail that knows of all after a sequence, and has messages at others, each
// counted from the epoch's base.
func (f *feed) history(after uint64, at ...uint64) (t tail) {
	e := f.stream.current()
	t.begin(e, e.Base+after, time.Now())
	for _, seq := range at {
		t.add(stored{&hub.Message{Position: hub.Position{Epoch: e.ID, Offset: e.Base + seq}}, time.Now()})
	}
	return t
}

// A history that was read is joined with what came meanwhile, unless something between
// the two is missing.
func TestWhatCameWhileTheHistoryWasRead(t *testing.T) {
	for _, tt := range []struct {
		what       string
		read, came []uint64 // of each, after which it knows all, and what there is
		want       []uint64 // nil: it has to be read again
	}{
		{"nothing came", []uint64{0, 1, 2}, []uint64{0, 1, 2}, []uint64{1, 2}},
		{"what follows", []uint64{0, 1, 2}, []uint64{2, 3, 4}, []uint64{1, 2, 3, 4}},
		{"some of it twice", []uint64{0, 1, 2, 3}, []uint64{1, 2, 3, 4}, []uint64{1, 2, 3, 4}},
		{"what does not follow", []uint64{0, 1, 2}, []uint64{3, 4}, nil},
		{"what came is older", []uint64{0, 1, 2, 3}, []uint64{0, 1}, []uint64{1, 2, 3}},
	} {
		l, _, f := silentLink(t)
		f.known, f.tail = true, f.history(tt.came[0], tt.came[1:]...)
		base, was := f.stream.current().Base, f.tail
		ok := l.keep(f, f.history(tt.read[0], tt.read[1:]...))
		want := tt.want
		if want == nil {
			want = tt.came[1:]
		}
		var got []uint64
		for _, m := range f.tail.msgs {
			got = append(got, m.Offset-base)
		}
		if ok != (tt.want != nil) || !slices.Equal(got, want) || f.tail.top != base+want[len(want)-1] || f.tail.size != int64(len(got))*weight(f.tail.msgs[0]) {
			t.Errorf("%s: %v, with %v up to %d", tt.what, ok, got, f.tail.top-base)
		}
		if !ok && f.tail.floor != was.floor {
			t.Errorf("%s: the tail begins at %d", tt.what, f.tail.floor-base)
		}
		f.stream.epoch = epoch{ID: "next", Base: 2 << rangeBits}
		if !l.keep(f, f.history(0, 1)) || len(f.tail.msgs) != 1 || f.tail.epoch.ID != "next" {
			t.Errorf("%s: in another epoch the tail is %+v", tt.what, f.tail)
		}
	}
}

// Where a channel without messages stands does not go back either.
func TestAnEmptyHistoryThatWasReadLate(t *testing.T) {
	l, _, f := silentLink(t)
	base := f.stream.current().Base
	f.known, f.tail = true, f.history(0)
	f.tail.top = base + 9
	read := f.history(0)
	read.top = base + 5
	if !l.keep(f, read) || f.tail.top != base+9 {
		t.Errorf("it stands at %d, want 9", f.tail.top-base)
	}
}

// That the leader has an older message than was seen, or none, means that what was newer
// has grown old; it says nothing of what else has, once that takes long enough.
func TestWhetherATailStands(t *testing.T) {
	l, _, f := silentLink(t)
	base, now := f.stream.current().Base, time.Now()
	f.known, f.tail = true, f.history(0, 5)
	f.tail.sure = now
	soon, late := now.Add(f.stream.maxAge-sureMargin-time.Second), now.Add(f.stream.maxAge-sureMargin)
	for _, tt := range []struct {
		seq  uint64
		at   time.Time
		want bool
	}{
		{base + 5, now, true},
		{base + 6, now, false},
		{base + 4, now, true},
		{0, now, true},
		{0, late, false},
		{0, soon, true},
		{0, late, true}, // as it was sure a second ago
		{base + 5, late.Add(f.stream.maxAge), true},
		{base + 5, now, true}, // an answer that comes late takes nothing back
		{0, late.Add(f.stream.maxAge + time.Minute), true},
	} {
		if got := l.stands(f, tt.seq, tt.at); got != tt.want {
			t.Errorf("the last is %d after %v: %v", tt.seq, tt.at.Sub(now), got)
		}
	}
	f.stream.epoch.ID = "next"
	if l.stands(f, base+5, now) {
		t.Error("the tail of an epoch that is over stands")
	}
}

// The servers have an older state than was seen, as from a snapshot: no position that was
// given out comes to mean another message.
func TestAnOlderStateThanWasSeen(t *testing.T) {
	channel := func() hub.Channel {
		return hub.Channel{Name: "log:x", Namespace: &hub.Namespace{Name: "log", History: hub.History{Size: 10, TTL: time.Hour}}}
	}
	for what, older := range map[string]func(l *link, s *stream, f *feed){
		"messages are missing that were handed over": func(_ *link, s *stream, f *feed) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.tail.top += 5
			s.saw(f.tail.top)
		},
		"an epoch is back that has ended": func(l *link, s *stream, _ *feed) {
			is := s.current()
			l.enter(s, epoch{ID: "newer", Base: is.Base + 1<<rangeBits}, is.Base+1<<rangeBits)
		},
	} {
		l := connectedLink(t)
		ch := channel()
		if err := l.Subscribe(t.Context(), ch); err != nil {
			t.Fatal(err)
		}
		r, err := l.Publish(t.Context(), ch, &hub.Message{Channel: ch.Name}, "")
		if err != nil {
			t.Fatal(err)
		}
		if page, err := l.Read(t.Context(), ch, hub.Query{}); err != nil || page.Top != r.Position {
			t.Fatalf("at first it stands at %+v, %v", page.Top, err)
		}
		s, _, live := l.subjects(ch)
		l.mu.Lock()
		f := l.feeds[live]
		l.mu.Unlock()
		older(l, s, f)
		page, err := l.Read(t.Context(), ch, hub.Query{Since: &r.Position, Limit: -1})
		if err != nil || page.Complete || page.Top.Epoch == r.Epoch || page.Top.Epoch == "newer" {
			t.Errorf("%s: it stands at %+v, complete %v, %v", what, page.Top, page.Complete, err)
		}
		if r, err := l.Publish(t.Context(), ch, &hub.Message{Channel: ch.Name}, ""); err != nil || r.Epoch != page.Top.Epoch {
			t.Errorf("%s: the next message stands at %+v, %v", what, r, err)
		}
	}
}

// A node that has said goodbye does not say that it lives: who comes next would take it
// for one that does.
func TestWhoLeavesSaysNoMore(t *testing.T) {
	l := connectedLink(t)
	said := func() uint64 { return l.nc.Stats().OutMsgs }
	before := said()
	l.peers.beat()
	if said() == before {
		t.Error("it does not say that it lives")
	}
	l.leave()
	before = said()
	l.peers.beat()
	if n := said() - before; n > 0 {
		t.Errorf("it says so %d times after it has left", n)
	}
}
