package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
	"github.com/wye-org/wye/websocket"
)

// listening is a node behind a server on a port. change may change its options.
func listening(t *testing.T, change func(*server.Options), start func(*httptest.Server)) (*node, *httptest.Server) {
	t.Helper()
	n := newNode(t, change)
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", n.server.WebSocket())
	srv := httptest.NewUnstartedServer(mux)
	start(srv)
	t.Cleanup(func() {
		n.hub.Close()
		wye.Shutdown(ctx, srv.Config, wye.Drain{})
		srv.Close()
	})
	return n, srv
}

// open dials over a network.
func (n *node) open(url string, o *websocket.DialOptions) *client {
	n.t.Helper()
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"/connection/websocket", o)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { c.CloseNow() })
	return &client{t: n.t, conn: c}
}

// A conversation over what there is: the event loop and the goroutines that take its
// place, in the clear and compressed.
func TestTransports(t *testing.T) {
	deflate := websocket.Deflate{Enabled: true}
	for _, x := range []struct {
		why     string
		deflate websocket.Deflate
		start   func(*httptest.Server)
	}{
		{"TCP", websocket.Deflate{}, (*httptest.Server).Start},
		{"TCP, compressed", deflate, (*httptest.Server).Start},
		{"TLS", websocket.Deflate{}, (*httptest.Server).StartTLS},
		{"TLS, compressed", deflate, (*httptest.Server).StartTLS},
	} {
		t.Run(x.why, func(t *testing.T) {
			n, srv := listening(t, func(o *server.Options) {
				o.WebSocket.Deflate = x.deflate
				o.WebSocket.WriteQueueMessages = 3 // so that some batches are sent in parts
			}, x.start)
			o := &websocket.DialOptions{Subprotocols: []string{"centrifuge-json"}, TLSConfig: &tls.Config{InsecureSkipVerify: true}}
			o.Deflate = x.deflate
			c := n.open(srv.URL, o)
			if c.conn.Subprotocol() != "centrifuge-json" || c.conn.Compressed() != x.deflate.Enabled {
				t.Errorf("got %q, compressed %v", c.conn.Subprotocol(), c.conn.Compressed())
			}
			e := n.publish("room:a", "1")
			c.say(`{"id":1,"connect":{"token":"sub=ann"}}`, `{"id":2,"subscribe":{"channel":"room:a"}}`, `{"id":3,"ping":{}}`)
			var got []string
			for len(got) < 3 {
				got = append(got, strings.Split(c.hear(), "\n")...)
			}
			if got[1] != `{"id":2,"subscribe":{"epoch":"`+e+`","offset":1,"recoverable":true,"positioned":true}}` || got[2] != `{"id":3,"ping":{}}` {
				t.Errorf("got %q", got)
			}
			// Others come and go, of which the client is not told.
			other, err := n.hub.Connect(nowhere{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			for i := 2; i <= 301; i++ {
				if _, err := other.Join(ctx, "room:a", nil); err != nil {
					t.Fatal(err)
				}
				n.publish("room:a", fmt.Sprint(i))
				other.Leave(ctx, "room:a")
			}
			got = nil
			for len(got) < 300 {
				got = append(got, strings.Split(c.hear(), "\n")...)
			}
			for i, line := range got {
				if want := fmt.Sprintf(`{"push":{"channel":"room:a","pub":{"data":%d,"offset":%d}}}`, i+2, i+2); line != want {
					t.Fatalf("got %s, want %s", line, want)
				}
			}
			c.say(`{"id":0,"ping":{}}`)
			c.wantClose(3501, "bad request")
		})
	}
}

// nowhere is where a client is that gets nothing.
type nowhere struct{}

func (nowhere) TrySend(batch []*hub.Message) (int, error)                 { return len(batch), nil }
func (nowhere) Send(_ context.Context, batch []*hub.Message) (int, error) { return len(batch), nil }
func (nowhere) Close(error)                                               {}

// What there is no room for, stays in the hub.
func TestNoRoom(t *testing.T) {
	c, far := websocket.Pipe(nil, &websocket.Options{WriteQueueBytes: 64, WriteTimeout: -1, Logger: quiet})
	defer c.CloseNow()
	defer far.CloseNow()
	line := strings.Repeat("x", 60)
	for far.TryWrite(websocket.MessageText, []byte(line)) == nil { // nobody reads
	}
	for _, batch := range [][]*hub.Message{{{Data: []byte(line)}}, {{Data: []byte(line)}, {Data: []byte(line)}}} {
		if n, err := server.SendBatch(far, batch); n != 0 || err != nil {
			t.Errorf("a batch of %d: sent %d, %v", len(batch), n, err)
		}
	}
	c.CloseNow()
	<-far.Done()
	if n, err := server.SendBatch(far, []*hub.Message{{Data: []byte(line)}}); n != 0 || err == nil {
		t.Errorf("at the end: sent %d, %v", n, err)
	}
}

// Whom the gate knows needs no token for what is for such.
func TestAdmitted(t *testing.T) {
	n, srv := listening(t, func(o *server.Options) {
		o.Open, o.Admitted = nil, []string{"own"}
		o.WebSocket.Gate = &gate.Gate{Verifier: gate.VerifierFunc(tokensOfGate)}
	}, (*httptest.Server).Start)
	if _, resp, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")+"/connection/websocket", nil); err == nil || resp.StatusCode != 401 {
		t.Fatalf("got %v, %v", resp, err)
	}
	o := &websocket.DialOptions{Header: http.Header{"Authorization": {"Bearer ann"}}}
	c := n.open(srv.URL, o)
	c.say(`{"id":1,"connect":{}}`)
	c.id = c.learn()
	c.talk(`{"id":2,"subscribe":{"channel":"demo:a"}}`, `{"id":2,"error":{"code":103,"message":"permission denied"}}`)
	c.talk(`{"id":3,"subscribe":{"channel":"own:a"}}`, `{"id":3,"subscribe":{"epoch":"","offset":0}}`)
	c.talk(`{"id":4,"presence":{"channel":"own:a"}}`, `{"id":4,"presence":{"presence":{"ID":{"user":"ann","client":"ID"}}}}`)
	// A token says more of who it is.
	c = n.open(srv.URL, o)
	c.say(`{"id":1,"connect":{"token":"sub=bob_ns=demo"}}`)
	c.id = c.learn()
	c.talk(`{"id":2,"subscribe":{"channel":"demo:a"}}`, `{"id":2,"subscribe":{"epoch":"","offset":0}}`)
	c.talk(`{"id":3,"subscribe":{"channel":"own:a"}}`, `{"id":3,"subscribe":{"epoch":"","offset":0}}`)
	if m, err := n.hub.Members(ctx, "own:a"); err != nil || len(m) != 2 || m[1].Principal != "bob" {
		t.Errorf("got %+v, %v", m, err)
	}
}

// An idle connection has a timer and no goroutine, where there is an event loop.
func TestIdle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no event loop")
	}
	n, srv := listening(t, nil, (*httptest.Server).Start)
	for range 20 {
		c := n.open(srv.URL, nil)
		c.say(`{"id":1,"connect":{}}`)
		c.learn()
		c.join("room:a")
	}
	for try := 0; ; try++ { // what has just been sent may still have a goroutine
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		busy := strings.Count(string(stacks), "hub/server.(*") + strings.Count(string(stacks), "wye/hub.(*")
		if busy == 0 {
			return
		}
		if try == 1000 {
			t.Fatalf("%d frames of this package and hub:\n%s", busy, stacks)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// wye.Shutdown ends the connections, and the SDKs come back: a code below 3000.
func TestDrain(t *testing.T) {
	n, srv := listening(t, nil, (*httptest.Server).Start)
	c := n.open(srv.URL, nil)
	c.say(`{"id":1,"connect":{}}`)
	c.learn()
	done := make(chan wye.DrainCounts)
	go func() {
		counts, err := wye.Shutdown(ctx, srv.Config, wye.Drain{Restart: true})
		if err != nil {
			t.Error(err)
		}
		done <- counts
	}()
	c.wantClose(1012, "")
	if counts := <-done; counts.Clean != 1 || counts.Forced+counts.Lost > 0 {
		t.Errorf("got %+v", counts)
	}
}
