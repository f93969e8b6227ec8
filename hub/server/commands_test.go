package server_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
	"github.com/wye-org/wye/websocket"
)

// join has the client join a channel with history.
func (c *client) join(channel string) {
	c.t.Helper()
	c.say(`{"id":2,"subscribe":{"channel":"` + channel + `"}}`)
	if got := c.hear(); !strings.HasPrefix(got, `{"id":2,"subscribe":{"epoch":`) {
		c.t.Fatal(got)
	}
}

func TestPublish(t *testing.T) {
	for _, x := range []struct{ why, command, want string }{
		{"no channel", `"publish":{"data":1}`, `"error":{"code":107,"message":"bad request"}`},
		{"no data", `"publish":{"channel":"demo:a"}`, `"error":{"code":107,"message":"bad request"}`},
		{"null", `"publish":{"channel":"demo:a","data":null}`, `"publish":{}`},
		{"a namespace that lets no client publish", `"publish":{"channel":"kept:a","data":1}`, `"error":{"code":103,"message":"permission denied"}`},
		{"a namespace that is not open", `"publish":{"channel":"own:a","data":1}`, `"error":{"code":103,"message":"permission denied"}`},
		{"no namespace", `"publish":{"channel":"none:a","data":1}`, `"error":{"code":102,"message":"unknown channel"}`},
		{"two requests", `"publish":{"channel":"demo:a","data":1},"ping":{}`, `"error":{"code":107,"message":"bad request"}`},
		{"rpc", `"rpc":{"method":"x"}`, `"error":{"code":104,"message":"method not found"}`},
		{"what is not known", `"teleport":{}`, `"error":{"code":104,"message":"method not found"}`},
		{"nothing", `"x":1`, `"error":{"code":104,"message":"method not found"}`},
		{"send with an ID", `"send":{"data":{}}`, `"error":{"code":104,"message":"method not found"}`},
	} {
		t.Run(x.why, bubble(func(t *testing.T) {
			c := newNode(t, nil).connect("")
			c.talk(`{"id":4294967295,`+x.command+`}`, `{"id":4294967295,`+x.want+`}`)
		}))
	}
	t.Run("too long for the hub", bubble(func(t *testing.T) {
		n := newNode(t, func(o *server.Options) { o.WebSocket.MaxMessage = 2 << 20 })
		c := n.connect("")
		c.talk(`{"id":2,"publish":{"channel":"demo:a","data":"`+strings.Repeat("x", 1<<20)+`"}}`, `{"id":2,"error":{"code":106,"message":"limit exceeded"}}`)
	}))
	t.Run("too long a message", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.conn.Write(ctx, websocket.MessageText, make([]byte, 64<<10+1))
		if _, _, err := c.conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
			t.Errorf("got %v", err)
		}
	}))
	t.Run("too many commands", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.MaxCommands = 3 }).connect("")
		ping := func(id int) string { return fmt.Sprintf(`{"id":%d,"ping":{}}`, id) }
		c.say(ping(2), ping(3), ping(4))
		c.want(ping(2), ping(3), ping(4))
		c.say(ping(5), ping(6), ping(7), ping(8))
		for {
			_, _, err := c.conn.Read(ctx)
			if err != nil {
				if websocket.CloseStatus(err) != 3501 {
					t.Errorf("got %v", err)
				}
				break
			}
		}
	}))
	t.Run("binary", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.conn.Write(ctx, websocket.MessageBinary, []byte(`{"id":2,"ping":{}}`))
		c.wantClose(3501, "bad request")
	}))
	t.Run("a command without an ID", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.say(`{"publish":{"channel":"demo:a","data":1}}`)
		c.wantClose(3501, "bad request")
	}))
	t.Run("a message that nobody takes", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.say(`{"send":{"data":{}}}`)
		c.wantClose(3508, "not available")
	}))
	t.Run("the engine away", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.connect("")
		n.engine.Cut()
		c.talk(`{"id":2,"publish":{"channel":"room:a","data":1}}`, `{"id":2,"error":{"code":100,"message":"internal server error","temporary":true}}`)
	}))
}

func TestCommandHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string // commands are carried out one after another
		c := newNode(t, func(o *server.Options) {
			o.Hooks.Command = func(name string, code int) { got = append(got, fmt.Sprint(name, " ", code)) }
		}).connect("")
		c.talk(`{"id":2,"x":{}}`, `{"id":2,"error":{"code":104,"message":"method not found"}}`)
		c.talk(`{"id":3,"ping":{},"rpc":{}}`, `{"id":3,"error":{"code":107,"message":"bad request"}}`)
		c.talk(`{"id":4,"subscribe":{"channel":"demo:a"}}`, `{"id":4,"subscribe":{"epoch":"","offset":0}}`)
		c.say(`{"send":{}}`)
		c.wantClose(3508, "not available")
		synctest.Wait()
		if want := []string{"connect 0", "unknown 104", "unknown 107", "subscribe 0", "send 108"}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, nil)
		ann := n.connect(`sub=ann_info={\"n\":1}`)
		ann.talk(`{"id":3,"presence":{"channel":"room:a"}}`, `{"id":3,"error":{"code":103,"message":"permission denied"}}`)
		ann.talk(`{"id":3,"presence_stats":{"channel":"room:a"}}`, `{"id":3,"error":{"code":103,"message":"permission denied"}}`)
		ann.say(`{"id":2,"subscribe":{"channel":"room:a","join_leave":true}}`)
		ann.hear()
		ann.talk(`{"id":3,"presence":{"channel":"room:a"}}`, `{"id":3,"presence":{"presence":{"ID":{"user":"ann","client":"ID","conn_info":{"n":1}}}}}`)

		// One who is told who comes and goes, and one who has not asked for it.
		bob := n.connect("sub=bob")
		bob.say(`{"id":2,"subscribe":{"channel":"room:a","token":"sub=bob_channel=room:a_info=[2]"}}`)
		bob.hear()
		ann.want(`{"push":{"channel":"room:a","join":{"info":{"user":"bob","client":"` + bob.id + `","chan_info":[2]}}}}`)
		eve := n.connect("sub=bob")
		eve.join("room:a")
		ann.want(`{"push":{"channel":"room:a","join":{"info":{"user":"bob","client":"` + eve.id + `"}}}}`)
		ann.talk(`{"id":4,"presence_stats":{"channel":"room:a"}}`, `{"id":4,"presence_stats":{"num_clients":3,"num_users":2}}`)
		bob.conn.CloseNow()
		ann.want(`{"push":{"channel":"room:a","leave":{"info":{"user":"bob","client":"` + bob.id + `","chan_info":[2]}}}}`)
		eve.silent()

		eve.join("kept:a")
		eve.talk(`{"id":5,"presence":{"channel":"kept:a"}}`, `{"id":5,"error":{"code":108,"message":"not available"}}`)
		eve.talk(`{"id":6,"presence_stats":{"channel":"kept:a"}}`, `{"id":6,"error":{"code":108,"message":"not available"}}`)
	})
	t.Run("too many", bubble(func(t *testing.T) {
		n := newNode(t, func(o *server.Options) { o.MaxMembers = 1 })
		c := n.connect("")
		c.join("room:a")
		n.connect("").join("room:a")
		c.talk(`{"id":3,"presence":{"channel":"room:a"}}`, `{"id":3,"error":{"code":106,"message":"limit exceeded"}}`)
		c.talk(`{"id":4,"presence_stats":{"channel":"room:a"}}`, `{"id":4,"presence_stats":{"num_clients":2,"num_users":1}}`)
	}))
}

func TestHistory(t *testing.T) {
	pub := func(n int) string { return fmt.Sprintf(`{"data":%d,"offset":%d}`, n, n) }
	pubs := func(ns ...int) string {
		var all []string
		for _, n := range ns {
			all = append(all, pub(n))
		}
		return `"publications":[` + strings.Join(all, ",") + `]`
	}
	for _, x := range []struct{ why, ask, want string }{
		{"the position", ``, pubs()},
		{"two", `,"limit":2`, pubs(3, 4)},
		{"all", `,"limit":-1`, pubs(3, 4, 5, 6, 7)},
		{"the newest", `,"limit":2,"reverse":true`, pubs(7, 6)},
		{"since", `,"limit":10,"since":{"offset":5,"epoch":"EPOCH"}`, pubs(6, 7)},
		{"since, of any epoch", `,"limit":10,"since":{"offset":5}`, pubs(6, 7)},
		{"since, backwards", `,"limit":10,"reverse":true,"since":{"offset":5,"epoch":"EPOCH"}`, pubs(4, 3)},
		{"since another epoch", `,"limit":10,"since":{"offset":5,"epoch":"other"}`, ``},
	} {
		t.Run(x.why, bubble(func(t *testing.T) {
			n := newNode(t, nil)
			e := n.publish("kept:a", "1", "2", "3", "4", "5", "6", "7")
			c := n.connect("")
			c.join("kept:a")
			want := `"history":{` + x.want + `,"epoch":"EPOCH","offset":7}`
			if x.want == "" {
				want = `"error":{"code":112,"message":"unrecoverable position"}`
			}
			c.talk(`{"id":3,"history":{"channel":"kept:a"`+strings.Replace(x.ask, "EPOCH", e, 1)+`}}`, `{"id":3,`+want+`}`)
		}))
	}
	t.Run("who may not", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.talk(`{"id":3,"history":{"channel":"kept:a","limit":1}}`, `{"id":3,"error":{"code":103,"message":"permission denied"}}`)
		c.say(`{"id":2,"subscribe":{"channel":"demo:a"}}`)
		c.hear()
		c.talk(`{"id":4,"history":{"channel":"demo:a","limit":1}}`, `{"id":4,"error":{"code":108,"message":"not available"}}`)
	}))
	t.Run("as many as fit", bubble(func(t *testing.T) {
		n := newNode(t, func(o *server.Options) { o.MaxHistory, o.MaxReply = 3, 5 })
		n.publish("kept:a", "1", "2", "3", "4", "5")
		c := n.connect("")
		c.join("kept:a")
		c.talk(`{"id":3,"history":{"channel":"kept:a","limit":-1}}`, `{"id":3,"history":{`+pubs(1, 2, 3)+`,"epoch":"EPOCH","offset":5}}`)
		n.publish("kept:b", "1", `"long"`, "3")
		c.join("kept:b")
		c.talk(`{"id":3,"history":{"channel":"kept:b","limit":3}}`, `{"id":3,"history":{`+pubs(1)+`,"epoch":"EPOCH","offset":3}}`)
	}))
}

func TestRecovery(t *testing.T) {
	t.Run("what was missed", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		e := n.publish("room:a", "1", "2", "3")
		c := n.connect("")
		c.talk(`{"id":2,"subscribe":{"channel":"room:a","recover":true,"epoch":"`+e+`","offset":1}}`,
			`{"id":2,"subscribe":{"publications":[{"data":2,"offset":2},{"data":3,"offset":3}],"epoch":"EPOCH","offset":1,"recoverable":true,"positioned":true,"was_recovering":true,"recovered":true}}`)
		n.publish("room:a", "4")
		c.want(`{"push":{"channel":"room:a","pub":{"data":4,"offset":4}}}`)
	}))
	t.Run("nothing was missed", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		e := n.publish("room:a", "1")
		n.connect("").talk(`{"id":2,"subscribe":{"channel":"room:a","recover":true,"epoch":"`+e+`","offset":1}}`,
			`{"id":2,"subscribe":{"epoch":"EPOCH","offset":1,"recoverable":true,"positioned":true,"was_recovering":true,"recovered":true}}`)
	}))
	t.Run("from the beginning", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		e := n.publish("room:a", "1")
		n.connect("").talk(`{"id":2,"subscribe":{"channel":"room:a","recover":true,"epoch":"`+e+`"}}`,
			`{"id":2,"subscribe":{"publications":[{"data":1,"offset":1}],"epoch":"EPOCH","offset":0,"recoverable":true,"positioned":true,"was_recovering":true,"recovered":true}}`)
	}))
	for _, x := range []struct{ why, position string }{
		{"another epoch", `"epoch":"other","offset":6`},
		{"no epoch", `"offset":6`},
		{"too long ago", `"epoch":"EPOCH","offset":1`},
		{"yet to come", `"epoch":"EPOCH","offset":8`},
	} {
		t.Run(x.why, bubble(func(t *testing.T) {
			n := newNode(t, nil)
			e := n.publish("kept:a", "1", "2", "3", "4", "5", "6", "7")
			position := strings.Replace(x.position, "EPOCH", e, 1)
			n.connect("").talk(`{"id":2,"subscribe":{"channel":"kept:a","recover":true,`+position+`}}`,
				`{"id":2,"subscribe":{"epoch":"EPOCH","offset":7,"recoverable":true,"positioned":true,"was_recovering":true}}`)
			c := n.connect("")
			c.talk(`{"id":2,"subscribe":{"channel":"kept:a","recover":true,"flag":3,`+position+`}}`,
				`{"id":2,"error":{"code":112,"message":"unrecoverable position"}}`)
			c.join("kept:a") // it is not in there
		}))
	}
	t.Run("more than fits the answer", bubble(func(t *testing.T) {
		n := newNode(t, func(o *server.Options) { o.MaxReply = 2 })
		e := n.publish("room:a", "1", "2", "3", "4", "5", "6")
		c := n.connect("")
		c.talk(`{"id":2,"subscribe":{"channel":"room:a","recover":true,"epoch":"`+e+`","offset":1}}`,
			`{"id":2,"subscribe":{"publications":[{"data":2,"offset":2},{"data":3,"offset":3}],"epoch":"EPOCH","offset":1,"recoverable":true,"positioned":true,"was_recovering":true,"recovered":true}}`,
			`{"push":{"channel":"room:a","pub":{"data":4,"offset":4}}}`,
			`{"push":{"channel":"room:a","pub":{"data":5,"offset":5}}}`,
			`{"push":{"channel":"room:a","pub":{"data":6,"offset":6}}}`)
	}))
	t.Run("more publications than fit the answer", bubble(func(t *testing.T) {
		n := newNode(t, func(o *server.Options) { o.MaxHistory = 1 })
		e := n.publish("room:a", "1", "2", "3")
		n.connect("").talk(`{"id":2,"subscribe":{"channel":"room:a","recover":true,"epoch":"`+e+`","offset":1}}`,
			`{"id":2,"subscribe":{"publications":[{"data":2,"offset":2}],"epoch":"EPOCH","offset":1,"recoverable":true,"positioned":true,"was_recovering":true,"recovered":true}}`,
			`{"push":{"channel":"room:a","pub":{"data":3,"offset":3}}}`)
	}))
	t.Run("more than the client's queue holds", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		e := n.publish("room:a", "0")
		for range 40 {
			n.publish("room:a", `"`+strings.Repeat("x", 64<<10)+`"`)
		}
		c := n.connect("")
		c.say(`{"id":2,"subscribe":{"channel":"room:a","recover":true,"epoch":"` + e + `","offset":1}}`)
		got := 0
		for got < 40 {
			got += strings.Count(c.hear(), `{"data":`)
		}
		c.talk(`{"id":3,"ping":{}}`, `{"id":3,"ping":{}}`)
	}))
	t.Run("told to the hook", bubble(func(t *testing.T) {
		var got []string
		n := newNode(t, func(o *server.Options) {
			o.Hooks.Recovered = func(t server.Transport, ok bool, messages int) { got = append(got, fmt.Sprint(t, ok, messages)) }
		})
		e := n.publish("room:a", "1", "2", "3")
		c := n.connect("")
		c.join("room:a")
		c.talk(`{"id":3,"unsubscribe":{"channel":"room:a"}}`, `{"id":3,"unsubscribe":{}}`)
		c.say(`{"id":2,"subscribe":{"channel":"room:a","recover":true,"epoch":"` + e + `","offset":1}}`)
		c.hear()
		c.talk(`{"id":3,"unsubscribe":{"channel":"room:a"}}`, `{"id":3,"unsubscribe":{}}`)
		c.say(`{"id":2,"subscribe":{"channel":"room:a","recover":true,"epoch":"x","offset":1}}`)
		c.hear()
		synctest.Wait()
		if want := []string{"websockettrue 2", "websocketfalse 0"}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}))
	t.Run("messages are lost", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.connect("")
		n.publish("room:a", "1")
		c.join("room:a")
		n.engine.Forget()
		n.publish("room:a", "2")
		c.wantClose(3010, "insufficient state")
		if code := <-n.closed; code != 3010 {
			t.Errorf("the hook was told %d", code)
		}
	}))
}

func TestEnds(t *testing.T) {
	t.Run("no connect command", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		began := time.Now()
		n.dial().wantClose(3502, "stale")
		if d := time.Since(began); d != 15*time.Second {
			t.Errorf("after %v", d)
		}
	}))
	t.Run("the hub closes", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.connect("")
		go n.hub.Close() // ends with the clients
		c.wantClose(3001, "shutdown")
	}))
	t.Run("the program disconnects", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c, d := n.connect("sub=ann"), n.connect("sub=bob")
		n.hub.Disconnect(ctx, hub.Whom{Principal: "ann"}, nil)
		c.wantClose(3503, "force disconnect")
		n.hub.Disconnect(ctx, hub.Whom{Client: d.id}, &hub.DisconnectError{Code: 3999, Reason: "enough"})
		d.wantClose(3999, "enough")
	}))
	t.Run("too slow", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.connect("")
		c.join("room:a")
		for range 40 {
			n.publish("room:a", `"`+strings.Repeat("x", 64<<10)+`"`)
			synctest.Wait()
		}
		if code := <-n.closed; code != 3008 {
			t.Errorf("closed with %d", code)
		}
	}))
	t.Run("the client goes", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.connect("")
		c.join("room:a")
		c.conn.Close(ctx, 1000, "")
		if code := <-n.closed; code != 1000 {
			t.Errorf("closed with %d", code)
		}
		if s := n.hub.Stats(); s.Clients != 0 || s.Members != 0 {
			t.Errorf("left behind: %+v", s)
		}
	}))
}

func TestPings(t *testing.T) {
	t.Run("answered", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		began := time.Now()
		c.talk(``, `{}`)
		if d := time.Since(began); d < 12500*time.Millisecond || d > 25*time.Second {
			t.Errorf("the first after %v", d)
		}
		first := time.Now()
		for i := 1; i < 5; i++ {
			c.talk(`{}`, `{}`)
			if d := time.Since(first); d != time.Duration(i)*25*time.Second {
				t.Errorf("ping %d after %v", i, d)
			}
		}
	}))
	t.Run("not answered", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.want(`{}`)
		began := time.Now()
		c.wantClose(3012, "no pong")
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("after %v", d)
		}
	}))
	t.Run("answered by something else", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.want(`{}`)
		c.talk(`{"id":2,"ping":{}}`, `{"id":2,"ping":{}}`)
		c.want(`{}`)
	}))
	t.Run("as often as is said", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.PingInterval, o.PongTimeout = 2*time.Second, 5*time.Second }).dial()
		c.say(`{"id":1,"connect":{}}`)
		if got := c.hear(); !strings.Contains(got, `"ping":2,"pong":true`) {
			t.Error(got)
		}
		c.want(`{}`)
		began := time.Now()
		c.want(`{}`, `{}`)
		c.wantClose(3012, "no pong") // of the first ping
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("after %v", d)
		}
	}))
	t.Run("while commands take their time", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.PingInterval = 2 * time.Second }).connect("")
		const slowly = `{"id":2,"subscribe":{"channel":"demo:a","token":"is=bad_slow=9s"}}`
		c.say(slowly, slowly, slowly)
		answered := 0
		for {
			_, p, err := c.conn.Read(ctx)
			if err != nil {
				if websocket.CloseStatus(err) != 3012 || answered != 3 {
					t.Errorf("%d answers, then %v", answered, err)
				}
				break
			}
			answered += strings.Count(string(p), `"code":103`)
		}
	}))
	t.Run("who does not read", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		n.connect("")
		if code := <-n.closed; code != 3012 {
			t.Errorf("closed with %d", code)
		}
	}))
}
