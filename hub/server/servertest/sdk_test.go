package servertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/centrifugal/centrifuge-go"
	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
	"github.com/wye-org/wye/hub/server/jwt"
	"github.com/wye-org/wye/hub/server/servertest"
)

var secret = []byte("a secret of thirty-two bytes, at least")

// brief is how long the tokens of these tests hold: a second is the least that an SDK
// can be told.
const brief = 2 * time.Second

// token signs claims, for a time that is over soon.
func token(claims gojwt.MapClaims) string {
	claims["aud"], claims["exp"] = "wye", time.Now().Add(brief).Unix()
	s, err := gojwt.NewWithClaims(gojwt.SigningMethodHS256, claims).SignedString(secret)
	if err != nil {
		panic(err)
	}
	return s
}

func connection() string { return token(gojwt.MapClaims{"sub": "ann", "namespaces": []string{"room"}}) }
func subscription(channel string) string {
	return token(gojwt.MapClaims{"sub": "ann", "channel": channel})
}

// place is a server for the SDKs, with tokens.
type place struct {
	hub      *hub.Hub
	url      string
	mu       sync.Mutex     // guards commands
	commands map[string]int // that went well
	changed  chan struct{}
}

func newPlace(t *testing.T) *place {
	key, err := jwt.NewKey("", "", secret)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := jwt.New(jwt.Options{Keys: []jwt.Key{key}, Audience: "wye"})
	if err != nil {
		t.Fatal(err)
	}
	history := hub.History{Size: 100, TTL: time.Hour}
	p := &place{commands: map[string]int{}, changed: make(chan struct{}, 1)}
	p.hub = newHub(t, hub.NewMemory(nil),
		hub.Namespace{Name: "room", History: history, Presence: hub.Presence{TTL: time.Minute, Announce: true}, MaySubscribe: hub.Anyone, MayPublish: hub.Anyone},
		hub.Namespace{Name: "own", History: history},
		hub.Namespace{Name: "shut", History: history},
	)
	p.url = "ws://" + servertest.Serve(t, server.Options{Hub: p.hub, Tokens: tokens, Hooks: server.Hooks{Command: p.count}}) + "/connection/websocket"
	return p
}

func (p *place) count(name string, code int) {
	if code != 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commands[name]++
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// awaitCommands waits until a command of each name went well, and reports whether
// that was in time.
func (p *place) awaitCommands(ctx context.Context, names ...string) bool {
	for {
		p.mu.Lock()
		missing := slices.ContainsFunc(names, func(name string) bool { return p.commands[name] == 0 })
		p.mu.Unlock()
		if !missing {
			return true
		}
		select {
		case <-p.changed:
		case <-ctx.Done():
			return false
		}
	}
}

func TestJavaScript(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p := newPlace(t)
	script := servertest.NewScript(ctx, t, "session.js", p.url, "room:a", "own:a")
	var got []string
	for line := range script.Lines {
		var said struct {
			Step  string
			Value any
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if said.Step != "token" {
			got = append(got, line)
			continue
		}
		var asked struct{ Value []string }
		if err := json.Unmarshal([]byte(line), &asked); err != nil {
			t.Fatal(err)
		}
		answer := func(token string) { script.Say(asked.Value[0] + " " + token) }
		switch asked.Value[1] {
		case "connection":
			answer(connection())
		case "subscription":
			answer(subscription(asked.Value[2]))
		case "wait":
			go func() { // ends with the test's ctx
				if p.awaitCommands(ctx, "refresh", "sub_refresh") {
					answer("")
				}
			}()
		case "disconnect":
			if n, err := p.hub.Disconnect(ctx, hub.Whom{Principal: "ann"}, nil); n != 1 || err != nil {
				t.Errorf("disconnected %d, %v", n, err)
			}
			answer("")
		}
	}
	want := []string{
		`{"step":"connected","value":{"client":true,"transport":"websocket"}}`,
		`{"step":"subscribed","value":{"recoverable":true,"positioned":true,"recovering":false,"epoch":true}}`,
		`{"step":"publication","value":{"data":{"text":"from the SDK"},"offset":1,"user":"ann"}}`,
		`{"step":"presence","value":["ann"]}`,
		`{"step":"presence stats","value":[1,1]}`,
		`{"step":"history","value":{"data":[{"text":"from the SDK"}],"offset":1}}`,
		`{"step":"join","value":"ann"}`,
		`{"step":"leave","value":"ann"}`,
		`{"step":"own","value":"own:a"}`,
		`{"step":"refused","value":103}`,
		`{"step":"unknown","value":104}`,
		`{"step":"not subscribed","value":103}`,
		`{"step":"state","value":["connected","subscribed","subscribed"]}`,
		`{"step":"unsubscribed","value":"unsubscribed"}`,
		`{"step":"disconnected","value":3503}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestGo(t *testing.T) {
	if race {
		t.Skip("centrifuge-go has races of its own")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p := newPlace(t)
	c := centrifuge.NewJsonClient(p.url, centrifuge.Config{
		GetToken:         func(centrifuge.ConnectionTokenEvent) (string, error) { return connection(), nil },
		ReadTimeout:      30 * time.Second,
		HandshakeTimeout: 30 * time.Second,
	})
	t.Cleanup(c.Close)
	events := make(chan string, 100)
	say := func(format string, args ...any) { events <- fmt.Sprintf(format, args...) }
	want := func(want string) {
		t.Helper()
		select {
		case got := <-events:
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("%s has not come", want)
		}
	}
	c.OnDisconnected(func(e centrifuge.DisconnectedEvent) { say("disconnected %d", e.Code) })
	sub, err := c.NewSubscription("room:a", centrifuge.SubscriptionConfig{JoinLeave: true})
	if err != nil {
		t.Fatal(err)
	}
	sub.OnSubscribed(func(e centrifuge.SubscribedEvent) {
		say("subscribed %v %v %v", e.Recoverable, e.Positioned, e.StreamPosition != nil && e.StreamPosition.Epoch != "")
	})
	sub.OnPublication(func(e centrifuge.PublicationEvent) { say("published %s %d %s", e.Data, e.Offset, e.Info.User) })
	sub.OnJoin(func(e centrifuge.JoinEvent) { say("joined %s", e.User) })
	sub.OnLeave(func(e centrifuge.LeaveEvent) { say("left %s", e.User) })
	sub.OnUnsubscribed(func(e centrifuge.UnsubscribedEvent) { say("unsubscribed %d", e.Code) })
	must(t, sub.Subscribe())
	must(t, c.Connect())
	want("subscribed true true true")
	_, err = sub.Publish(ctx, []byte(`{"n":1}`))
	must(t, err)
	want(`published {"n":1} 1 ann`)
	presence, err := sub.Presence(ctx)
	must(t, err)
	stats, err := sub.PresenceStats(ctx)
	must(t, err)
	if len(presence.Clients) != 1 || stats.NumClients != 1 || stats.NumUsers != 1 {
		t.Errorf("got %+v, %+v", presence, stats)
	}
	history, err := sub.History(ctx, centrifuge.WithHistoryLimit(-1))
	must(t, err)
	if len(history.Publications) != 1 || history.Offset != 1 || string(history.Publications[0].Data) != `{"n":1}` {
		t.Errorf("got %+v", history)
	}

	other := centrifuge.NewJsonClient(p.url, centrifuge.Config{
		GetToken:         func(centrifuge.ConnectionTokenEvent) (string, error) { return connection(), nil },
		HandshakeTimeout: 30 * time.Second,
	})
	t.Cleanup(other.Close)
	others, err := other.NewSubscription("room:a")
	must(t, err)
	must(t, others.Subscribe())
	must(t, other.Connect())
	want("joined ann")
	must(t, other.Disconnect())
	want("left ann")

	own, err := c.NewSubscription("own:a", centrifuge.SubscriptionConfig{
		GetToken: func(e centrifuge.SubscriptionTokenEvent) (string, error) { return subscription(e.Channel), nil },
	})
	must(t, err)
	own.OnSubscribed(func(centrifuge.SubscribedEvent) { say("own") })
	own.OnUnsubscribed(func(e centrifuge.UnsubscribedEvent) { say("own unsubscribed %d", e.Code) })
	must(t, own.Subscribe())
	want("own")
	if !p.awaitCommands(ctx, "refresh", "sub_refresh") {
		t.Fatal("the tokens were not refreshed")
	}

	must(t, sub.Unsubscribe())
	want("unsubscribed 0")
	if n, err := p.hub.Disconnect(ctx, hub.Whom{Principal: "ann"}, &hub.DisconnectError{Code: 4500, Reason: "enough"}); n != 1 || err != nil {
		t.Errorf("disconnected %d, %v", n, err)
	}
	want("disconnected 4500")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
