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
