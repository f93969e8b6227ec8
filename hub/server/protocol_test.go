package server_test

import (
	"testing"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
)

const joinedRoom = `"epoch":"EPOCH","offset":0,"recoverable":true,"positioned":true`

func TestConnect(t *testing.T) {
	t.Run("without a token", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.talk(`{"id":2,"ping":{}}`, `{"id":2,"ping":{}}`)
	}))
	t.Run("what the answer says", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.dial()
		c.say(`{"id":7,"connect":{"token":"sub=ann_for=90s","name":"js","version":"1","headers":{"a":"b"}}}`)
		got := c.hear()
		c.id = connected.FindStringSubmatch(got)[1]
		want := `{"id":7,"connect":{"client":"` + c.id + `","version":"","expires":true,"ttl":90,"ping":25,"pong":true}}`
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}))
	for _, x := range []struct{ why, token, want string }{
		{"expired", "is=old", `{"id":1,"error":{"code":109,"message":"token expired"}}`},
		{"expired by now", "for=-1s", `{"id":1,"error":{"code":109,"message":"token expired"}}`},
		{"cannot be judged", "is=away", `{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`},
	} {
		t.Run(x.why, bubble(func(t *testing.T) {
			c := newNode(t, nil).dial()
			c.talk(`{"id":1,"connect":{"token":"`+x.token+`"}}`, x.want)
			c.say(`{"id":2,"connect":{}}`) // it may try again
			c.learn()
		}))
	}
	t.Run("a token of nobody", bubble(func(t *testing.T) {
		c := newNode(t, nil).dial()
		c.say(`{"id":1,"connect":{"token":"is=bad"}}`)
		c.wantClose(3500, "invalid token")
	}))
	t.Run("a token where there are none", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.Tokens = nil }).dial()
		c.say(`{"id":1,"connect":{"token":"sub=ann"}}`)
		c.wantClose(3500, "invalid token")
	}))
	t.Run("nobody without a token", bubble(func(t *testing.T) {
		c := newNode(t, func(o *server.Options) { o.Open = nil }).dial()
		c.talk(`{"id":1,"connect":{}}`, `{"id":1,"error":{"code":101,"message":"unauthorized"}}`)
	}))
	for _, x := range []struct{ why, first string }{
		{"a command before connect", `{"id":1,"ping":{}}`},
		{"connect without an ID", `{"connect":{}}`},
		{"send before connect", `{"send":{}}`},
		{"no JSON", `{"id":`},
		{"an ID that is none", `{"id":"1","connect":{}}`},
		{"an ID that is too large", `{"id":4294967296,"connect":{}}`},
		{"a list", `[]`},
	} {
		t.Run(x.why, bubble(func(t *testing.T) {
			n := newNode(t, nil)
			c := n.dial()
			c.say(x.first)
			c.wantClose(3501, "bad request")
			if code := <-n.closed; code != 3501 {
				t.Errorf("the hook was told %d", code)
			}
		}))
	}
	t.Run("twice", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.say(`{"id":2,"connect":{}}`)
		c.wantClose(3501, "bad request")
	}))
}

func TestSubscribe(t *testing.T) {
	t.Run("publications come after the answer", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.connect("sub=ann")
		c.talk(`{"id":2,"subscribe":{"channel":"room:a"}}`, `{"id":2,"subscribe":{`+joinedRoom+`}}`)
		c.talk(`{"id":3,"publish":{"channel":"room:a","data":{"x":1}}}`,
			`{"push":{"channel":"room:a","pub":{"data":{"x":1},"info":{"user":"ann","client":"ID"},"offset":1}}}`,
			`{"id":3,"publish":{}}`)
		n.hub.Publish(ctx, "room:a", []byte("plain"), nil)
		c.want(`{"push":{"channel":"room:a","pub":{"data":"plain","offset":2}}}`)
	}))
	t.Run("a live channel", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.connect("")
		c.talk(`{"id":2,"subscribe":{"channel":"demo:a","recover":true,"epoch":"x","offset":3}}`,
			`{"id":2,"subscribe":{"epoch":"","offset":0}}`)
		n.hub.Publish(ctx, "demo:a", []byte("[1,\n2]"), nil)
		c.want(`{"push":{"channel":"demo:a","pub":{"data":[1,2]}}}`)
		n.hub.Publish(ctx, "demo:a", []byte{0xff, 0}, &hub.PublishOptions{Binary: true})
		c.want(`{"push":{"channel":"demo:a","pub":{"data":"/wA="}}}`)
		n.hub.Publish(ctx, "demo:a", []byte("12"), &hub.PublishOptions{Binary: true})
		c.want(`{"push":{"channel":"demo:a","pub":{"data":"MTI="}}}`)
	}))
	for _, x := range []struct{ why, channel, want string }{
		{"no channel", ``, `{"code":107,"message":"bad request"}`},
		{"no namespace", `none:a`, `{"code":102,"message":"unknown channel"}`},
		{"a namespace that is not open", `other:a`, `{"code":103,"message":"permission denied"}`},
		{"one that lets no client in", `shut:a`, `{"code":103,"message":"permission denied"}`},
		{"a name that is none", `room:\n`, `{"code":107,"message":"bad request"}`},
		{"nothing after the colon", `room:`, `{"code":107,"message":"bad request"}`},
	} {
		t.Run(x.why, bubble(func(t *testing.T) {
			c := newNode(t, nil).connect("")
			c.talk(`{"id":2,"subscribe":{"channel":"`+x.channel+`"}}`, `{"id":2,"error":`+x.want+`}`)
		}))
	}
	t.Run("twice", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.connect("")
		c.talk(`{"id":2,"subscribe":{"channel":"room:a"}}`, `{"id":2,"subscribe":{`+joinedRoom+`}}`)
		c.talk(`{"id":3,"subscribe":{"channel":"room:a"}}`, `{"id":3,"error":{"code":105,"message":"already subscribed"}}`)
		n.hub.Publish(ctx, "room:a", []byte("1"), nil)
		c.want(`{"push":{"channel":"room:a","pub":{"data":1,"offset":1}}}`)
	}))
	t.Run("a channel that is full", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		n.connect("").talk(`{"id":2,"subscribe":{"channel":"full:a"}}`, `{"id":2,"subscribe":{"epoch":"","offset":0}}`)
		n.connect("").talk(`{"id":2,"subscribe":{"channel":"full:a"}}`, `{"id":2,"error":{"code":106,"message":"limit exceeded"}}`)
	}))
	t.Run("with a filter", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.talk(`{"id":2,"subscribe":{"channel":"room:a","tf":{"key":"a"}}}`, `{"id":2,"error":{"code":107,"message":"bad request"}}`)
	}))
	t.Run("the engine away", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.connect("")
		mend := n.engine.Cut()
		c.talk(`{"id":2,"subscribe":{"channel":"room:a"}}`, `{"id":2,"error":{"code":100,"message":"internal server error","temporary":true}}`)
		mend()
		c.talk(`{"id":3,"subscribe":{"channel":"room:a"}}`, `{"id":3,"subscribe":{`+joinedRoom+`}}`)
	}))
}

func TestUnsubscribe(t *testing.T) {
	t.Run("one message with all of it", bubble(func(t *testing.T) {
		// Each command has its answer, though what waits of a channel is
		// forgotten with it.
		n := newNode(t, nil)
		c := n.connect("")
		c.say(`{"id":2,"subscribe":{"channel":"room:a"}}`, `{"id":3,"unsubscribe":{"channel":"room:a"}}`, ``,
			`{"id":4,"unsubscribe":{"channel":"room:a"}}`)
		c.want(`{"id":2,"subscribe":{`+joinedRoom+`}}`, `{"id":3,"unsubscribe":{}}`, `{"id":4,"unsubscribe":{}}`)
		n.hub.Publish(ctx, "room:a", []byte("1"), nil)
		c.silent()
	}))
	t.Run("no channel", bubble(func(t *testing.T) {
		c := newNode(t, nil).connect("")
		c.talk(`{"id":2,"unsubscribe":{}}`, `{"id":2,"error":{"code":107,"message":"bad request"}}`)
	}))
	t.Run("by the program", bubble(func(t *testing.T) {
		n := newNode(t, nil)
		c := n.connect("sub=ann")
		c.talk(`{"id":2,"subscribe":{"channel":"room:a"}}`, `{"id":2,"subscribe":{`+joinedRoom+`}}`)
		if _, err := n.hub.Unsubscribe(ctx, hub.Whom{Principal: "ann"}, "room:a"); err != nil {
			t.Fatal(err)
		}
		c.want(`{"push":{"channel":"room:a","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}`)
		c.talk(`{"id":3,"subscribe":{"channel":"room:a"}}`, `{"id":3,"subscribe":{`+joinedRoom+`}}`)
	}))
}
