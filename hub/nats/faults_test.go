package nats_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/nats"
	"github.com/wye-org/wye/hub/nats/embedded"
	"github.com/wye-org/wye/hub/nats/natstest"
)

// keep is an engine that shows the links that it has opened, and may change what
// is told to whom opened them.
type keep struct {
	hub.Engine
	wrap func(hub.Receiver) hub.Receiver

	mu    sync.Mutex // guards links
	links []hub.Link
}

// Open implements [hub.Engine].
func (k *keep) Open(r hub.Receiver, namespaces []hub.Namespace) (hub.Link, error) {
	if k.wrap != nil {
		r = k.wrap(r)
	}
	link, err := k.Engine.Open(r, namespaces)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.links = append(k.links, link)
	return link, err
}

// eventually waits until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func published(t testing.TB, h *hub.Hub, channel, text string) hub.Position {
	t.Helper()
	r, err := h.Publish(t.Context(), channel, []byte(text), nil)
	if err != nil {
		t.Fatalf("publishing %q into %s: %v", text, channel, err)
	}
	return r.Position
}

// since asks what came after a position, once the engine can be reached.
func since(t testing.TB, h *hub.Hub, channel string, p hub.Position) hub.Page {
	t.Helper()
	var page hub.Page
	eventually(t, "the history can be read", func() bool {
		var err error
		page, err = h.History(t.Context(), channel, hub.Query{Since: &p, Limit: -1})
		if err != nil && !errors.Is(err, hub.ErrUnavailable) {
			t.Fatal(err)
		}
		return err == nil
	})
	return page
}

// Every server goes at once, as when the power does, and comes back.
func TestAllServersAwayAndBack(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	var hubs []*hub.Hub
	for range 3 {
		hubs = append(hubs, openHub(t, s.engine(t, func(o *nats.Options) { o.Prefix = "all" })))
	}
	l := newLedger(t, hubs, 4)
	l.publish(0, 50, 0)
	s.StopAll()
	eventually(t, "publishing is refused", func() bool {
		_, err := hubs[2].Publish(t.Context(), "log:other", nil, nil)
		return errors.Is(err, hub.ErrUnavailable)
	})
	if n := hubs[2].Stats().Clients; n != 4 {
		t.Errorf("while the engine is away %d members are connected, want 4", n)
	}
	done := make(chan struct{})
	go func() { // ends when all is published; waited for below
		defer close(done)
		l.publish(50, 50, time.Millisecond)
	}()
	time.Sleep(300 * time.Millisecond)
	if err := s.StartAll(); err != nil {
		t.Fatal(err)
	}
	<-done
	l.whole(100)
	if l.refused.Load() == 0 || l.anew.Load() > 0 {
		t.Errorf("refused %d, want some; %d members had to begin anew, want none", l.refused.Load(), l.anew.Load())
	}
	l.report()
}

// Every server loses what it had, in memory or on its disk. What is published then
// is longer than what was lost, so that old offsets would mean something.
func TestTotalLoss(t *testing.T) {
	t.Parallel()
	for _, memory := range []bool{true, false} {
		t.Run(map[bool]string{true: "memory", false: "disk"}[memory], func(t *testing.T) {
			s := startServers(t, 1, nil)
			e := func() hub.Engine {
				return s.engine(t, func(o *nats.Options) { o.Prefix, o.Memory, o.Buckets = "total", memory, 1 })
			}
			hubs := []*hub.Hub{openHub(t, e()), openHub(t, e())}
			l := newLedger(t, hubs, 2)
			l.lossy = true
			l.publish(0, 20, 0)
			l.whole(20)
			begin := since(t, hubs[0], "log:0", hub.Position{}).Top
			var old []hub.Position
			for _, m := range since(t, hubs[0], "log:0", hub.Position{Epoch: begin.Epoch}).Messages {
				old = append(old, m.Position)
			}
			if len(old) != 20 {
				t.Fatalf("there are %d messages", len(old))
			}
			s.StopAll()
			if !memory {
				if err := os.RemoveAll(s.Opts[0].Dir); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.StartAll(); err != nil {
				t.Fatal(err)
			}
			l.publish(20, 40, 0)
			for _, p := range old {
				for i, h := range hubs {
					if page := since(t, h, "log:0", p); page.Complete || len(page.Messages) > 0 || page.Top.Epoch == begin.Epoch {
						t.Errorf("hub %d: since %+v of the lost history: complete %v, %d messages, up to %+v", i, p, page.Complete, len(page.Messages), page.Top)
					}
				}
			}
			// Members were told that something was lost, and of what came after
			// that they know everything, in order.
			for i, r := range l.members {
				eventually(t, "the last message", func() bool { g := r.story(); return len(g) > 0 && g[len(g)-1] == "59" })
				got := r.story()
				if !slices.Contains(got[20:], "lost") {
					t.Errorf("member %d was not told that messages were lost: %q", i, got[20:])
				}
				was := 19
				for _, text := range got[20:] {
					if n, err := strconv.Atoi(text); err == nil {
						if n <= was {
							t.Errorf("member %d was told %d after %d", i, n, was)
						}
						was = n
					}
				}
			}
			l.report()
		})
	}
}

// The servers come back with an older state of their disk: what was stored since is
// gone, and its offsets are given out again.
func TestOlderSnapshot(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	h := openHub(t, s.engine(t, func(o *nats.Options) { o.Buckets = 1 }))
	for i := range 10 {
		published(t, h, "log:x", fmt.Sprint("kept ", i))
	}
	s.StopAll()
	dir := s.Opts[0].Dir
	snapshot := t.TempDir()
	if err := os.CopyFS(snapshot, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := s.StartAll(); err != nil {
		t.Fatal(err)
	}
	r := &reader{l: &ledger{t: t, lossy: true}, hub: h, channel: "log:x", ended: make(chan error, 9)}
	eventually(t, "joining", func() bool { return r.join(nil) == nil })
	var gone []hub.Position
	for i := range 10 {
		gone = append(gone, published(t, h, "log:x", fmt.Sprint("gone ", i)))
	}
	s.StopAll()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(snapshot)); err != nil {
		t.Fatal(err)
	}
	if err := s.StartAll(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "publishing", func() bool { _, err := h.Publish(t.Context(), "log:x", nil, nil); return err == nil })
	for i := range 20 {
		published(t, h, "log:x", fmt.Sprint("later ", i))
	}
	for _, p := range gone {
		if page := since(t, h, "log:x", p); page.Complete || len(page.Messages) > 0 {
			t.Errorf("since %+v, which is gone: complete %v, %d messages", p, page.Complete, len(page.Messages))
		}
	}
	select {
	case why := <-r.ended:
		if !errors.Is(why, hub.ErrLost) {
			t.Errorf("the member was ended for %v", why)
		}
	case <-time.After(time.Minute):
		t.Error("the member was not told that messages were lost")
	}
}

// A node dies: its members are gone when its lease is, and those of the others stay.
func TestNodeKilled(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	e := s.engine(t, nil)
	k := &keep{Engine: e}
	dies, lives := openHub(t, k), openHub(t, e)
	for _, h := range []*hub.Hub{dies, lives} {
		r := &reader{l: &ledger{t: t}, hub: h, channel: "log:x", ended: make(chan error, 9)}
		if err := r.join(nil); err != nil {
			t.Fatal(err)
		}
	}
	members := func() int {
		m, err := lives.Members(t.Context(), "log:x")
		if err != nil {
			t.Error(err)
		}
		return len(m)
	}
	var asked time.Time // the node was heard after that
	eventually(t, "two members", func() bool { asked = time.Now(); return members() == 2 })
	nats.Kill(k.links[0])
	if n := members(); n != 2 && time.Since(asked) < logs().Presence.TTL {
		t.Errorf("while the lease of the dead node runs there are %d members, want 2", n)
	}
	eventually(t, "one member", func() bool { return members() == 1 })
	time.Sleep(time.Second)
	if n := members(); n != 1 {
		t.Errorf("then there are %d members, want 1", n)
	}
}

// As long as the lease of a dead node runs, nobody knows that it is dead. Who joins a
// channel waits for its answer, but not in vain, and so does a node that opens: that is
// the dead one, started again at once.
func TestAfterANodeWasKilled(t *testing.T) {
	t.Parallel()
	s := startServers(t, 3, nil)
	e := s.engine(t, func(o *nats.Options) { o.Timeout, o.Wait = 0, 0 }) // as by default
	k := &keep{Engine: e}
	leased := logs()
	leased.Presence.TTL = time.Hour // as long as may be
	dies, lives := openHub(t, k, leased), openHub(t, e, leased)
	for _, h := range []*hub.Hub{dies, lives} {
		published(t, h, "log:x", "before")
	}
	nats.Kill(k.links[0])
	for _, h := range []*hub.Hub{lives, openHub(t, e, leased)} {
		r := &reader{l: &ledger{t: t}, hub: h, channel: "log:x", ended: make(chan error, 9)}
		if err := r.join(nil); err != nil {
			t.Fatal(err)
		}
		published(t, h, "log:x", "after")
		eventually(t, "the message after", func() bool { return slices.Contains(r.story(), "after") })
	}
}

// The history is too short for what a member missed.
func TestOverflowWhileAway(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	short := logs()
	short.History.Size = 5
	e, far := s.engine(t, nil), s.engine(t, nil)
	far.Engine = sameNames(t, s, e, far)
	h, other := openHub(t, far, short), openHub(t, e, short)
	r := &reader{l: &ledger{t: t, lossy: true}, hub: h, channel: "log:x", ended: make(chan error, 9)}
	if err := r.join(nil); err != nil {
		t.Fatal(err)
	}
	first := published(t, other, "log:x", "0")
	for n := 1; n <= 6; n++ {
		mend := far.Cut()
		for i := range n {
			published(t, other, "log:x", fmt.Sprint(n, " ", i))
		}
		mend()
		if n <= 5 {
			eventually(t, fmt.Sprint(n, " messages that were missed"), func() bool { g := r.story(); return len(g) > 0 && g[len(g)-1] == fmt.Sprint(n, " ", n-1) })
			continue
		}
		select {
		case why := <-r.ended:
			if !errors.Is(why, hub.ErrLost) {
				t.Errorf("ended for %v", why)
			}
		case <-time.After(time.Minute):
			t.Error("6 messages were missed of which 5 are kept, and the member was not told")
		}
	}
	if got := len(r.story()); got != 1+1+2+3+4+5 {
		t.Errorf("%d messages came: %q", got, r.story())
	}
	if page := since(t, h, "log:x", first); page.Complete {
		t.Error("since the first message the history is complete")
	}
}

// sameNames is an engine with the names of one and the connections of another.
func sameNames(t testing.TB, s *servers, names, conns *engine) *nats.Engine {
	e, err := nats.New(nats.Options{InProcess: conns, Prefix: names.prefix, Buckets: 2, Logger: quiet, Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Messages grow old while a node cannot see them: it must not take what follows for
// what comes next.
func TestTTLShorterThanOutage(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	brief := logs()
	brief.History.TTL = time.Second
	e, far := s.engine(t, nil), s.engine(t, nil)
	far.Engine = sameNames(t, s, e, far)
	h, other := openHub(t, far, brief), openHub(t, e, brief)
	for _, channel := range []string{"log:empty", "log:x"} {
		r := &reader{l: &ledger{t: t, lossy: true}, hub: h, channel: channel, ended: make(chan error, 9)}
		if err := r.join(nil); err != nil {
			t.Fatal(err)
		}
		if channel == "log:x" {
			published(t, other, channel, "before")
			eventually(t, "the message before", func() bool { return len(r.story()) == 1 })
			time.Sleep(3 * time.Second / 2) // it is old, and nothing is missed
			if err := r.ended; len(err) > 0 {
				t.Errorf("ended for %v though nothing was missed", <-err)
			}
		}
		mend := far.Cut()
		missed := published(t, other, channel, "missed")
		time.Sleep(3 * time.Second / 2)
		mend()
		eventually(t, "publishing again", func() bool { _, err := h.Publish(t.Context(), channel, []byte("after"), nil); return err == nil })
		select {
		case why := <-r.ended:
			if !errors.Is(why, hub.ErrLost) {
				t.Errorf("%s: ended for %v", channel, why)
			}
		case <-time.After(time.Minute):
			t.Errorf("%s: a message was missed, and the member was not told: it has %q", channel, r.story())
		}
		missed.Offset--
		if page := since(t, h, channel, missed); page.Complete {
			t.Errorf("%s: since a message that is too old the history is complete", channel)
		}
	}
}

// late is a Receiver that takes nothing until its gate opens.
type late struct {
	hub.Receiver
	gate chan struct{}
}

func (l *late) Receive(m *hub.Message) {
	<-l.gate
	l.Receiver.Receive(m)
}

// More comes than a node can hand on. What the queue has no room for is read.
func TestSlowNode(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	e := s.engine(t, nil)
	gate := make(chan struct{})
	slowly := &keep{Engine: e, wrap: func(r hub.Receiver) hub.Receiver { return &late{r, gate} }}
	hubs := []*hub.Hub{openHub(t, e), openHub(t, slowly)}
	l := newLedger(t, hubs, 4)
	l.hubs = hubs[:1]
	const each = 3000 // more than the queue has room for, together
	l.publish(0, each, 0)
	close(gate)
	l.whole(each)
	if mended := hubs[1].Stats().Mended; mended == 0 {
		t.Error("the slow node read nothing that it missed")
	}
	l.hubs = hubs
	l.report()
}

// A connection that is new brings its subscriptions to another server, from where the
// servers that lead the streams have to hear of them before the engine is back.
func TestBackWhenLeadersKnow(t *testing.T) {
	t.Parallel()
	s := startServers(t, 3, nil)
	e := s.engine(t, nil)
	h := openHub(t, e)
	nc, err := natsgo.Connect("", natsgo.InProcessServer(s.Server(0)))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	asked, err := nc.SubscribeSync(e.prefix + ".e.nlog.*.claim")
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]bool{}
	eventually(t, "the leader of each stream is asked", func() bool {
		outages := h.Stats().Outages
		e.Cut()()
		eventually(t, "the engine is back", func() bool { s := h.Stats(); return s.Outages > outages && !s.Away })
		for m, err := asked.NextMsg(time.Second); err == nil; m, err = asked.NextMsg(10 * time.Millisecond) {
			if m.Header.Get(jetstream.ExpectedStreamHeader) != "" {
				of[m.Subject] = true
			}
		}
		return len(of) == 2
	})
}

// syncBuffer is a buffer that several servers may log to.
type syncBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Servers that know a secret talk over TLS, and one that does not is no part of it.
func TestClusterWithASecret(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	s := startServers(t, 3, func(o *embedded.Options) {
		o.Cluster.Secret = []byte(strings.Repeat("k", embedded.SecretLeast))
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	if text := log.String(); !strings.Contains(text, "nats: ") || strings.Contains(text, "PRODUCTION") {
		t.Errorf("the servers say that their certificates are not verified, or nothing:\n%s", text)
	}
	hubs := []*hub.Hub{}
	e := s.engine(t, nil)
	for range 3 {
		hubs = append(hubs, openHub(t, e))
	}
	l := newLedger(t, hubs, 2)
	l.publish(0, 20, 0)
	l.whole(20)

	stranger := s.Opts[0]
	stranger.Name, stranger.Dir = "stranger", t.TempDir()
	other := *stranger.Cluster
	other.Listen, other.Secret = natstest.FreePorts(t, 1)[0], []byte(strings.Repeat("K", embedded.SecretLeast))
	for _, secret := range []string{string(other.Secret), ""} {
		other.Secret = []byte(secret)
		stranger.Cluster = &other
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		server, err := embedded.Start(ctx, stranger)
		cancel()
		if err == nil {
			server.Shutdown(t.Context())
			t.Errorf("a server with the secret %q has joined", secret)
		}
	}
}
