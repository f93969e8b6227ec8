package hub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/wye-org/wye/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A guest is a connection that takes what it is sent as long as its tap is open.
type guest struct {
	*hub.Client
	t *testing.T

	mu    sync.Mutex // guards what is below
	room  int        // how many more messages it takes; negative: all
	more  chan struct{}
	got   []*hub.Message
	calls int // of TrySend and Send that took something
	ended error
}

// TrySend implements [hub.Outlet].
func (g *guest) TrySend(batch []*hub.Message) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(batch)
	if g.room >= 0 {
		n = min(n, g.room)
		g.room -= n
	}
	if n > 0 {
		g.calls++
	}
	g.got = append(g.got, batch[:n]...)
	return n, nil
}

// Send implements [hub.Outlet].
func (g *guest) Send(ctx context.Context, batch []*hub.Message) (int, error) {
	for {
		if n, _ := g.TrySend(batch); n > 0 {
			return n, nil
		}
		if err := g.Ready(ctx); err != nil {
			return 0, err
		}
	}
}

// Ready implements [hub.Readier].
func (g *guest) Ready(ctx context.Context) error {
	for {
		g.mu.Lock()
		open, more := g.room != 0, g.more
		g.mu.Unlock()
		if open {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Close implements [hub.Outlet].
func (g *guest) Close(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = why
}

// takes lets the guest take n more messages; negative is all, 0 none.
func (g *guest) takes(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.room = n
	close(g.more)
	g.more = make(chan struct{})
}

func (g *guest) messages() []*hub.Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*hub.Message(nil), g.got...)
}

func (g *guest) end() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ended
}

// said is what the guest got, in words, and forgets it.
func (g *guest) said() string {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	var words []string
	for _, m := range g.got {
		switch m.Kind {
		case hub.Data:
			words = append(words, string(m.Data))
		case hub.Joined:
			words = append(words, "+"+m.From.ID)
		case hub.Left:
			words = append(words, "-"+m.From.ID)
		case hub.Removed:
			words = append(words, "out of "+m.Channel)
		}
	}
	g.got = nil
	return strings.Join(words, " ")
}

func (g *guest) hears(want string) {
	g.t.Helper()
	if got := g.said(); got != want {
		g.t.Errorf("%s heard %q, want %q", g.ID(), got, want)
	}
}

// joins becomes a member, which has to work.
func (g *guest) joins(channel string, opts *hub.JoinOptions) *hub.Welcome {
	g.t.Helper()
	w, err := g.Join(g.t.Context(), channel, opts)
	if err != nil {
		g.t.Fatalf("%s joining %s: %v", g.ID(), channel, err)
	}
	return w
}

// balanced checks the books: what was offered is accounted for.
func (g *guest) balanced() hub.ClientStats {
	g.t.Helper()
	s := g.Stats()
	if s.Offered != s.Delivered+s.DroppedNewest+s.DroppedOldest+s.Conflated+s.Abandoned+s.Queued {
		g.t.Errorf("%s: the books do not balance: %+v", g.ID(), s)
	}
	return s
}

var quiet = slog.New(slog.DiscardHandler)

func open(t *testing.T, opts hub.Options) *hub.Hub {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = quiet
	}
	h, err := hub.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func connect(t *testing.T, h *hub.Hub, id string, opts *hub.ClientOptions) *guest {
	t.Helper()
	var o hub.ClientOptions
	if opts != nil {
		o = *opts
	}
	o.ID = id
	g := &guest{t: t, room: -1, more: make(chan struct{})}
	var err error
	if g.Client, err = h.Connect(g, &o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Client.Close)
	return g
}

func say(t *testing.T, h *hub.Hub, channel string, texts ...string) (last hub.Receipt) {
	t.Helper()
	for _, text := range texts {
		var err error
		if last, err = h.Publish(t.Context(), channel, []byte(text), nil); err != nil {
			t.Fatalf("Publish(%q, %q): %v", channel, text, err)
		}
	}
	return last
}

// count says the numbers from a to b-1.
func count(t *testing.T, h *hub.Hub, channel string, a, b int) hub.Receipt {
	t.Helper()
	return say(t, h, channel, strings.Fields(numbers(a, b))...)
}

func numbers(a, b int) string {
	var s []string
	for i := a; i < b; i++ {
		s = append(s, fmt.Sprint(i))
	}
	return strings.Join(s, " ")
}

// spaces are the namespaces of most tests.
func spaces() []hub.Namespace {
	return []hub.Namespace{
		{Name: "live", MaySubscribe: hub.Anyone, MayPublish: hub.Anyone},
		{Name: "newest", Slow: hub.DropNewest, MaySubscribe: hub.Anyone},
		{Name: "oldest", Slow: hub.DropOldest, MaySubscribe: hub.Anyone},
		{Name: "price", Slow: hub.Conflate, MaySubscribe: hub.Anyone},
		{Name: "log", History: hub.History{Size: 10, TTL: time.Hour}, MaySubscribe: hub.Anyone, MayPublish: hub.Anyone},
		{Name: "who", Presence: hub.Presence{TTL: time.Minute, Announce: true}, MaySubscribe: hub.Anyone, MayPublish: hub.Anyone},
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}
