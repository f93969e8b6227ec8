package nats_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/nats"
	"github.com/wye-org/wye/hub/nats/natstest"
)

// deaf receives nothing.
type deaf struct{}

func (deaf) Receive(*hub.Message) {}
func (deaf) Away(error)           {}
func (deaf) Back()                {}

// listening is a server on a port, with what options say.
func listening(t *testing.T, o *server.Options) string {
	o.Host, o.Port, o.NoLog, o.NoSigs = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL()
}

func TestWhyAnEngineDoesNotOpen(t *testing.T) {
	t.Parallel()
	locked := listening(t, &server.Options{JetStream: true, StoreDir: t.TempDir(), Username: "u", Password: "right"})
	bare := listening(t, &server.Options{})
	free := natstest.FreePorts(t, 1)[0]
	open := func(o nats.Options) error {
		o.Wait, o.Timeout, o.Buckets, o.Logger = 2*time.Second, time.Second, 1, quiet
		e, err := nats.New(o)
		if err != nil {
			t.Fatal(err)
		}
		link, err := e.Open(deaf{}, []hub.Namespace{logs()})
		if err == nil {
			link.Close()
		}
		return err
	}
	for _, tt := range []struct {
		o    nats.Options
		want string
	}{
		{nats.Options{Servers: []string{"nats://user:secret@" + free}}, "no NATS server answers at nats://" + free},
		{nats.Options{Servers: []string{locked}}, "does not accept our credentials"},
		{nats.Options{Servers: []string{locked}, User: "u", Password: "secret"}, "does not accept our credentials"},
		{nats.Options{Servers: []string{locked}, Token: "secret"}, "does not accept our credentials"},
		{nats.Options{Servers: []string{locked}, NKeySeedFile: "/nowhere"}, "/nowhere"},
		{nats.Options{Servers: []string{bare}}, "-js"},
		{nats.Options{Servers: []string{locked}, User: "u", Password: "right"}, ""},
	} {
		err := open(tt.o)
		switch {
		case tt.want == "":
			if err != nil {
				t.Errorf("%+v: %v", tt.o, err)
			}
		case err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret"):
			t.Errorf("%v: %v, want %q", tt.o.Servers, err, tt.want)
		}
	}
}

// Options that changed become the streams', where they can; where what is stored
// would be lost, they are refused.
func TestStreamsThatAreNotAsTheyShouldBe(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	names := s.engine(t, nil)
	open := func(change func(*nats.Options), ns hub.Namespace) error {
		o := nats.Options{InProcess: names, Prefix: names.prefix, Buckets: 2, Logger: quiet}
		if change != nil {
			change(&o)
		}
		e, err := nats.New(o)
		if err != nil {
			t.Fatal(err)
		}
		link, err := e.Open(deaf{}, []hub.Namespace{ns})
		if err == nil {
			link.Close()
		}
		return err
	}
	if err := open(nil, logs()); err != nil {
		t.Fatal(err)
	}
	longer := logs()
	longer.History = hub.History{Size: 7, TTL: time.Minute}
	if err := open(nil, longer); err != nil {
		t.Fatal(err)
	}
	configs, err := names.streams(t.Context(), s.admin())
	if err != nil || len(configs) != 2 {
		t.Fatalf("%d streams, %v", len(configs), err)
	}
	for _, c := range configs {
		if c.MaxMsgsPerSubject != 8 || c.MaxAge != 2*time.Minute || c.Duplicates != hub.IdempotencyWindow || c.Storage != jetstream.FileStorage || c.Replicas != 1 {
			t.Errorf("%s is %+v", c.Name, c)
		}
	}
	for want, change := range map[string]func(*nats.Options){
		"a namespace of 2 buckets, and Options.Buckets is 4": func(o *nats.Options) { o.Buckets = 4 },
		"is kept in File storage":                            func(o *nats.Options) { o.Memory = true },
	} {
		err := open(change, logs())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "nats stream rm "+names.prefix+"-log-") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Any number of nodes may begin the first epoch of a stream at once; and one that
// has only said that it will, and died, holds up nobody.
func TestOneEpoch(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	for round := range 5 {
		e := s.engine(t, func(o *nats.Options) { o.Buckets = 1 })
		js := s.admin()
		if round > 0 {
			first, err := e.Open(deaf{}, []hub.Namespace{logs()})
			if err != nil {
				t.Fatal(err)
			}
			first.Close()
			e.Forget()
			claim, _ := json.Marshal(map[string]any{"epoch": "dead", "base": uint64(5) << 34})
			for range round - 1 {
				if _, err := js.Publish(t.Context(), e.prefix+".e.nlog.0.claim", claim); err != nil {
					t.Fatal(err)
				}
			}
		}
		nodes := 6
		if round == 2 {
			nodes = 1 // so that nobody else has a claim
		}
		var all sync.WaitGroup
		tops := make([]hub.Position, nodes)
		for i := range nodes {
			all.Go(func() { // ends with the node
				link, err := e.Open(deaf{}, []hub.Namespace{logs()})
				if err != nil {
					t.Error(err)
					return
				}
				defer link.Close()
				ns := logs()
				ch := hub.Channel{Name: "log:x", Namespace: &ns}
				r, err := link.Publish(t.Context(), ch, &hub.Message{Channel: ch.Name}, "one")
				if err != nil {
					t.Error(err)
				}
				tops[i] = r.Position
			})
		}
		all.Wait()
		for _, p := range tops {
			if p != tops[0] || p.Epoch == "" || p.Offset == 0 {
				t.Errorf("round %d: %+v", round, tops)
				break
			}
		}
		if round == 2 && tops[0].Epoch != "dead" {
			t.Errorf("the claim of a node that died was not carried on: the epoch is %q", tops[0].Epoch)
		}
	}
}

// claimLate stores a claim in a stream that has an epoch.
func claimLate(t *testing.T, js jetstream.JetStream, e *engine, base uint64, replaces string) {
	claim := natsgo.NewMsg(e.prefix + ".e.nlog.0.claim")
	claim.Header.Set("Nats-TTL", "never")
	claim.Header.Set("Nats-Expected-Last-Subject-Sequence", "0")
	claim.Data, _ = json.Marshal(map[string]any{"epoch": "late", "base": base, "replaces": replaces})
	if _, err := js.PublishMsg(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
}

// A node that was slow to claim an epoch has stored its claim after another began
// one. There it stays, and says nothing of what has grown old.
func TestALateClaim(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	e := s.engine(t, func(o *nats.Options) { o.Buckets = 1 })
	h := openHub(t, e)
	js := s.admin()
	claimLate(t, js, e, 1<<50, "")
	seen, old := published(t, h, "log:x", "seen"), published(t, h, "log:x", "old")
	published(t, h, "log:x", "new")
	stream, err := js.Stream(t.Context(), e.prefix+"-log-0")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []hub.Position{seen, old} { // as age does
		if err := stream.DeleteMsg(t.Context(), p.Offset); err != nil {
			t.Fatal(err)
		}
	}
	if page := since(t, h, "log:x", seen); page.Complete || len(page.Messages) != 1 {
		t.Errorf("since a message after which one is too old: complete %v, %d messages", page.Complete, len(page.Messages))
	}
	if page := since(t, h, "log:x", old); !page.Complete || len(page.Messages) != 1 {
		t.Errorf("since the last that is too old: complete %v, %d messages", page.Complete, len(page.Messages))
	}
}

// A claim to end an epoch that is over already is not carried on, nor one of a place
// that the stream has been past since.
func TestAClaimThatIsOver(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	for _, claim := range []struct {
		base     func(uint64) uint64 // by where the claim is stored
		replaces string
	}{
		{func(uint64) uint64 { return 1 << 50 }, "one before"},
		{func(at uint64) uint64 { return at - 1 }, ""},
	} {
		e := s.engine(t, func(o *nats.Options) { o.Buckets = 1 })
		h := openHub(t, e)
		was := published(t, h, "log:x", "1")
		js := s.admin()
		base := claim.base(was.Offset + 1)
		claimLate(t, js, e, base, claim.replaces)
		loseEpoch(t, js, e)
		// Nothing is in this channel, so the stream's epoch is looked for.
		page, err := h.History(t.Context(), "log:none", hub.Query{})
		if err != nil || page.Top.Epoch == "late" || page.Top.Epoch == was.Epoch {
			t.Errorf("after a claim of %d in place of %q the stream is in the epoch %q, %v", base, claim.replaces, page.Top.Epoch, err)
		}
	}
}

// loseEpoch has the stream lose the message with which its epoch began.
func loseEpoch(t *testing.T, js jetstream.JetStream, e *engine) {
	stream, err := js.Stream(t.Context(), e.prefix+"-log-0")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), stream.CachedInfo().State.FirstSeq); err != nil {
		t.Fatal(err)
	}
}

// The stream has lost its messages. That a message was stored does not count before it is
// in the epoch that there is then; nor does it that one with its key was, which is lost.
func TestAcknowledgedInAnotherEpoch(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	for _, key := range []string{"", "key"} {
		e := s.engine(t, func(o *nats.Options) { o.Buckets = 1 })
		h := openHub(t, e)
		publish := func() hub.Receipt {
			r, err := h.Publish(t.Context(), "log:x", nil, &hub.PublishOptions{IdempotencyKey: key})
			if err != nil {
				t.Fatalf("with the key %q: %v", key, err)
			}
			return r
		}
		was := publish()
		stream, err := s.admin().Stream(t.Context(), e.prefix+"-log-0")
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(1<<50)); err != nil {
			t.Fatal(err)
		}
		if key != "" { // who publishes has heard of it
			if _, err := h.History(t.Context(), "log:none", hub.Query{}); err != nil {
				t.Fatal(err)
			}
		}
		is := publish()
		if is.Epoch == was.Epoch || is.Offset <= 1<<50 || is.Duplicate {
			t.Errorf("with the key %q after %+v the message stands at %+v", key, was, is)
		}
		page, err := h.History(t.Context(), "log:x", hub.Query{Limit: -1})
		if err != nil || len(page.Messages) != 1 || page.Messages[0].Position != is.Position {
			t.Errorf("with the key %q got %+v, %v, want the message at %+v", key, page, err, is)
		}
		if again := publish(); again.Duplicate != (key != "") || again.Duplicate && again.Position != is.Position {
			t.Errorf("with the key %q again it stands at %+v, want %+v", key, again, is)
		}
	}
}

// A message that a server does not take says what to do.
func TestTooLong(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	h, err := hub.New(hub.Options{Engine: s.engine(t, nil), Namespaces: []hub.Namespace{logs()}, MaxMessage: 8 << 20, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Publish(t.Context(), "log:x", make([]byte, 2<<20), nil); !errors.Is(err, hub.ErrTooLong) || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("got %v", err)
	}
	if _, err := h.Publish(t.Context(), "log:x", make([]byte, 1<<20), nil); err != nil {
		t.Errorf("the longest message of a hub's: %v", err)
	}
}

// A stream that is full refuses, for now.
func TestFullStream(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	h := openHub(t, s.engine(t, func(o *nats.Options) { o.Buckets, o.StreamBytes = 1, 20_000 }))
	var err error
	stored := 0
	for ; err == nil && stored < 100; stored++ {
		_, err = h.Publish(t.Context(), "log:x", make([]byte, 1000), nil)
	}
	if !errors.Is(err, hub.ErrUnavailable) || !strings.Contains(err.Error(), "Options.StreamBytes") || stored < 10 {
		t.Errorf("after %d messages: %v", stored, err)
	}
	if page, err := h.History(t.Context(), "log:x", hub.Query{Limit: -1}); err != nil || len(page.Messages) != stored-1 {
		t.Errorf("%d messages of %d are there, %v", len(page.Messages), stored-1, err)
	}
}

// A stream that somebody has removed is made again.
func TestRemovedStream(t *testing.T) {
	t.Parallel()
	s := startServers(t, 1, nil)
	e := s.engine(t, func(o *nats.Options) { o.Buckets = 1 })
	h := openHub(t, e)
	was := published(t, h, "log:x", "1")
	if err := s.admin().DeleteStream(t.Context(), e.prefix+"-log-0"); err != nil {
		t.Fatal(err)
	}
	if page := since(t, h, "log:x", was); page.Complete || page.Top.Epoch == was.Epoch {
		t.Errorf("since a position in it: %+v", page)
	}
	eventually(t, "publishing", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := h.Publish(ctx, "log:x", nil, nil)
		return err == nil
	})
}
