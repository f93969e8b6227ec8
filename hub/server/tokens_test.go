package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
	"github.com/wye-org/wye/websocket"
)

func TestNamespacesOfTokens(t *testing.T) {
	for _, x := range []struct{ why, token, command, want string }{
		{"one that the token has", "ns=own", `"subscribe":{"channel":"own:a"}`, `"subscribe":{"epoch":"","offset":0}`},
		{"one that it has not", "ns=other", `"subscribe":{"channel":"own:a"}`, `"error":{"code":103,"message":"permission denied"}`},
		{"an open one", "ns=own", `"subscribe":{"channel":"demo:a"}`, `"subscribe":{"epoch":"","offset":0}`},
		{"one that lets no client in", "ns=shut", `"subscribe":{"channel":"shut:a"}`, `"error":{"code":103,"message":"permission denied"}`},
		{"another name that begins with it", "ns=own", `"subscribe":{"channel":"owned:a"}`, `"error":{"code":103,"message":"permission denied"}`},
		{"one without a colon", "ns=own", `"subscribe":{"channel":"own"}`, `"error":{"code":103,"message":"permission denied"}`},
		{"publishing", "ns=room", `"publish":{"channel":"room:a","data":1}`, `"publish":{}`},
		{"publishing elsewhere", "ns=own", `"publish":{"channel":"room:a","data":1}`, `"error":{"code":103,"message":"permission denied"}`},
	} {
		t.Run(x.why, bubble(func(t *testing.T) {
			c := newNode(t, func(o *server.Options) { o.Open = []string{"demo"} }).connect(x.token)
			c.talk(`{"id":2,`+x.command+`}`, `{"id":2,`+x.want+`}`)
		}))
	}
}

func TestSubscriptionTokens(t *testing.T) {
	for _, x := range []struct{ why, token, want string }{
		{"in order", "sub=ann_channel=shut:a", ""},
		{"for this client", "sub=ann_channel=shut:a_client=ID", ""},
		{"for another client", "sub=ann_channel=shut:a_client=X", `{"code":103,"message":"permission denied"}`},
		{"for another channel", "sub=ann_channel=shut:b", `{"code":103,"message":"permission denied"}`},
		{"for another principal", "sub=bob_channel=shut:a", `{"code":103,"message":"permission denied"}`},
		{"for nobody", "channel=shut:a", `{"code":103,"message":"permission denied"}`},
		{"bad", "is=bad", `{"code":103,"message":"permission denied"}`},
		{"a connection token", "sub=ann_ns=shut", `{"code":103,"message":"permission denied"}`},
		{"expired", "is=old", `{"code":109,"message":"token expired"}`},
		{"expired by now", "sub=ann_channel=shut:a_for=-1s", `{"code":109,"message":"token expired"}`},
		{"that cannot be judged", "is=away", `{"code":100,"message":"internal server error","temporary":true}`},
	} {
		t.Run(x.why, bubble(func(t *testing.T) {
			c := newNode(t, nil).connect("sub=ann")
			want := `"subscribe":{` + joinedRoom + `}`
			if x.want != "" {
				want = `"error":` + x.want
			}
			c.talk(`{"id":2,"subscribe":{"channel":"shut:a","token":"`+strings.Replace(x.token, "ID", c.id, 1)+`"}}`, `{"id":2,`+want+`}`)
		}))
	}
	t.Run("where there are none", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.Tokens = nil }).connect("")
		c.talk(`{"id":2,"subscribe":{"channel":"demo:a","token":"channel=demo:a"}}`, `{"id":2,"error":{"code":103,"message":"permission denied"}}`)
	}))
	t.Run("a member may publish if the namespace lets it", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.Open = nil }).connect("sub=ann")
		c.say(`{"id":2,"subscribe":{"channel":"room:a","token":"sub=ann_channel=room:a"}}`)
		c.hear()
		c.talk(`{"id":3,"publish":{"channel":"room:a","data":1}}`,
			`{"push":{"channel":"room:a","pub":{"data":1,"info":{"user":"ann","client":"ID"},"offset":1}}}`, `{"id":3,"publish":{}}`)
		c.say(`{"id":2,"subscribe":{"channel":"kept:a","token":"sub=ann_channel=kept:a"}}`)
		c.hear()
		c.talk(`{"id":3,"publish":{"channel":"kept:a","data":1}}`, `{"id":3,"error":{"code":103,"message":"permission denied"}}`)
	}))
}

func TestConnectionExpiry(t *testing.T) {
	t.Run("without a refresh", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.PingInterval = time.Hour }).connect("sub=ann_for=60s")
		began := time.Now()
		c.wantClose(3005, "connection expired")
		if d := time.Since(began); d != 85*time.Second {
			t.Errorf("after %v", d)
		}
	}))
	t.Run("without a refresh, among pings", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.PingInterval = 20 * time.Second }).connect("sub=ann_for=60s")
		began := time.Now()
		for {
			_, p, err := c.conn.Read(ctx)
			if err != nil {
				if websocket.CloseStatus(err) != 3005 {
					t.Errorf("got %v", err)
				}
				break
			}
			c.say(string(p))
		}
		if d := time.Since(began); d != 85*time.Second {
			t.Errorf("after %v", d)
		}
	}))
	t.Run("with one", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.PingInterval = time.Hour }).connect("sub=ann_for=60s")
		began := time.Now()
		time.Sleep(70 * time.Second)
		c.talk(`{"id":2,"refresh":{"token":"sub=ann_for=60s"}}`, `{"id":2,"refresh":{"client":"ID","expires":true,"ttl":60}}`)
		c.wantClose(3005, "connection expired")
		if d := time.Since(began); d != 155*time.Second {
			t.Errorf("after %v", d)
		}
	}))
	t.Run("with one that is for ever", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.PingInterval = time.Hour }).connect("sub=ann_for=60s")
		c.talk(`{"id":2,"refresh":{"token":"sub=ann"}}`, `{"id":2,"refresh":{"client":"ID"}}`)
		time.Sleep(10 * time.Minute)
		c.talk(`{"id":3,"ping":{}}`, `{"id":3,"ping":{}}`)
	}))
	t.Run("a token that lasts a year", bubble(func(t *testing.T) {
		c := newNode(t, nil).dial()
		c.say(`{"id":1,"connect":{"token":"for=8760h"}}`)
		if got := c.hear(); !strings.Contains(got, `"expires":true,"ttl":2147482,`) {
			t.Error(got)
		}
	}))
	t.Run("a moment is a second", bubble(func(t *testing.T) {
		c := newNode(t, nil).dial()
		c.say(`{"id":1,"connect":{"token":"for=10ms"}}`)
		if got := c.hear(); !strings.Contains(got, `"expires":true,"ttl":1,`) {
			t.Error(got)
		}
	}))
	for _, x := range []struct{ why, token, want string }{
		{"none", "", `{"code":107,"message":"bad request"}`},
		{"one that cannot be judged", "is=away", `{"code":100,"message":"internal server error","temporary":true}`},
	} {
		t.Run("a refresh with "+x.why, bubble(func(t *testing.T) {
			c := newNode(t, nil).connect("sub=ann_for=60s")
			c.talk(`{"id":2,"refresh":{"token":"`+x.token+`"}}`, `{"id":2,"error":`+x.want+`}`)
		}))
	}
	for _, x := range []struct {
		why, token string
		code       int
		reason     string
	}{
		{"a bad one", "is=bad", 3500, "invalid token"},
		{"another's", "sub=bob", 3500, "invalid token"},
		{"an old one", "is=old", 3005, "connection expired"},
	} {
		t.Run("a refresh with "+x.why, bubble(func(t *testing.T) {
			c := newNode(t, nil).connect("sub=ann_for=60s")
			c.say(`{"id":2,"refresh":{"token":"` + x.token + `"}}`)
			c.wantClose(x.code, x.reason)
		}))
	}
	t.Run("a refresh of nothing", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.talk(`{"id":2,"refresh":{"token":"sub=ann"}}`, `{"id":2,"error":{"code":108,"message":"not available"}}`)
	}))
	t.Run("a refresh takes namespaces away", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.Open = nil }).connect("sub=ann_ns=own")
		c.talk(`{"id":2,"refresh":{"token":"sub=ann"}}`, `{"id":2,"refresh":{"client":"ID"}}`)
		c.talk(`{"id":3,"subscribe":{"channel":"own:a"}}`, `{"id":3,"error":{"code":103,"message":"permission denied"}}`)
	}))
}

func TestSubscriptionExpiry(t *testing.T) {
	const join = `{"id":2,"subscribe":{"channel":"shut:a","token":"sub=ann_channel=shut:a_for=60s"}}`
	const joined = `{"id":2,"subscribe":{` + joinedRoom + `,"expires":true,"ttl":60}}`
	quietly := func(o *server.Options) { o.PingInterval = time.Hour }
	t.Run("without a refresh", bubble(func(t *testing.T) {
		n := newNode(t, quietly)
		c := n.connect("sub=ann")
		c.talk(join, joined)
		began := time.Now()
		c.want(`{"push":{"channel":"shut:a","unsubscribe":{"code":2501,"reason":"subscription expired"}}}`)
		if d := time.Since(began); d != 85*time.Second {
			t.Errorf("after %v", d)
		}
		n.publish("shut:a", "1")
		c.talk(`{"id":3,"sub_refresh":{"channel":"shut:a","token":"sub=ann_channel=shut:a"}}`, `{"id":3,"error":{"code":103,"message":"permission denied"}}`)
	}))
	t.Run("with one", bubble(func(t *testing.T) {
		c := newNode(t, quietly).connect("sub=ann")
		c.talk(join, joined)
		began := time.Now()
		time.Sleep(80 * time.Second)
		c.talk(`{"id":3,"sub_refresh":{"channel":"shut:a","token":"sub=ann_channel=shut:a_for=50s"}}`, `{"id":3,"sub_refresh":{"expires":true,"ttl":50}}`)
		c.want(`{"push":{"channel":"shut:a","unsubscribe":{"code":2501,"reason":"subscription expired"}}}`)
		if d := time.Since(began); d != 155*time.Second {
			t.Errorf("after %v", d)
		}
	}))
	for why, commands := range map[string][]string{
		"with one that is for ever, in the moment": {`{"id":3,"sub_refresh":{"channel":"shut:a","token":"sub=ann_channel=shut:a"}}`, `{"id":3,"sub_refresh":{}}`},
		"having left and come anew, in the moment": {
			`{"id":3,"unsubscribe":{"channel":"shut:a"}}`, `{"id":3,"unsubscribe":{}}`,
			`{"id":4,"subscribe":{"channel":"shut:a","token":"sub=ann_channel=shut:a"}}`, `{"id":4,"subscribe":{` + joinedRoom + `}}`,
		},
	} {
		t.Run(why, bubble(func(t *testing.T) {
			n := newNode(t, quietly)
			c := n.connect("sub=ann")
			c.talk(join, joined)
			n.server.Strike(time.Now().Add(85*time.Second), func() {
				for i := 0; i < len(commands); i += 2 {
					c.talk(commands[i], commands[i+1])
				}
			})
			c.silent()
		}))
	}
	t.Run("having left", bubble(func(t *testing.T) {
		c := newNode(t, quietly).connect("sub=ann")
		c.talk(join, joined)
		c.talk(`{"id":3,"unsubscribe":{"channel":"shut:a"}}`, `{"id":3,"unsubscribe":{}}`)
		time.Sleep(time.Minute)
		c.talk(join, joined)
		time.Sleep(time.Minute) // the first would have ended
		c.silent()
	}))
	t.Run("taken out by the program", bubble(func(t *testing.T) {
		n := newNode(t, quietly)
		c := n.connect("sub=ann")
		c.talk(join, joined)
		n.hub.Unsubscribe(ctx, hub.Whom{Principal: "ann"}, "shut:a")
		c.want(`{"push":{"channel":"shut:a","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}`)
		time.Sleep(5 * time.Minute)
		c.silent()
	}))
	t.Run("what is known of channels does not add up", bubble(func(t *testing.T) {
		n := newNode(t, quietly)
		c := n.connect("sub=ann")
		for i := range 10 {
			c.talk(join, joined)
			n.hub.Unsubscribe(ctx, hub.Whom{Principal: "ann"}, "shut:a")
			c.hear()
			c.talk(fmt.Sprintf(`{"id":3,"subscribe":{"channel":"none:%d"}}`, i), `{"id":3,"error":{"code":102,"message":"unknown channel"}}`)
		}
		if noted := n.server.Noted(); noted > 2 {
			t.Errorf("%d channels are noted, of a client in none", noted)
		}
	}))
	for _, x := range []struct{ why, token, want string }{
		{"none", "", `{"code":107,"message":"bad request"}`},
		{"a bad one", "is=bad", `{"code":103,"message":"permission denied"}`},
		{"an old one", "is=old", `{"code":110,"message":"expired"}`},
		{"another's", "sub=bob_channel=shut:a", `{"code":103,"message":"permission denied"}`},
		{"another channel's", "sub=ann_channel=shut:b", `{"code":103,"message":"permission denied"}`},
		{"one that cannot be judged", "is=away", `{"code":100,"message":"internal server error","temporary":true}`},
	} {
		t.Run("a refresh with "+x.why, bubble(func(t *testing.T) {
			c := newNode(t, nil).connect("sub=ann")
			c.talk(join, joined)
			c.talk(`{"id":3,"sub_refresh":{"channel":"shut:a","token":"`+x.token+`"}}`, `{"id":3,"error":`+x.want+`}`)
		}))
	}
}

func TestServerSideSubscriptions(t *testing.T) {
	t.Run("in the answer, and then what comes", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		e := n.publish("shut:a", "1", "2", "3")
		c := n.dial()
		c.say(`{"id":1,"connect":{"token":"sub=ann_channels=shut:a,demo:a,shut:a","subs":{"shut:a":{"recover":true,"epoch":"` + e + `","offset":1},"other:a":{"recover":true}}}}`)
		got := c.hear()
		c.id = connected.FindStringSubmatch(got)[1]
		want := `{"id":1,"connect":{"client":"` + c.id + `","version":"","ping":25,"pong":true,"subs":{"demo:a":{"epoch":"","offset":0},` +
			`"shut:a":{"publications":[{"data":2,"offset":2},{"data":3,"offset":3}],"epoch":"` + e + `","offset":1,"recoverable":true,"positioned":true,"was_recovering":true,"recovered":true}}}}`
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		n.publish("shut:a", "4")
		c.want(`{"push":{"channel":"shut:a","pub":{"data":4,"offset":4}}}`)
		c.talk(`{"id":2,"subscribe":{"channel":"shut:a"}}`, `{"id":2,"error":{"code":103,"message":"permission denied"}}`)
		c.talk(`{"id":2,"subscribe":{"channel":"demo:a"}}`, `{"id":2,"error":{"code":105,"message":"already subscribed"}}`)
		c.talk(`{"id":3,"sub_refresh":{"channel":"shut:a","token":"sub=ann_channel=shut:a"}}`, `{"id":3,"error":{"code":103,"message":"permission denied"}}`)
		c.talk(`{"id":4,"unsubscribe":{"channel":"shut:a"}}`, `{"id":4,"unsubscribe":{}}`)
	}))
	t.Run("nothing comes before the answer", bubble(func(t *testing.T) {
		n := newNode(t, func(o *server.Options) {
			o.MaxReply = 1
			// Time passes when nobody has anything to do: what could be sent, is.
			o.Hooks.Recovered = func(server.Transport, bool, int) { time.Sleep(time.Second) }
		})
		e := n.publish("shut:a", "1", "2", "3")
		c := n.dial()
		c.say(`{"id":1,"connect":{"token":"channels=shut:a","subs":{"shut:a":{"recover":true,"epoch":"` + e + `","offset":0}}}}`)
		c.learn()
		c.want(`{"push":{"channel":"shut:a","pub":{"data":2,"offset":2}}}`, `{"push":{"channel":"shut:a","pub":{"data":3,"offset":3}}}`)
	}))
	t.Run("one that cannot be", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.dial()
		c.talk(`{"id":1,"connect":{"token":"channels=demo:a,none:a"}}`, `{"id":1,"error":{"code":102,"message":"unknown channel"}}`)
		synctest.Wait()
		if s := n.hub.Stats(); s.Clients != 0 || s.Members != 0 {
			t.Errorf("left behind: %+v", s)
		}
		c.say(`{"id":2,"connect":{}}`)
		c.learn()
	}))
	t.Run("while the engine is away", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		mend := n.engine.Cut()
		c := n.dial()
		c.talk(`{"id":1,"connect":{"token":"channels=shut:a"}}`, `{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
		mend()
		c.say(`{"id":2,"connect":{"token":"channels=shut:a"}}`)
		c.learn()
	}))
}

// slowTokens take their time.
type slowTokens struct{ tokens }

func (slowTokens) Connection(ctx context.Context, _ string) (*server.Connection, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSlowTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.Tokens = slowTokens{} }).dial()
		began := time.Now()
		c.talk(`{"id":1,"connect":{"token":"x"}}`, `{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("after %v", d)
		}
	})
}

// busyTokens have something happen while they judge.
type busyTokens struct {
	tokens
	meanwhile *func()
}

func (k busyTokens) Subscription(ctx context.Context, token string) (*server.Subscription, error) {
	(*k.meanwhile)()
	return k.tokens.Subscription(ctx, token)
}

// That the program ends a client in the middle of a command is no failure of the
// server's, of which its log would have to tell.
func TestEndedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told strings.Builder
		var meanwhile func()
		n := newNode(t, func(o *server.Options) {
			o.Tokens = busyTokens{meanwhile: &meanwhile}
			o.WebSocket.Logger = slog.New(slog.NewTextHandler(&told, nil))
		})
		meanwhile = func() { n.hub.Disconnect(ctx, hub.Whom{Principal: "ann"}, nil) }
		c := n.connect("sub=ann")
		c.say(`{"id":2,"subscribe":{"channel":"shut:a","token":"sub=ann_channel=shut:a"}}`)
		c.wantClose(3503, "force disconnect")
		<-n.closed
		if told.Len() > 0 {
			t.Errorf("the log has %s", &told)
		}
	})
}

func TestInfo(t *testing.T) {
	for _, x := range []struct{ info, conn, channel string }{
		{"", "", ""},
		{`{"a":1}`, `{"a":1}`, ""},
		{"plain", `"plain"`, ""},
		{"\xff", `"/w=="`, ""},
		{"\x00[1]\x00[2]", "[1]", "[2]"},
		{"\x00\x00[2]", "", "[2]"},
		{"\x00", "", ""},
	} {
		conn, channel := server.Info(&hub.Member{Info: []byte(x.info)})
		if string(conn) != x.conn || string(channel) != x.channel {
			t.Errorf("%q: got %s and %s, want %s and %s", x.info, conn, channel, x.conn, x.channel)
		}
	}
}

func TestNew(t *testing.T) {
	if _, err := server.New(server.Options{}); err == nil {
		t.Error("no hub was fine")
	}
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := server.New(server.Options{Hub: h, PingInterval: time.Millisecond}); err == nil {
		t.Error("pings that cannot be told were fine")
	}
}
