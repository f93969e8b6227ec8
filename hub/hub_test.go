package hub_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
)

func TestMembersGetWhatIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		ada, bob := connect(t, h, "ada", nil), connect(t, h, "bob", nil)
		ada.joins("live:x", nil)
		ada.joins("live:y", nil)
		bob.joins("live:x", nil)
		say(t, h, "live:x", "1")
		say(t, h, "live:y", "2")
		say(t, h, "live:z", "3")
		ada.hears("1 2")
		bob.hears("1")
		if err := ada.Leave(t.Context(), "live:x"); err != nil {
			t.Error(err)
		}
		wantErr(t, "leaving again", ada.Leave(t.Context(), "live:x"), hub.ErrNotJoined)
		say(t, h, "live:x", "4")
		ada.hears("")
		bob.hears("4")
		ada.joins("live:x", nil)
		_, err := ada.Join(t.Context(), "live:x", nil)
		wantErr(t, "joining twice", err, hub.ErrJoined)
		if got := strings.Join(ada.Channels(), " "); got != "live:y live:x" {
			t.Errorf("Ada is in %q", got)
		}
		bob.Client.Close()
		bob.Client.Close()
		say(t, h, "live:x", "5")
		bob.hears("")
		ada.hears("5")
		_, err = bob.Join(t.Context(), "live:x", nil)
		wantErr(t, "joining after Close", err, hub.ErrClosed)
		_, err = bob.Publish(t.Context(), "live:x", nil, nil)
		wantErr(t, "publishing after Close", err, hub.ErrClosed)
		wantErr(t, "sending after Close", bob.Client.Send(nil, false), hub.ErrClosed)
		if s := h.Stats(); s.Clients != 1 || s.Channels != 2 || s.Members != 2 || s.Published != 5 || s.Offered != 5 || s.Delivered != 5 {
			t.Errorf("the hub counts %+v", s)
		}
		if bob.end() != nil {
			t.Errorf("the outlet of a client that closed itself was closed with %v", bob.end())
		}
	})
}

func TestOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		ada, bob := connect(t, h, "ada", nil), connect(t, h, "bob", nil)
		ada.joins("live:x", nil)
		bob.joins("live:x", nil)
		ada.Publish(t.Context(), "live:x", []byte("1"), &hub.PublishOptions{Others: true})
		ada.Publish(t.Context(), "live:x", []byte("2"), nil)
		h.Publish(t.Context(), "live:x", []byte("3"), &hub.PublishOptions{Others: true})
		ada.hears("2 3")
		bob.hears("1 2 3")
	})
}

// A message is the publisher's no more: what they do with their buffer is their
// own business.
func TestPublishCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		ada := connect(t, h, "ada", nil)
		ada.joins("log:x", nil)
		b := []byte("before")
		h.Publish(t.Context(), "log:x", b, nil)
		ada.Client.Send(b, false)
		copy(b, "after!")
		ada.hears("before before")
	})
}

func TestWhoMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		no := errors.New("not you")
		var asked []hub.Request
		judge := func(_ context.Context, r hub.Request) error {
			if asked = append(asked, r); r.Principal != "ada" {
				return no
			}
			return nil
		}
		h := open(t, hub.Options{Namespaces: []hub.Namespace{
			{Name: "a", MaySubscribe: judge, MayPublish: judge},
			{Name: "nobody"},
		}})
		ada, eve := connect(t, h, "1", &hub.ClientOptions{Principal: "ada"}), connect(t, h, "2", nil)
		ada.joins("a:x", nil)
		if _, err := ada.Publish(t.Context(), "a:x", []byte("1"), nil); err != nil {
			t.Error(err)
		}
		var denied *hub.DeniedError
		_, err := eve.Join(t.Context(), "a:x", nil)
		if wantErr(t, "Join", err, no); !errors.As(err, &denied) || denied.Action != "subscribe" || denied.Channel != "a:x" {
			t.Errorf("Join: %v", err)
		}
		_, err = eve.Publish(t.Context(), "a:x", []byte("2"), nil)
		if wantErr(t, "Publish", err, no); !errors.As(err, &denied) || denied.Action != "publish" {
			t.Errorf("Publish: %v", err)
		}
		if _, err := ada.Join(t.Context(), "nobody:x", nil); !errors.As(err, &denied) || denied.Err != nil {
			t.Errorf("where nobody may, Join says %v", err)
		}
		if _, err := ada.Publish(t.Context(), "nobody:x", nil, nil); !errors.As(err, &denied) {
			t.Errorf("where nobody may, Publish says %v", err)
		}
		say(t, h, "nobody:x", "the program may")
		ada.hears("1")
		if want := (hub.Request{Channel: "a:x", Client: "2"}); len(asked) != 4 || asked[2] != want {
			t.Errorf("asked %+v", asked)
		}
	})
}

func TestNames(t *testing.T) {
	h := open(t, hub.Options{Namespaces: append(spaces(), hub.Namespace{Name: "", MaySubscribe: hub.Anyone})})
	for _, name := range []string{"live:x", "plain", "live::", "live:a:b", "live: ", "live:*", "live:.>", "live:" + strings.Repeat("é", 125)} {
		if _, err := h.Publish(t.Context(), name, nil, nil); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	var bad *hub.NameError
	for _, name := range []string{"", "live:", "live:\x00", "live:a\nb", "live:\u0085", "live:\x7f", "live:\xff", "live:" + strings.Repeat("x", 251)} {
		if _, err := h.Publish(t.Context(), name, nil, nil); !errors.As(err, &bad) || bad.Channel != name || len(err.Error()) > 400 {
			t.Errorf("%q: %v, want a NameError", name, err)
		}
	}
	for _, name := range []string{"other:x", "LIVE:x", ":x"} {
		_, err := h.Publish(t.Context(), name, nil, nil)
		if name == ":x" {
			if err != nil {
				t.Errorf("%q: %v", name, err) // of the namespace ""
			}
			continue
		}
		wantErr(t, name, err, hub.ErrNoNamespace)
	}
}

func TestNamespacesAreChecked(t *testing.T) {
	for why, ns := range map[string]hub.Namespace{
		"a capital":                {Name: "A"},
		"a colon":                  {Name: "a:b"},
		"longer than 64":           {Name: strings.Repeat("a", 65)},
		"no TTL":                   {History: hub.History{Size: 1}},
		"no size":                  {History: hub.History{TTL: 1}},
		"a negative size":          {History: hub.History{Size: -1, TTL: 1}},
		"a negative TTL":           {Presence: hub.Presence{TTL: -1}},
		"nobody to announce":       {Presence: hub.Presence{Announce: true}},
		"an unknown policy":        {Slow: 9},
		"history that may be lost": {History: hub.History{Size: 1, TTL: 1}, Slow: hub.DropOldest},
	} {
		if h, err := hub.New(hub.Options{Namespaces: []hub.Namespace{ns}}); err == nil {
			h.Close()
			t.Errorf("a namespace with %s was taken", why)
		}
	}
	if _, err := hub.New(hub.Options{Namespaces: []hub.Namespace{{Name: "a"}, {Name: "a"}}}); err == nil {
		t.Error("two namespaces of one name were taken")
	}
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{
			Namespaces: []hub.Namespace{
				{Name: "a", MaySubscribe: hub.Anyone, MaxChannels: 2, MaxMembers: 2},
				{Name: "b", MaySubscribe: hub.Anyone},
				{Name: "log", MaySubscribe: hub.Anyone, History: hub.History{Size: 1, TTL: time.Hour}},
			},
			MaxChannels: 4, MaxJoined: 3, MaxMessage: 10,
		})
		full := func(c *guest, channel, what string, limit int) {
			t.Helper()
			var err, has *hub.FullError
			if _, e := c.Join(t.Context(), channel, nil); !errors.As(e, &err) || err.What != what || err.Limit != limit {
				t.Errorf("%s joining %s: %v, want that there are %d %s", c.ID(), channel, e, limit, what)
			}
			e := h.HasRoom(channel)
			if what != hub.ChannelsOfClient && (!errors.As(e, &has) || *has != *err) {
				t.Errorf("HasRoom(%q): %v", channel, e)
			}
		}
		c := []*guest{connect(t, h, "0", nil), connect(t, h, "1", nil), connect(t, h, "2", nil)}
		if err := h.HasRoom("a:1"); err != nil {
			t.Error(err)
		}
		c[0].joins("a:1", nil)
		c[1].joins("a:1", nil)
		full(c[2], "a:1", hub.Members, 2)
		c[0].joins("a:2", nil)
		full(c[2], "a:3", hub.ChannelsOfNamespace, 2)
		c[0].joins("b:1", nil)
		full(c[0], "b:2", hub.ChannelsOfClient, 3)
		c[1].joins("b:2", nil)
		full(c[2], "b:3", hub.Channels, 4)
		c[1].Leave(t.Context(), "b:2")
		c[2].joins("b:3", nil)
		c[1].Leave(t.Context(), "a:1")
		c[2].joins("a:1", nil)
		for _, g := range c {
			g.Client.Close()
		}
		if s := h.Stats(); s.Channels != 0 || s.Members != 0 || s.Clients != 0 {
			t.Errorf("everyone has left, and there is %+v", s)
		}
		again := connect(t, h, "again", nil)
		again.joins("a:8", nil)
		again.joins("a:9", nil)

		_, err := h.Publish(t.Context(), "b:1", make([]byte, 11), nil)
		wantErr(t, "11 bytes of 10", err, hub.ErrTooLong)
		_, err = h.Publish(t.Context(), "b:1", nil, &hub.PublishOptions{Key: strings.Repeat("k", 256)})
		wantErr(t, "a key of 256 bytes", err, hub.ErrTooLong)
		_, err = h.Publish(t.Context(), "log:1", nil, &hub.PublishOptions{IdempotencyKey: strings.Repeat("k", 256)})
		wantErr(t, "an idempotency key of 256 bytes", err, hub.ErrTooLong)
		_, err = h.Publish(t.Context(), "b:1", nil, &hub.PublishOptions{IdempotencyKey: "k"})
		wantErr(t, "an idempotency key without history", err, hub.ErrNoHistory)
		_, err = h.History(t.Context(), "b:1", hub.Query{})
		wantErr(t, "the history of a live channel", err, hub.ErrNoHistory)
		_, err = h.PresenceStats(t.Context(), "b:1")
		wantErr(t, "the presence of a channel without", err, hub.ErrNoPresence)
	})
}

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		ada := connect(t, h, "ada", &hub.ClientOptions{Principal: "p", Info: []byte("i")})
		bob := connect(t, h, "bob", &hub.ClientOptions{Principal: "p"})
		w := ada.joins("who:x", nil)
		if len(w.Members) != 1 || w.Members[0].ID != "ada" || w.Members[0].Principal != "p" || string(w.You.Info) != "i" {
			t.Errorf("Ada is welcomed with %+v", w)
		}
		w = bob.joins("who:x", &hub.JoinOptions{Info: []byte("other")})
		if len(w.Members) != 2 || w.Members[0].ID != "ada" || string(w.Members[1].Info) != "other" || !w.Members[1].Since.After(w.Members[0].Since) {
			t.Errorf("Bob is welcomed with %+v", w)
		}
		if s, err := h.PresenceStats(t.Context(), "who:x"); err != nil || s != (hub.PresenceStats{Clients: 2, Principals: 1}) {
			t.Errorf("PresenceStats: %+v, %v", s, err)
		}
		ada.hears("+bob")
		bob.Leave(t.Context(), "who:x")
		ada.hears("-bob")
		if members, _ := h.Members(t.Context(), "who:x"); len(members) != 1 {
			t.Errorf("after Bob left there are %+v", members)
		}
		bob.joins("who:x", nil)
		bob.Client.Close()
		ada.hears("+bob -bob")
		bob.hears("")
	})
}

func TestPrivateMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		ada := connect(t, h, "ada", &hub.ClientOptions{QueueMessages: 3})
		ada.joins("live:x", nil)
		say(t, h, "live:x", "1")
		ada.Client.Send([]byte("2"), true)
		say(t, h, "live:x", "3")
		ada.hears("1 2 3")
		ada.takes(0)
		for _, s := range []string{"4", "5", "6"} {
			if err := ada.Client.Send([]byte(s), false); err != nil {
				t.Error(err)
			}
		}
		wantErr(t, "a fourth in a queue of three", ada.Client.Send(nil, false), hub.ErrSlow)
		synctest.Wait()
		wantErr(t, "the outlet", ada.end(), hub.ErrSlow)
		if s := ada.balanced(); s.Abandoned+s.Queued != 3 {
			t.Errorf("%+v", s)
		}
		bob := connect(t, h, "bob", nil)
		bob.takes(0)
		bob.Client.Send([]byte("1"), false)
		synctest.Wait()
		bob.Client.Close()
		bob.takes(-1)
		bob.hears("")
		if s := bob.balanced(); s.Abandoned != 1 {
			t.Errorf("what waited for a client that closed: %+v", s)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		ada, slow := connect(t, h, "ada", nil), connect(t, h, "slow", nil)
		ada.joins("log:x", nil)
		slow.joins("log:x", nil)
		slow.takes(0)
		say(t, h, "log:x", "1")
		synctest.Wait()
		for range 2 {
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		}
		for _, g := range []*guest{ada, slow} {
			wantErr(t, g.ID(), g.end(), hub.ErrClosed)
			g.balanced()
		}
		_, err := h.Connect(new(guest), nil)
		wantErr(t, "Connect", err, hub.ErrClosed)
		_, err = h.Publish(t.Context(), "log:x", nil, nil)
		wantErr(t, "Publish", err, hub.ErrClosed)
	})
}

// Who comes and goes in a large room, where members sit in several tiers, misses
// nothing and gets nothing of it any more.
func TestLargeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		var guests []*guest
		for i := range 1500 {
			g := connect(t, h, "", nil)
			g.joins("live:x", nil)
			guests = append(guests, g)
			if i%100 == 0 {
				say(t, h, "live:x", "more")
				g.hears("more")
			}
		}
		for i, g := range guests {
			if i%3 != 0 {
				g.Leave(t.Context(), "live:x")
			}
			g.said()
		}
		say(t, h, "live:x", "1", "2")
		for i, g := range guests {
			if want := map[bool]string{true: "1 2"}[i%3 == 0]; g.said() != want {
				t.Fatalf("guest %d did not hear %q", i, want)
			}
		}
		if s := h.Stats(); s.Members != 500 {
			t.Errorf("%+v", s)
		}
	})
}

// Who joins a channel that is just being given up gets another.
func TestJoinWhileTheLastLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &lossy{Memory: hub.NewMemory(nil)}
		h := open(t, hub.Options{Namespaces: spaces(), Engine: engine})
		ada, bob := connect(t, h, "ada", nil), connect(t, h, "bob", nil)
		ada.joins("live:x", nil)
		gate := make(chan struct{})
		engine.set(func() { engine.leaving = gate })
		go ada.Leave(t.Context(), "live:x") // ends with the gate
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := bob.Join(ctx, "live:x", nil)
		wantErr(t, "joining a channel that is being given up", err, context.DeadlineExceeded)
		joined := make(chan error, 1)
		go func() { // ends when it has joined; received below
			_, err := bob.Join(t.Context(), "live:x", nil)
			joined <- err
		}()
		synctest.Wait()
		engine.set(func() { engine.leaving = nil })
		close(gate)
		if err := <-joined; err != nil {
			t.Fatal(err)
		}
		say(t, h, "live:x", "1")
		bob.hears("1")
	})
}

// While nothing waits, a hub has no goroutine and a client no buffer, however
// many there are.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		for range 100 {
			connect(t, h, "", nil).joins("live:x", nil)
		}
		before := runtime.NumGoroutine()
		say(t, h, "live:x", "1")
		synctest.Wait()
		// One that has just ended may still be counted.
		if more := runtime.NumGoroutine() - before; more > 10 {
			t.Errorf("100 idle members have %d goroutines", more)
		}
	})
}
