package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
)

// pipes is a listener whose connections are in memory, for a bubble.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	done   chan struct{}
	dialed atomic.Int32
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		p.dialed.Add(1)
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// web is a node behind an HTTP server.
type web struct {
	*node
	srv    *http.Server
	pipes  *pipes
	client *http.Client
}

// newWeb has a server whose timeouts are far shorter than a stream.
func newWeb(t *testing.T, change func(*server.Options)) *web {
	return newWebOf(t, change, &http.Server{ReadTimeout: time.Second, WriteTimeout: time.Second})
}

func newWebOf(t *testing.T, change func(*server.Options), srv *http.Server) *web {
	n := newNode(t, change)
	l := newPipes()
	mux := http.NewServeMux()
	mux.Handle("/sse/{channel}", n.server.Events())
	srv.Handler = mux
	w := &web{node: n, srv: srv, pipes: l}
	w.client = &http.Client{Transport: &http.Transport{DialContext: l.dial}}
	go w.srv.Serve(l) // ends with the server
	t.Cleanup(func() {
		w.srv.Close()
		w.client.CloseIdleConnections()
	})
	return w
}

// stream is an open stream of events.
type stream struct {
	t    *testing.T
	resp *http.Response
	r    *bufio.Reader
}

// ask sends a request; fields are lines of its head.
func (w *web) ask(path string, fields ...string) *http.Response {
	w.t.Helper()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://wye.example"+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		q.Header.Add(name, value)
	}
	resp, err := w.client.Do(q)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func (w *web) read(path string, fields ...string) *stream {
	w.t.Helper()
	resp := w.ask(path, fields...)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body)
		w.t.Fatalf("%s: got %s %v %s", path, resp.Status, resp.Header, body)
	}
	return &stream{w.t, resp, bufio.NewReader(resp.Body)}
}

// event reads up to an empty line.
func (s *stream) event() string {
	s.t.Helper()
	var lines []string
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return strings.Join(append(lines, err.Error()), "|")
		}
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			return strings.Join(lines, "|")
		}
		lines = append(lines, line)
	}
}

func (s *stream) want(events ...string) {
	s.t.Helper()
	for _, want := range events {
		if got := s.event(); got != want {
			s.t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func (n *node) publish(channel string, data ...string) (epoch string) {
	n.t.Helper()
	for _, d := range data {
		r, err := n.hub.Publish(ctx, channel, []byte(d), nil)
		if err != nil {
			n.t.Fatal(err)
		}
		epoch = r.Epoch
	}
	return epoch
}

func TestEvents(t *testing.T) {
	t.Run("as they come", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		e := w.publish("room:a", "one")
		s := w.read("/sse/room:a")
		s.want(`retry: 3000|event: subscribed|id: ` + e + `:1|data: {"channel":"room:a","epoch":"` + e + `","offset":1}`)
		w.publish("room:a", "two", "a\nb\r\nc\rd", "")
		s.want(`id: `+e+`:2|data: two`, `id: `+e+`:3|data: a|data: b|data: c|data: d`, `id: `+e+`:4|data: `)
		w.hub.Publish(ctx, "room:a", []byte{0xff}, nil)
		w.hub.Publish(ctx, "room:a", []byte("12"), &hub.PublishOptions{Binary: true})
		s.want(`id: `+e+`:5|event: binary|data: /w==`, `id: `+e+`:6|event: binary|data: MTI=`)
	}))
	t.Run("with the last ones", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		e := w.publish("room:a", "one", "two", "three")
		s := w.read("/sse/room:a?last=2")
		s.want(`retry: 3000|event: subscribed|data: {"channel":"room:a","epoch":"`+e+`","offset":3}`,
			`id: `+e+`:2|data: two`, `id: `+e+`:3|data: three`)
	}))
	t.Run("with no more than may be", bubble(func(t *testing.T) {
		w := newWeb(t, func(o *server.Options) { o.MaxHistory = 1 })
		e := w.publish("room:a", "one", "two", "three")
		s := w.read("/sse/room:a?last=3")
		s.event()
		s.want(`id: ` + e + `:3|data: three`)
	}))
	t.Run("a live channel", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		s := w.read("/sse/demo:a", "Last-Event-ID: x:1")
		s.want(`retry: 3000|event: subscribed|data: {"channel":"demo:a","epoch":"","offset":0}`)
		w.publish("demo:a", "one")
		s.want(`data: one`)
	}))
	t.Run("recovered", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		e := w.publish("room:a", "one", "two", "three")
		for _, ask := range [][]string{
			{"/sse/room:a", "Last-Event-ID: " + e + ":1"},
			{"/sse/room:a?since=" + e + ":1"},
			{"/sse/room:a?since=" + e + ":0", "Last-Event-ID: " + e + ":1"},
		} {
			s := w.read(ask[0], ask[1:]...)
			s.want(`retry: 3000|event: subscribed|id: `+e+`:1|data: {"channel":"room:a","recovered":true,"epoch":"`+e+`","offset":1}`,
				`id: `+e+`:2|data: two`, `id: `+e+`:3|data: three`)
		}
	}))
	t.Run("not recovered", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		e := w.publish("kept:a", "1", "2", "3", "4", "5", "6", "7")
		s := w.read("/sse/kept:a", "Last-Event-ID: "+e+":1")
		s.want(`retry: 3000|event: subscribed|id: ` + e + `:7|data: {"channel":"kept:a","recovered":false,"epoch":"` + e + `","offset":7}`)
		s = w.read("/sse/kept:a?last=1", "Last-Event-ID: another:1")
		s.want(`retry: 3000|event: subscribed|data: {"channel":"kept:a","recovered":false,"epoch":"`+e+`","offset":7}`, `id: `+e+`:7|data: 7`)
	}))
	t.Run("a comment now and then", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		s := w.read("/sse/demo:a")
		s.event()
		began := time.Now()
		s.want(":", ":")
		if d := time.Since(began); d != 30*time.Second {
			t.Errorf("two comments after %v", d)
		}
		time.Sleep(5 * time.Second)
		w.publish("demo:a", "one")
		s.want("data: one", ":")
		if d := time.Since(began); d != 50*time.Second {
			t.Errorf("the third after %v", d)
		}
	}))
	t.Run("who does not read is cut", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		s := w.read("/sse/demo:a")
		s.event()
		began := time.Now()
		w.publish("demo:a", strings.Repeat("x", 1<<20))
		if code := <-w.closed; code != 0 {
			t.Errorf("closed with %d", code)
		}
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("after %v", d)
		}
		synctest.Wait()
		if n := w.hub.Stats().Clients; n != 0 {
			t.Errorf("%d clients are left", n)
		}
	}))
	t.Run("who is too slow", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		s := w.read("/sse/room:a")
		s.event()
		for range 40 {
			w.publish("room:a", strings.Repeat("x", 64<<10))
			synctest.Wait()
		}
		began := time.Now()
		if code := <-w.closed; code != server.DisconnectSlow && code != 0 {
			t.Errorf("closed with %d", code)
		}
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("only after %v", d)
		}
	}))
	t.Run("the hub closes", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		s := w.read("/sse/demo:a")
		s.event()
		w.hub.Close()
		s.want(`event: disconnected|data: {"code":3001,"reason":"shutdown"}`, "EOF")
	}))
	t.Run("the program disconnects", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		s := w.read("/sse/demo:a", "Authorization: Bearer sub=ann")
		s.event()
		w.hub.Disconnect(ctx, hub.Whom{Principal: "ann"}, nil)
		s.want(`event: disconnected|data: {"code":3503,"reason":"force disconnect"}`, "EOF")
	}))
	t.Run("the program unsubscribes", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		s := w.read("/sse/demo:a", "Authorization: Bearer sub=ann")
		s.event()
		w.hub.Unsubscribe(ctx, hub.Whom{Principal: "ann"}, "demo:a")
		s.want(`event: unsubscribed|data: {"code":2000,"reason":"server unsubscribe"}`, "EOF")
	}))
	t.Run("the token expires", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		s := w.read("/sse/demo:a?token=sub%3Dann_for%3D5s")
		s.event()
		began := time.Now()
		s.want(`event: disconnected|data: {"code":3005,"reason":"connection expired"}`, "EOF")
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("after %v", d)
		}
	}))
	t.Run("the client goes", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		s := w.read("/sse/demo:a")
		s.event()
		s.resp.Body.Close()
		if code := <-w.closed; code != 0 {
			t.Errorf("closed with %d", code)
		}
		synctest.Wait()
		if n := w.hub.Stats().Clients; n != 0 {
			t.Errorf("%d clients are left", n)
		}
	}))
}

func TestEventsDrain(t *testing.T) {
	t.Run("asked to leave", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		s := w.read("/sse/demo:a")
		s.event()
		done := make(chan wye.DrainCounts)
		go func() {
			counts, err := wye.Shutdown(ctx, w.srv, wye.Drain{})
			if err != nil {
				t.Error(err)
			}
			done <- counts
		}()
		s.want(`event: disconnected|data: {"code":3001,"reason":"shutdown"}`, "EOF")
		if counts := <-done; counts != (wye.DrainCounts{Clean: 1}) {
			t.Errorf("got %+v", counts)
		}
	}))
	t.Run("and no other comes", bubble(func(t *testing.T) {
		g := new(wye.Group)
		w := newWeb(t, func(o *server.Options) { o.WebSocket.Group = g })
		g.Shutdown(ctx, wye.Drain{})
		resp := w.ask("/sse/demo:a")
		if resp.StatusCode != 503 {
			t.Errorf("got %s", resp.Status)
		}
	}))
	t.Run("aborted", bubble(func(t *testing.T) {
		g := new(wye.Group)
		w := newWeb(t, func(o *server.Options) { o.WebSocket.Group = g })
		s := w.read("/sse/demo:a")
		s.event()
		w.publish("demo:a", strings.Repeat("x", 1<<20)) // which nobody reads
		synctest.Wait()
		limited, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if counts, err := g.Shutdown(limited, wye.Drain{}); counts.Forced != 1 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %+v, %v", counts, err)
		}
		<-w.closed
	}))
}

func TestEventsAdmission(t *testing.T) {
	for _, x := range []struct {
		why, path, field string
		status           int
	}{
		{"anonymous, open", "/sse/demo:a", "", 200},
		{"anonymous, not open", "/sse/other:a", "", 401},
		{"anonymous, no such namespace", "/sse/none:a", "", 404},
		{"a namespace that lets nobody in", "/sse/shut:a", "", 403},
		{"a connection token", "/sse/own:a", "Authorization: Bearer sub=ann_ns=own", 200},
		{"a connection token in the query", "/sse/own:a?token=sub%3Dann_ns%3Down", "", 200},
		{"a connection token in a cookie", "/sse/own:a", "Cookie: wye=sub=ann_ns=own", 200},
		{"a connection token for the channel", "/sse/shut:a", "Authorization: Bearer channels=shut:a", 200},
		{"a connection token for another", "/sse/own:a", "Authorization: Bearer ns=others", 403},
		{"a subscription token", "/sse/shut:a", "Authorization: Bearer channel=shut:a", 200},
		{"a subscription token for another", "/sse/shut:a", "Authorization: Bearer channel=shut:b", 403},
		{"a subscription token for one client", "/sse/shut:a", "Authorization: Bearer channel=shut:a_client=x", 401},
		{"a bad token", "/sse/demo:a", "Authorization: Bearer is=bad", 401},
		{"an old token", "/sse/demo:a", "Authorization: Bearer is=old", 401},
		{"a token that cannot be judged", "/sse/demo:a", "Authorization: Bearer is=away", 503},
		{"two tokens", "/sse/demo:a?token=sub%3Dbob", "Authorization: Bearer sub=ann", 400},
		{"a page of another host", "/sse/demo:a", "Origin: http://evil.example", 403},
		{"a page of a friend", "/sse/demo:a", "Origin: https://friend.example", 200},
		{"a position that is none", "/sse/room:a", "Last-Event-ID: 12", 400},
		{"an offset that is none", "/sse/room:a", "Last-Event-ID: e:x", 400},
		{"a last that is none", "/sse/room:a?last=x", "", 400},
		{"a query that is none", "/sse/room:a?a=%zz", "", 400},
		{"a name with a slash", "/sse/room:a%2Fb", "", 200},
		{"a name with a control character", "/sse/room:%01", "", 400},
		{"a name that is too long", "/sse/room:" + strings.Repeat("a", 300), "", 400},
	} {
		t.Run(x.why, bubble(func(t *testing.T) {
			w := newWeb(t, func(o *server.Options) {
				o.Cookie = "wye"
				o.WebSocket.Gate = &gate.Gate{Origins: []string{"https://friend.example"}}
			})
			var fields []string
			if x.field != "" {
				fields = append(fields, x.field)
			}
			resp := w.ask(x.path, fields...)
			if resp.StatusCode != x.status {
				t.Errorf("got %s, want %d", resp.Status, x.status)
			}
			if resp.StatusCode == 401 && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("a 401 without WWW-Authenticate: %v", resp.Header)
			}
			if origin := strings.TrimPrefix(x.field, "Origin: "); strings.HasPrefix(x.field, "Origin") && x.status == 200 {
				if got := resp.Header.Get("Access-Control-Allow-Origin"); got != origin {
					t.Errorf("the page may not read it: %q", got)
				}
			}
		}))
	}
	t.Run("other methods", bubble(func(t *testing.T) {
		w := newWeb(t, nil)
		resp, err := w.client.Post("http://wye.example/sse/demo:a", "text/plain", strings.NewReader(""))
		if err != nil || resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET" {
			t.Errorf("got %v, %v", resp, err)
		}
		resp.Body.Close()
	}))
	t.Run("a realm", bubble(func(t *testing.T) {
		w := newWeb(t, func(o *server.Options) { o.WebSocket.Gate = &gate.Gate{Realm: "the house"} })
		resp := w.ask("/sse/other:a")
		text, _ := io.ReadAll(resp.Body)
		if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != 401 || got != `Bearer realm="the house"` || string(text) != "A token is needed for this channel\n" {
			t.Errorf("got %s, %s: %s", resp.Status, got, text)
		}
	}))
	t.Run("an engine that takes too long", bubble(func(t *testing.T) {
		h, err := hub.New(hub.Options{Engine: slow{hub.NewMemory(nil)}, Namespaces: namespaces(), Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		w := newWebOf(t, func(o *server.Options) { o.Hub = h }, new(http.Server))
		resp := w.ask("/sse/demo:a")
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("got %s, %v", resp.Status, resp.Header)
		}
	}))
	t.Run("a gate that knows its clients", bubble(func(t *testing.T) {
		w := newWeb(t, func(o *server.Options) {
			o.Admitted = []string{"own"}
			o.WebSocket.Gate = &gate.Gate{Verifier: gate.VerifierFunc(func(context.Context, string) (gate.Identity, error) {
				return gate.Identity{Principal: "ann", Expires: time.Now().Add(time.Minute)}, nil
			})}
		})
		if resp := w.ask("/sse/demo:a"); resp.StatusCode != 401 {
			t.Errorf("without credentials: %s", resp.Status)
		}
		s := w.read("/sse/own:a", "Authorization: Bearer x")
		s.event()
		if m, err := w.hub.Members(ctx, "own:a"); err != nil || len(m) != 1 || m[0].Principal != "ann" {
			t.Errorf("got %v, %v", m, err)
		}
		began := time.Now()
		for strings.HasPrefix(s.event(), ":") {
		}
		if d := time.Since(began); d != time.Minute {
			t.Errorf("the stream lasted %v", d)
		}
	}))
	t.Run("counted", bubble(func(t *testing.T) {
		w := newWeb(t, func(o *server.Options) { o.WebSocket.Gate = &gate.Gate{MaxConnections: 1} })
		s := w.read("/sse/demo:a")
		resp := w.ask("/sse/demo:a")
		if resp.StatusCode != 503 {
			t.Errorf("the second: %s", resp.Status)
		}
		s.resp.Body.Close()
		<-w.closed
		synctest.Wait()
		w.read("/sse/demo:a")
	}))
	t.Run("a refusal leaves the connection usable", bubble(func(t *testing.T) {
		w := newWebOf(t, nil, new(http.Server))
		for range 3 {
			if _, err := io.Copy(io.Discard, w.ask("/sse/none:a").Body); err != nil {
				t.Error(err)
			}
			time.Sleep(20 * time.Second)
		}
		if n := w.pipes.dialed.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	}))
}

// slow is an engine that answers nobody in time who subscribes.
type slow struct{ hub.Engine }

type slowLink struct{ hub.Link }

func (e slow) Open(r hub.Receiver, ns []hub.Namespace) (hub.Link, error) {
	l, err := e.Engine.Open(r, ns)
	return slowLink{l}, err
}

func (slowLink) Subscribe(ctx context.Context, _ hub.Channel) error {
	<-ctx.Done()
	return ctx.Err()
}

func tokensOfGate(_ context.Context, token string) (gate.Identity, error) {
	return gate.Identity{Principal: token}, nil
}

// Over HTTP/2 too, where deadlines are a stream's.
func TestEventsHTTP2(t *testing.T) {
	n := newNode(t, nil)
	mux := http.NewServeMux()
	mux.Handle("/sse/{channel}", n.server.Events())
	srv := httptest.NewUnstartedServer(mux)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	t.Cleanup(func() { n.hub.Close() })
	for range 2 { // the second on the same connection
		resp, err := srv.Client().Get(srv.URL + "/sse/demo:a")
		if err != nil {
			t.Fatal(err)
		}
		if resp.ProtoMajor != 2 || resp.Header.Get("Connection") != "" {
			t.Errorf("got %s %v", resp.Proto, resp.Header)
		}
		s := &stream{t, resp, bufio.NewReader(resp.Body)}
		s.event()
		n.publish("demo:a", "one")
		s.want("data: one")
		resp.Body.Close()
		<-n.closed
	}
}
