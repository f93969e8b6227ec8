package hub_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/wye-org/wye/hub"
)

// gated is a Readier that sends one message for each token of its gate.
type gated struct {
	gate chan struct{}

	mu  sync.Mutex
	got []string
	why error
}

func (g *gated) TrySend(batch []*hub.Message) (int, error) {
	for n, m := range batch {
		select {
		case <-g.gate:
		default:
			return n, nil
		}
		g.mu.Lock()
		g.got = append(g.got, string(m.Data))
		g.mu.Unlock()
	}
	return len(batch), nil
}

func (g *gated) Ready(ctx context.Context) error {
	select {
	case token, ok := <-g.gate:
		if !ok {
			return fmt.Errorf("the gate is shut")
		}
		g.gate <- token
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gated) Send(_ context.Context, batch []*hub.Message) (int, error) { return g.TrySend(batch) }

func (g *gated) Close(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.why = why
}

func (g *gated) said() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.got, " ")
}

// While a Readier is not ready nothing is on its way to it: whatever it is sent
// then is the newest there is.
func TestAReadierGetsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{Namespaces: []hub.Namespace{{Name: "a", Slow: hub.Conflate, MaySubscribe: hub.Anyone}}})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		g := &gated{gate: make(chan struct{}, 10)}
		c, err := h.Connect(g, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Join(t.Context(), "a:b", nil); err != nil {
			t.Fatal(err)
		}
		publish := func(key string, n int) {
			t.Helper()
			if _, err := h.Publish(t.Context(), "a:b", fmt.Appendf(nil, "%s%d", key, n), &hub.PublishOptions{Key: key}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for n := range 5 {
			publish("x", n)
			publish("y", n)
			publish("z", n)
		}
		g.gate <- struct{}{}
		synctest.Wait()
		if got := g.said(); got != "x4" {
			t.Fatalf("sent %q, want the newest x", got)
		}
		publish("y", 5)
		publish("x", 5)
		publish("z", 5)
		for range 3 {
			g.gate <- struct{}{}
		}
		synctest.Wait()
		if got := g.said(); got != "x4 y5 z5 x5" {
			t.Errorf("sent %q, want y5, z5 and then x5, which took its place last", got)
		}
		s := c.Stats()
		if s.Offered != 18 || s.Delivered != 4 || s.Conflated != 14 || s.Queued != 0 {
			t.Errorf("the counts are %+v", s)
		}
	})
}

func TestAReadierThatFailsIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{Namespaces: []hub.Namespace{{Name: "a", Slow: hub.Conflate, MaySubscribe: hub.Anyone}}})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		g := &gated{gate: make(chan struct{})}
		c, err := h.Connect(g, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Join(t.Context(), "a:b", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Publish(t.Context(), "a:b", []byte("x"), nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		close(g.gate)
		synctest.Wait()
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.why == nil || !slices.Equal(c.Channels(), []string{}) || c.Err() == nil {
			t.Errorf("closed with %v, in %v, ended with %v", g.why, c.Channels(), c.Err())
		}
	})
}
