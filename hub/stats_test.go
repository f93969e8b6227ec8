package hub_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
)

// slowly is an engine whose publications take a second each, or fail.
type slowly struct {
	hub.Engine
	fail error
}

type slowLink struct {
	hub.Link
	*slowly
}

func (s *slowly) Open(r hub.Receiver, ns []hub.Namespace) (hub.Link, error) {
	l, err := s.Engine.Open(r, ns)
	return slowLink{l, s}, err
}

func (l slowLink) Publish(ctx context.Context, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
	time.Sleep(time.Second)
	if l.fail != nil {
		return hub.Receipt{}, l.fail
	}
	return l.Link.Publish(ctx, ch, m, key)
}

func TestStatsOfPublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &slowly{Engine: hub.NewMemory(nil)}
		h := open(t, hub.Options{Engine: engine, Namespaces: spaces()})
		g := connect(t, h, "g", nil)
		g.joins("log:x", nil)
		say(t, h, "log:x", "four", "5more")
		engine.fail = errors.New("no")
		if _, err := h.Publish(t.Context(), "log:x", []byte("3!!"), nil); err != engine.fail {
			t.Errorf("Publish: %v", err)
		}
		synctest.Wait()
		s := h.Stats()
		if s.Published != 2 || s.PublishedBytes != 9 || s.Unpublished != 1 || s.Delivered != 2 || s.DeliveredBytes != 9 {
			t.Errorf("%+v", s)
		}
		if p := s.Publishing; p.Count != 2 || p.Sum != 2*time.Second {
			t.Errorf("publishing: %+v", p)
		}
		for _, b := range s.Publishing.Buckets {
			if want := b.Most >= time.Second; (b.N == 2) != want {
				t.Errorf("within %v: %d", b.Most, b.N)
			}
		}
		if s.Lag.Count != 2 || s.Lag.Sum != 0 {
			t.Errorf("lag: %+v", s.Lag)
		}
	})
}

// What a client waits for itself is no lag of the hub's.
func TestStatsOfWhoIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		g := connect(t, h, "g", nil)
		g.joins("live:x", nil)
		g.takes(0)
		say(t, h, "live:x", "1", "2")
		time.Sleep(time.Minute)
		g.takes(-1)
		g.hears("1 2")
		g.Client.Send([]byte("3"), false)
		g.hears("3")
		if s := h.Stats(); s.Lag.Count != 0 || s.DeliveredBytes != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// Nor is the age of what a client is told on joining.
func TestStatsOfWhoJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		say(t, h, "log:x", "1", "2")
		time.Sleep(30 * time.Second)
		g := connect(t, h, "g", nil)
		g.joins("log:x", &hub.JoinOptions{Last: -1, Answer: func(*hub.Welcome) *hub.Message {
			say(t, h, "log:x", "3")
			time.Sleep(time.Second)
			return nil
		}})
		g.hears("1 2 3")
		if s := h.Stats(); s.Lag.Count != 1 || s.Lag.Sum != time.Second {
			t.Errorf("%d of %v together, want one of 1s", s.Lag.Count, s.Lag.Sum)
		}
	})
}

func TestStatsOfRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := hub.NewMemory(nil)
		h := open(t, hub.Options{Engine: memory, Namespaces: spaces(), CheckEvery: time.Second})
		g := connect(t, h, "g", nil)
		g.joins("log:x", nil)
		r := say(t, h, "log:x", "1")
		g.Leave(t.Context(), "log:x")
		g.joins("log:x", &hub.JoinOptions{Since: &r.Position})
		g.Leave(t.Context(), "log:x")
		g.joins("log:x", &hub.JoinOptions{Since: &hub.Position{Epoch: "other", Offset: 1}})
		if s := h.Stats(); s.Recovered != 1 || s.Unrecovered != 1 || s.Checked != 0 {
			t.Errorf("%+v", s)
		}
		time.Sleep(3500 * time.Millisecond)
		if s := h.Stats(); s.Checked != 3 || s.Behind != 0 || s.Epochs != 0 {
			t.Errorf("after three checks: %+v", s)
		}
		memory.Forget()
		time.Sleep(time.Second)
		synctest.Wait()
		if s := h.Stats(); s.Behind != 1 || s.Epochs != 1 || s.Lost != 1 || s.Disconnected != 0 || s.Dismissed != 0 {
			t.Errorf("after the loss: %+v", s)
		}
	})
}

func TestStatsOfTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := hub.NewMemory(nil)
		h := open(t, hub.Options{Engine: memory, Namespaces: spaces()})
		if s := h.Stats(); s.Away || s.Outages != 0 {
			t.Errorf("at first: %+v", s)
		}
		for range 2 {
			mend := memory.Cut()
			again := memory.Cut() // said twice, it is one outage
			if s := h.Stats(); !s.Away {
				t.Error("it is not known that the engine is away")
			}
			mend()
			again()
		}
		synctest.Wait()
		if s := h.Stats(); s.Away || s.Outages != 2 {
			t.Errorf("at last: %+v", s)
		}
	})
}

func TestStatsOfTheDismissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		for range 2 {
			connect(t, h, "", &hub.ClientOptions{Principal: "p"})
		}
		connect(t, h, "x", nil).Disconnect(hub.ErrSlow)
		h.Disconnect(t.Context(), hub.Whom{Principal: "p"}, nil)
		synctest.Wait()
		if s := h.Stats(); s.Dismissed != 2 || s.Disconnected != 1 || s.Clients != 0 {
			t.Errorf("%+v", s)
		}
	})
}
