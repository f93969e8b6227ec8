package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
)

// nodes are hubs of one engine.
func nodes(t *testing.T, engine hub.Engine, names ...string) (all []*hub.Hub) {
	t.Helper()
	for _, name := range names {
		all = append(all, open(t, hub.Options{Engine: engine, Namespaces: spaces(), Name: name, Version: "v-" + name}))
	}
	return all
}

func TestDisconnectMeansWhomItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := nodes(t, hub.NewMemory(nil), "a", "b")
		ada := connect(t, both[0], "ada-1", &hub.ClientOptions{Principal: "ada"})
		other := connect(t, both[1], "ada-2", &hub.ClientOptions{Principal: "ada"})
		bob := connect(t, both[1], "bob", &hub.ClientOptions{Principal: "bob"})
		nobody := connect(t, both[1], "nobody", nil)
		ended := func() (s string) {
			synctest.Wait()
			for _, g := range []*guest{ada, other, bob, nobody} {
				if g.end() != nil {
					s += g.ID() + " "
				}
			}
			return s
		}
		for _, tt := range []struct {
			who   hub.Whom
			n     int
			ended string
		}{
			{hub.Whom{Principal: "Ada"}, 0, ""},
			{hub.Whom{Principal: "bob", Client: "ada-1"}, 0, ""},
			{hub.Whom{Client: "ada"}, 0, ""},
			{hub.Whom{Client: "nobody"}, 1, "nobody "},
			{hub.Whom{Principal: "ada"}, 2, "ada-1 ada-2 nobody "},
			{hub.Whom{Principal: "ada"}, 0, "ada-1 ada-2 nobody "},
			{hub.Whom{Principal: "bob", Client: "bob"}, 1, "ada-1 ada-2 bob nobody "},
		} {
			n, err := both[0].Disconnect(t.Context(), tt.who, &hub.DisconnectError{Code: 4001, Reason: "enough"})
			if n != tt.n || err != nil {
				t.Errorf("%+v: %d were disconnected, %v; want %d", tt.who, n, err, tt.n)
			}
			if got := ended(); got != tt.ended {
				t.Errorf("%+v: ended are %q, want %q", tt.who, got, tt.ended)
			}
		}
		var why *hub.DisconnectError
		if err := other.end(); !errors.As(err, &why) || *why != (hub.DisconnectError{Code: 4001, Reason: "enough"}) {
			t.Errorf("the other node's client is told %v", err)
		}
		if s := both[1].Stats(); s.Clients != 0 || s.Disconnected != 0 {
			t.Errorf("the other node has %+v", s)
		}
	})
}

func TestDisconnectByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{})
		g := connect(t, h, "g", nil)
		if n, err := h.Disconnect(t.Context(), hub.Whom{Client: "g"}, nil); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		synctest.Wait()
		if got := fmt.Sprint(g.end()); got != "hub: disconnected by the program" {
			t.Errorf("it is told %q", got)
		}
	})
}

func TestOrdersThatAreNone(t *testing.T) {
	h := open(t, hub.Options{Namespaces: spaces()})
	_, err := h.Disconnect(t.Context(), hub.Whom{}, nil)
	wantErr(t, "disconnecting nobody", err, hub.ErrNobody)
	_, err = h.Unsubscribe(t.Context(), hub.Whom{}, "live:x")
	wantErr(t, "unsubscribing nobody", err, hub.ErrNobody)
	_, err = h.Unsubscribe(t.Context(), hub.Whom{Client: "x"}, "no:x")
	wantErr(t, "unsubscribing nothing", err, hub.ErrNoNamespace)
	for _, bad := range []hub.DisconnectError{{Code: 1}, {Code: 2999}, {Code: 5000}, {Reason: "\xff"}, {Reason: strings.Repeat("x", 124)}} {
		_, err := h.Disconnect(t.Context(), hub.Whom{Client: "x"}, &bad)
		wantErr(t, "a bad disconnect", err, hub.ErrDisconnect)
	}
	for _, good := range []hub.DisconnectError{{Code: 3000}, {Code: 4999, Reason: strings.Repeat("x", 123)}} {
		if _, err := h.Disconnect(t.Context(), hub.Whom{Client: "x"}, &good); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	_, err = h.Disconnect(t.Context(), hub.Whom{Principal: strings.Repeat("x", hub.MaxQuestion)}, nil)
	wantErr(t, "a principal too long to ask about", err, hub.ErrTooLong)
	_, err = h.Channels(t.Context(), hub.ChannelQuery{After: strings.Repeat("x", hub.MaxName+1)})
	wantErr(t, "a name that there cannot be", err, hub.ErrTooLong)
	h.Close()
	_, err = h.Nodes(t.Context())
	wantErr(t, "asking a closed hub", err, hub.ErrClosed)
}

func TestUnsubscribeTellsAfterWhatCameBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := nodes(t, hub.NewMemory(nil), "a", "b")
		ada := connect(t, both[0], "ada", &hub.ClientOptions{Principal: "p"})
		bob := connect(t, both[1], "bob", &hub.ClientOptions{Principal: "p"})
		for _, g := range []*guest{ada, bob} {
			g.joins("who:x", nil)
		}
		bob.joins("who:y", nil)
		synctest.Wait()
		ada.hears("+bob")
		say(t, both[0], "who:x", "1")
		bob.hears("1")
		if n, err := both[0].Unsubscribe(t.Context(), hub.Whom{Client: "bob"}, "who:x"); n != 1 || err != nil {
			t.Errorf("%d were taken out, %v", n, err)
		}
		if n, err := both[0].Unsubscribe(t.Context(), hub.Whom{Client: "bob"}, "who:x"); n != 0 || err != nil {
			t.Errorf("again %d were taken out, %v", n, err)
		}
		say(t, both[0], "who:x", "2")
		say(t, both[0], "who:y", "3")
		bob.hears("out of who:x 3")
		ada.hears("1 -bob 2")
		if members, err := both[1].Members(t.Context(), "who:x"); err != nil || len(members) != 1 {
			t.Errorf("there are %+v, %v", members, err)
		}
		bob.joins("who:x", nil)
		ada.hears("+bob")
		if n, err := both[1].Unsubscribe(t.Context(), hub.Whom{Principal: "p"}, "who:x"); n != 2 || err != nil {
			t.Errorf("of both %d were taken out, %v", n, err)
		}
		// Which of the two goes first is not said, and what waits when one does
		// is given up.
		if got := ada.said(); got != "out of who:x" && got != "-bob out of who:x" {
			t.Errorf("Ada heard %q", got)
		}
		ada.balanced()
		bob.balanced()
	})
}

// What waits of the channel is given up; the rest comes.
func TestUnsubscribeOfWhoIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		g := connect(t, h, "g", nil)
		g.joins("live:x", nil)
		g.joins("live:y", nil)
		g.takes(0)
		say(t, h, "live:x", "1", "2")
		say(t, h, "live:y", "3")
		synctest.Wait()
		h.Unsubscribe(t.Context(), hub.Whom{Client: "g"}, "live:x")
		g.takes(-1)
		g.hears("3 out of live:x")
		if s := g.balanced(); s.Abandoned != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestNodesTellOfThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, hub.NewMemory(nil), "b", "a", "c")
		connect(t, all[0], "1", nil).joins("live:x", nil)
		connect(t, all[0], "2", nil).joins("live:x", nil)
		connect(t, all[2], "3", nil).joins("live:y", nil)
		connect(t, all[2], "4", nil)
		time.Sleep(time.Minute)
		got, err := all[2].Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		var s []string
		for _, n := range got {
			ids[n.ID] = true
			s = append(s, fmt.Sprint(n.Name, " ", n.Version, " ", n.Uptime, " ", n.Clients, " ", n.Channels, " ", n.Members))
		}
		if got, want := strings.Join(s, ", "), "c v-c 1m0s 2 1 1, a v-a 1m0s 0 0 0, b v-b 1m0s 2 1 2"; got != want {
			t.Errorf("the nodes are %s; want %s", got, want)
		}
		if len(ids) != 3 || ids[""] {
			t.Errorf("their IDs are %v", ids)
		}
		all[1].Close()
		if got, err := all[2].Nodes(t.Context()); len(got) != 2 || err != nil {
			t.Errorf("without one: %+v, %v", got, err)
		}
	})
}

// asked is an engine whose nodes answer as a test says.
type asked struct {
	hub.Engine
	answers []string
	silent  int
	err     error
}

type askedLink struct {
	hub.Link
	*asked
}

func (a *asked) Open(r hub.Receiver, ns []hub.Namespace) (hub.Link, error) {
	l, err := a.Engine.Open(r, ns)
	return askedLink{l, a}, err
}

func (l askedLink) Ask(context.Context, []byte) (answers [][]byte, silent int, err error) {
	for _, s := range l.answers {
		answers = append(answers, []byte(s))
	}
	return answers, l.silent, l.err
}

func TestSilentNodes(t *testing.T) {
	a := &asked{Engine: hub.NewMemory(nil)}
	h := open(t, hub.Options{Engine: a, Namespaces: spaces(), Name: "here"})
	for _, tt := range []struct {
		why    string
		set    asked
		nodes  int
		silent int
	}{
		{"nobody else", asked{}, 1, 0},
		{"one who answers", asked{answers: []string{`{"known":true,"node":{"id":"x","name":"there"}}`}}, 2, 0},
		{"one who does not", asked{silent: 1}, 1, 1},
		{"one of another version", asked{answers: []string{`{}`}}, 1, 1},
		{"one who talks nonsense", asked{answers: []string{`x`, ""}, silent: 1}, 1, 3},
	} {
		a.answers, a.silent, a.err = tt.set.answers, tt.set.silent, nil
		got, err := h.Nodes(t.Context())
		var silent *hub.SilentError
		errors.As(err, &silent)
		if len(got) != tt.nodes || (silent != nil) != (tt.silent > 0) || silent != nil && silent.Nodes != tt.silent {
			t.Errorf("%s: %+v, %v", tt.why, got, err)
		}
	}
	a.answers, a.silent, a.err = nil, 0, hub.ErrUnavailable
	g := connect(t, h, "g", nil)
	n, err := h.Disconnect(t.Context(), hub.Whom{Client: "g"}, nil)
	if n != 1 || !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("while the engine is away: %d, %v", n, err)
	}
	if g.Err() == nil {
		t.Error("it was not disconnected")
	}
}

// plainLink can do what a Link has to, and nothing else.
type plainLink struct{ hub.Link }
type unable struct{ hub.Engine }

func (p unable) Open(r hub.Receiver, ns []hub.Namespace) (hub.Link, error) {
	l, err := p.Engine.Open(r, ns)
	return plainLink{l}, err
}

func TestAnEngineWhoseNodesCannotAsk(t *testing.T) {
	engine := unable{hub.NewMemory(nil)}
	both := nodes(t, engine, "a", "b")
	if got, err := both[0].Nodes(t.Context()); len(got) != 1 || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestANodeThatAsksNonsense(t *testing.T) {
	memory := hub.NewMemory(nil)
	nodes(t, memory, "a")
	l, err := memory.Open(silentReceiver{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, question := range []string{"", "x", "{}", `{"do":"channels"}`, `{"do":"fly"}`, `{"do":"disconnect"}`} {
		answers, _, err := l.(hub.Asker).Ask(t.Context(), []byte(question))
		if len(answers) != 1 || err != nil {
			t.Errorf("%q: %d answers, %v", question, len(answers), err)
		}
	}
}

type silentReceiver struct{}

func (silentReceiver) Receive(*hub.Message) {}
func (silentReceiver) Away(error)           {}
func (silentReceiver) Back()                {}

func TestChannelsOfAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := nodes(t, hub.NewMemory(nil), "a", "b")
		sit := func(h *hub.Hub, id string, channels ...string) {
			g := connect(t, h, id, nil)
			for _, ch := range channels {
				g.joins(ch, nil)
			}
		}
		sit(both[0], "1", "live:b", "live:d", "log:a")
		sit(both[0], "2", "live:d")
		sit(both[1], "3", "live:a", "live:d", "live:ü*")
		connect(t, both[1], "4", nil)

		for _, tt := range []struct {
			q          hub.ChannelQuery
			want, next string
		}{
			{hub.ChannelQuery{}, "live:a 1, live:b 1, live:d 3, live:ü* 1, log:a 1", ""},
			{hub.ChannelQuery{Pattern: "live:*"}, "live:a 1, live:b 1, live:d 3, live:ü* 1", ""},
			{hub.ChannelQuery{Pattern: "*:a"}, "live:a 1, log:a 1", ""},
			{hub.ChannelQuery{Pattern: "*", Limit: 2}, "live:a 1, live:b 1", "live:b"},
			{hub.ChannelQuery{Limit: 2, After: "live:b"}, "live:d 3, live:ü* 1", "live:ü*"},
			{hub.ChannelQuery{Limit: 2, After: "live:ü*"}, "log:a 1", ""},
			{hub.ChannelQuery{Limit: 1, Pattern: "l*d*"}, "live:d 3", ""},
			{hub.ChannelQuery{Pattern: "live"}, "", ""},
		} {
			for _, h := range both {
				page, err := h.Channels(t.Context(), tt.q)
				var s []string
				for _, c := range page.Channels {
					s = append(s, fmt.Sprint(c.Name, " ", c.Members))
				}
				if got := strings.Join(s, ", "); got != tt.want || page.Next != tt.next || err != nil {
					t.Errorf("%+v: %s, next %q, %v; want %s, next %q", tt.q, got, page.Next, err, tt.want, tt.next)
				}
			}
		}
	})
}

// However names and nodes are mixed, page after page has each channel once.
func TestPagesHaveEachChannelOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, hub.NewMemory(nil), "a", "b", "c")
		var want []string
		// The longest names: a page has to be cut for its bytes.
		for i := range 900 {
			name := fmt.Sprintf("live:%03d%s", i*7919%900, strings.Repeat(`"`, hub.MaxName-8))
			want = append(want, name)
			for k, h := range all {
				if i%7 == k || i%3 == k || i%7 > 2 && k == 0 {
					connect(t, h, fmt.Sprint(i), nil).joins(name, nil)
				}
			}
		}
		slices.Sort(want)
		for _, limit := range []int{0, 50, 250, 5000} {
			var got []string
			q := hub.ChannelQuery{Limit: limit}
			for {
				page, err := all[1].Channels(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if limit > 0 && len(page.Channels) > limit {
					t.Errorf("limit %d: a page of %d", limit, len(page.Channels))
				}
				for _, c := range page.Channels {
					got = append(got, c.Name)
				}
				if q.After = page.Next; q.After == "" || len(got) > len(want) {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("limit %d: the pages have %d channels, want %d", limit, len(got), len(want))
			}
		}
	})
}
