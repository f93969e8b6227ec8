package hub_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
)

// kept is how many messages of a channel are kept.
func kept(t *testing.T, h *hub.Hub, channel string) int {
	t.Helper()
	page, err := h.History(t.Context(), channel, hub.Query{Limit: -1})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Messages)
}

// What has grown old takes up no room.
func TestMemoryGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := hub.NewMemory(nil)
		h := open(t, hub.Options{Engine: engine, Namespaces: []hub.Namespace{
			{Name: "a", History: hub.History{Size: 5, TTL: time.Minute}, MaySubscribe: hub.Anyone},
			{Name: "b", History: hub.History{Size: 5, TTL: time.Hour}, MaySubscribe: hub.Anyone},
			{Name: "who", Presence: hub.Presence{TTL: time.Minute}, MaySubscribe: hub.Anyone},
		}})
		g := connect(t, h, "g", nil)
		g.joins("b:kept", nil)
		g.joins("who:x", nil)
		for i := range 100 {
			count(t, h, fmt.Sprint("a:", i), 0, 10)
			count(t, h, fmt.Sprint("b:", i), 0, 10)
		}
		h.Publish(t.Context(), "a:key", nil, &hub.PublishOptions{IdempotencyKey: "k"})
		size := func(want int) {
			t.Helper()
			synctest.Wait()
			if logs, keys := engine.Size(); logs != want || keys != btoi(want > 102) {
				t.Errorf("%v: %d logs with %d keys, want %d", time.Now(), logs, keys, want)
			}
		}
		size(203)
		time.Sleep(61 * time.Second)
		size(103) // those of b, of which one has a member; who; and the key
		time.Sleep(time.Minute)
		size(102)
		time.Sleep(time.Hour)
		size(2)
		g.Client.Close()
		size(0)
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestMemoryLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{
			Engine:     hub.NewMemory(&hub.MemoryOptions{Linger: time.Minute}),
			Namespaces: spaces(),
		})
		g := connect(t, h, "g", nil)
		first := g.joins("log:x", nil).Position
		say(t, h, "log:x", "1")
		time.Sleep(10 * time.Minute) // somebody is there
		for range 3 {
			g.Leave(t.Context(), "log:x")
			time.Sleep(59 * time.Second)
			if w := g.joins("log:x", &hub.JoinOptions{Since: &first}); !w.Recovered || len(w.Messages) != 1 {
				t.Errorf("after 59 s: %+v", w)
			}
		}
		g.Leave(t.Context(), "log:x")
		time.Sleep(61 * time.Second)
		if w := g.joins("log:x", &hub.JoinOptions{Since: &first, Last: -1}); w.Recovered || len(w.Messages) != 0 || w.Position.Epoch == first.Epoch {
			t.Errorf("after 61 s: %+v", w)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{
			Engine:     hub.NewMemory(&hub.MemoryOptions{MaxChannels: 3, MaxKeys: 2}),
			Namespaces: spaces(),
		})
		g := connect(t, h, "g", nil)
		for _, channel := range []string{"log:a", "log:b", "log:c"} {
			say(t, h, channel, "1")
		}
		g.joins("log:a", nil) // so b has been alone for longest
		say(t, h, "log:d", "1")
		for channel, want := range map[string]int{"log:a": 1, "log:b": 0, "log:c": 1, "log:d": 1} {
			if n := kept(t, h, channel); n != want {
				t.Errorf("%s has %d messages, want %d", channel, n, want)
			}
		}
		g.joins("log:e", nil)
		g.joins("log:f", nil)
		var full *hub.FullError
		if _, err := h.Publish(t.Context(), "log:g", nil, nil); !errors.As(err, &full) || full.What != hub.Channels || full.Limit != 3 {
			t.Errorf("a fourth channel when three have members: %v", err)
		}
		if _, err := g.Join(t.Context(), "log:g", nil); !errors.As(err, &full) {
			t.Errorf("joining a fourth channel: %v", err)
		}
		once := func(key string) error {
			_, err := h.Publish(t.Context(), "log:a", nil, &hub.PublishOptions{IdempotencyKey: key})
			return err
		}
		for _, key := range []string{"1", "2", "1"} {
			if err := once(key); err != nil {
				t.Errorf("key %s: %v", key, err)
			}
		}
		wantErr(t, "a third key of two", once("3"), hub.ErrUnavailable)
		time.Sleep(hub.IdempotencyWindow)
		if err := once("3"); err != nil {
			t.Errorf("when the first two have grown old: %v", err)
		}
	})
}

// nowhere receives nothing.
type nowhere struct{}

func (nowhere) Receive(*hub.Message) {}
func (nowhere) Away(error)           {}
func (nowhere) Back()                {}

// Members are kept though their node has not subscribed the channel.
func TestMemoryKeepsMembers(t *testing.T) {
	engine := hub.NewMemory(nil)
	link, err := engine.Open(nowhere{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	ns := spaces()[5]
	ch := hub.Channel{Name: "who:x", Namespace: &ns}
	for _, id := range []string{"1", "2"} {
		if err := link.Enter(t.Context(), ch, hub.Member{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	link.Exit(t.Context(), ch, "1")
	if members, err := link.Members(t.Context(), ch); err != nil || len(members) != 1 {
		t.Errorf("listed are %+v, %v", members, err)
	}
	link.Exit(t.Context(), ch, "2")
	if logs, _ := engine.Size(); logs != 0 {
		t.Errorf("%d logs are kept", logs)
	}
}

// What makes room for another channel takes its keys along.
func TestMemoryForgetsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := hub.NewMemory(&hub.MemoryOptions{MaxChannels: 1})
		h := open(t, hub.Options{Engine: engine, Namespaces: spaces()})
		h.Publish(t.Context(), "log:a", nil, &hub.PublishOptions{IdempotencyKey: "k"})
		if _, keys := engine.Size(); keys != 1 {
			t.Errorf("%d keys", keys)
		}
		say(t, h, "log:b", "1")
		if logs, keys := engine.Size(); logs != 1 || keys != 0 {
			t.Errorf("%d logs and %d keys", logs, keys)
		}
		h.Publish(t.Context(), "log:b", nil, &hub.PublishOptions{IdempotencyKey: "k"})
		engine.Forget()
		if _, keys := engine.Size(); keys != 0 {
			t.Errorf("all is forgotten but %d keys", keys)
		}
	})
}
