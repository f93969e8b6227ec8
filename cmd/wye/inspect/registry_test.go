package inspect_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/inspect"
	"github.com/wye-org/wye/cmd/wye/metrics"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// patience bounds what a test waits for; nothing waits for it that succeeds.
const patience = 20 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// watched is a server whose connections a registry knows: /echo/{room}, /lines
// with the token lines/1, /full, which refuses, and the inspector.
type watched struct {
	registry *inspect.Registry
	meter    *metrics.Meter
	srv      *httptest.Server
}

func serve(t *testing.T) *watched {
	t.Helper()
	meter := metrics.NewMeter()
	reg := inspect.NewRegistry(meter, nil)
	accept := websocket.AcceptOptions{
		Subprotocols: []string{"chat"},
		Options:      websocket.Options{Logger: quiet, Hooks: reg.Hooks(), Deflate: websocket.Deflate{Enabled: true, ServerNoTakeover: true}, CloseTimeout: patience},
		Gate:         &gate.Gate{Hosts: gate.LoopbackHosts()},
	}
	mux := http.NewServeMux()
	mux.Handle("/echo/{room}", websocket.Handler(echo, &accept))
	mux.Handle("GET /lines", &wye.Switch{Logger: quiet, Protocols: []wye.Offer{{
		Token:    wye.Token{Name: "lines", Version: "1"},
		Protocol: reg.Protocol(checked{}),
	}}, Fallback: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a page") })})
	mux.HandleFunc("/full", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the room is full", http.StatusServiceUnavailable)
	})
	inspector := inspect.NewInspector(reg, accept)
	for _, path := range []string{"/inspect/connections", "/inspect/refusals", "/inspect/connections/{id}/close", "/inspect/live"} {
		mux.Handle(path, inspector)
	}
	srv := httptest.NewServer(reg.Observe(mux))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		wye.Shutdown(ctx, srv.Config, wye.Drain{})
		srv.Close()
	})
	return &watched{reg, meter, srv}
}

func echo(ctx context.Context, c *websocket.Conn) error {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return nil
		}
		c.Write(ctx, typ, p)
	}
}

// checked is a protocol that wants a field, and echoes the first line.
type checked struct{}

func (checked) Check(r *http.Request, _ wye.Token) (*wye.Agreement, error) {
	switch r.Header.Get("Lines") {
	case "decline":
		return nil, wye.ErrDecline
	case "refuse":
		return nil, &wye.Refusal{Status: http.StatusForbidden, Text: "no lines", Err: errors.New("no lines for token=s3same")}
	}
	return &wye.Agreement{Principal: "ada", Serve: func(ctx context.Context, r *wye.Request, c wye.Conn) error {
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer stop()
		in := bufio.NewReader(c)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return nil
			}
			io.WriteString(c, line)
		}
	}}, nil
}

func (s *watched) dial(t *testing.T, path string, opts *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.srv.URL, "http")+path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func (s *watched) list(t *testing.T, q inspect.Query) inspect.Page {
	t.Helper()
	page, err := s.registry.List(q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// known waits until n connections are: the registry hears of one a moment after
// the client does.
func (s *watched) known(t *testing.T, n int) []inspect.Connection {
	t.Helper()
	until(t, fmt.Sprintf("%d connections are open", n), func() bool { return s.list(t, inspect.Query{}).Total == n })
	return s.list(t, inspect.Query{}).Connections
}

// settled waits until n messages in all were echoed and counted.
func (s *watched) settled(t *testing.T, n int64) {
	t.Helper()
	until(t, "everything is counted", func() bool {
		var received, sent int64
		queued := 0
		for _, c := range s.list(t, inspect.Query{}).Connections {
			received, sent, queued = received+c.Received.Messages, sent+c.Sent.Messages, queued+c.Queue
		}
		return received == n && sent == n && queued == 0
	})
}

// until waits for what happens on another goroutine.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("it is never so that %s", what)
		}
	}
}

func sample(m *metrics.Meter) metrics.Sample { return metrics.NewSampler(m, time.Now()).Take() }

func TestConnectionsAreKnownWhileTheyLive(t *testing.T) {
	s := serve(t)
	c := s.dial(t, "/echo/a%20room?token=s3same", &websocket.DialOptions{
		Subprotocols: []string{"chat"}, Options: websocket.Options{Deflate: websocket.Deflate{Enabled: true}},
	})
	c.Write(t.Context(), websocket.MessageText, []byte("hello"))
	c.Write(t.Context(), websocket.MessageBinary, []byte("hi"))
	c.Read(t.Context())
	c.Read(t.Context())
	s.settled(t, 2)
	page := s.list(t, inspect.Query{})
	if page.Total != 1 || page.Matched != 1 || page.Offset != 0 || len(page.Connections) != 1 {
		t.Fatalf("%+v", page)
	}
	got := page.Connections[0]
	if got.Carrier != "h1" || got.Token != "websocket" || got.Endpoint != "/echo/{room}" || got.Path != "/echo/a%20room" || got.Subprotocol != "chat" ||
		got.Extensions != "permessage-deflate; server_no_context_takeover" || got.Client != "127.0.0.1" || got.Principal != "" {
		t.Errorf("%+v", got)
	}
	if got.ID == 0 || got.Age < 0 || got.Age > 60 || time.Since(time.UnixMilli(got.Opened)).Abs() > time.Minute {
		t.Errorf("%+v", got)
	}
	if want := (metrics.Traffic{Messages: 2, Bytes: 7}); got.Received != want || got.Sent != want || got.Queue != 0 {
		t.Errorf("%+v", got)
	}
	if m := sample(s.meter); m.Open != 1 || m.Received.Messages != 2 || m.Sent.Bytes != 7 || m.Handshakes["switched"] != 1 ||
		m.Connections[0] != (metrics.KindConns{Carrier: "h1", Token: "websocket", Endpoint: "/echo/{room}", Open: 1}) {
		t.Errorf("%+v", m)
	}
	c.Close(t.Context(), websocket.StatusNormalClosure, "")
	until(t, "nothing is open", func() bool { return s.list(t, inspect.Query{}).Total == 0 })
	if m := sample(s.meter); m.Open != 0 || m.Received.Messages != 2 {
		t.Errorf("%+v", m)
	}
}

func TestOtherTokensAreKnown(t *testing.T) {
	s := serve(t)
	c, _, err := wye.Dial(t.Context(), s.srv.URL+"/lines", &wye.DialOptions{Tokens: []wye.Token{{Name: "lines", Version: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "a line\n")
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "a line\n" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	got := s.list(t, inspect.Query{}).Connections[0]
	if got.Token != "lines/1" || got.Endpoint != "/lines" || got.Principal != "ada" || got.Received.Bytes != 7 || got.Received.Messages != 0 {
		t.Errorf("%+v", got)
	}
	until(t, "the line back is counted", func() bool { return s.list(t, inspect.Query{}).Connections[0].Sent.Bytes == 7 })
	if m := sample(s.meter); m.Open != 1 || m.Received.Bytes != 7 || m.Received.Messages != 0 || m.Handshakes["switched"] != 1 {
		t.Errorf("%+v", m)
	}
	// There is no frame to say why: it is cut.
	s.post(t, fmt.Sprintf("/inspect/connections/%d/close", got.ID), `{"code":1008}`, nil, http.StatusOK)
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("it goes on")
	}
	until(t, "nothing is open", func() bool { return s.list(t, inspect.Query{}).Total == 0 })
}

// A connection that has ended before the registry hears that it has begun.
func TestAConnectionThatEndsBeforeItIsKnown(t *testing.T) {
	meter := metrics.NewMeter()
	reg := inspect.NewRegistry(meter, nil)
	hooks := reg.Hooks()
	opened := hooks.Opened
	hooks.Opened = func(c *websocket.Conn) {
		c.CloseNow()
		<-c.Done()
		opened(c)
	}
	srv := httptest.NewServer(websocket.Handler(echo, &websocket.AcceptOptions{Options: websocket.Options{Logger: quiet, Hooks: hooks}}))
	defer srv.Close()
	c, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Read(t.Context())
	c.CloseNow()
	until(t, "it was counted in, and out", func() bool {
		m := sample(meter)
		page, _ := reg.List(inspect.Query{})
		return m.Handshakes["switched"] == 1 && m.Open == 0 && page.Total == 0
	})
}

// raw sends a request as it is and returns the status of the answer.
func (s *watched) raw(t *testing.T, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, strings.ReplaceAll(request, "\n", "\r\n")+"\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Status
}

const handshake = "Host: localhost\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nUpgrade: websocket"

func TestRefusals(t *testing.T) {
	s := serve(t)
	for _, tt := range []struct {
		about, request string
		status         int
		token, path    string
		reason         string
	}{
		{"by package websocket", "GET /echo/a?token=s3same HTTP/1.1\n" + handshake + "\nOrigin: https://evil.example", 403, "websocket", "/echo/a", "https://evil.example"},
		{"its syntax", "GET /echo/a HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13", 400, "websocket", "/echo/a", "Sec-WebSocket-Key"},
		{"its version", "GET /echo/a HTTP/1.1\n" + strings.Replace(handshake, "13", "8", 1), 426, "websocket", "/echo/a", "13 only"},
		{"without Connection", "GET /echo/a HTTP/1.1\nHost: localhost\nUpgrade: websocket\nSec-WebSocket-Version: 13", 426, "", "/echo/a", "Connection"},
		{"whose Upgrade got lost", "GET /echo/a HTTP/1.1\nHost: localhost\nSec-WebSocket-Version: 13", 426, "", "/echo/a", "Upgrade"},
		{"by a protocol", "GET /lines HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: lines/1, other\nLines: refuse", 403, "lines/1, other", "/lines", "no lines for token=REDACTED"},
		{"by who knows nothing of it", "GET /full HTTP/1.1\n" + handshake, 503, "websocket", "/full", "the room is full"},
		{"by such, of a handshake whose Upgrade got lost", "GET /full HTTP/1.1\nHost: localhost\nSec-WebSocket-Version: 13", 503, "", "/full", "the room is full"},
		{"where nothing is", "GET /none?token=s3same HTTP/1.1\n" + handshake, 404, "websocket", "/none", "404 page not found"},
		{"of a long path", "GET /" + strings.Repeat("x", 1000) + " HTTP/1.1\n" + handshake, 404, "websocket", "/" + strings.Repeat("x", 299) + "…", "404"},
		{"of a page", "GET /full HTTP/1.1\nHost: localhost", 0, "", "", ""},
		{"that is none", "GET /lines HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: other", 0, "", "", ""},
		{"that was left to the page", "GET /lines HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: lines/1\nLines: decline", 0, "", "", ""},
	} {
		t.Run(tt.about, func(t *testing.T) {
			_, before := s.registry.Refusals()
			m := sample(s.meter)
			s.raw(t, tt.request)
			if tt.status == 0 {
				if _, n := s.registry.Refusals(); n != before {
					t.Error("it counts as refused")
				}
				return
			}
			until(t, "the refusal is known", func() bool { _, n := s.registry.Refusals(); return n > before })
			list, n := s.registry.Refusals()
			got := list[0]
			if n != before+1 || got.ID != n || got.Status != tt.status || got.Token != tt.token || got.Path != tt.path || !strings.Contains(got.Reason, tt.reason) ||
				got.Client != "127.0.0.1" || got.Host != "localhost" || got.Carrier != "h1" || strings.Contains(fmt.Sprint(got), "s3same") {
				t.Errorf("%d, %+v", n, got)
			}
			if after := sample(s.meter); after.Handshakes[fmt.Sprint(tt.status)] != m.Handshakes[fmt.Sprint(tt.status)]+1 || after.Handshakes["switched"] != m.Handshakes["switched"] {
				t.Errorf("%v after %v", after.Handshakes, m.Handshakes)
			}
		})
	}
}

// Without Observe the registry is told by the hook alone, and goes by the error.
func TestRefusedWithoutObserve(t *testing.T) {
	reg := inspect.NewRegistry(metrics.NewMeter(), nil)
	r := httptest.NewRequest("GET", "/x", nil)
	reg.Refused(r, &wye.Refusal{Status: 429, Text: "slow down"})
	reg.Refused(r, errors.New("broken"))
	list, n := reg.Refusals()
	if n != 2 || list[1].Status != 429 || list[0].Status != 500 || list[0].Reason != "broken" {
		t.Errorf("%+v", list)
	}
}

// The last two hundred are kept, the newest first.
func TestRefusalsAreBounded(t *testing.T) {
	reg := inspect.NewRegistry(metrics.NewMeter(), nil)
	r := httptest.NewRequest("GET", "/x", nil)
	for i := range 450 {
		reg.Refused(r, fmt.Errorf("number %d %s", i+1, strings.Repeat("\xff", 500)))
	}
	list, n := reg.Refusals()
	if n != 450 || len(list) != 200 || list[0].ID != 450 || list[199].ID != 251 {
		t.Fatalf("%d of %d, %d to %d", len(list), n, list[0].ID, list[len(list)-1].ID)
	}
	for i, r := range list {
		if !strings.HasPrefix(r.Reason, fmt.Sprintf("number %d ", 450-i)) || len(r.Reason) > 1000 {
			t.Fatalf("the one at %d is %q", i, r.Reason)
		}
	}
}

func TestList(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/echo/one", "/echo/two", "/echo/Three", "/echo/two-more"} {
		opts := &websocket.DialOptions{}
		if path == "/echo/two" {
			opts.Subprotocols = []string{"chat"}
		}
		c := s.dial(t, path, opts)
		c.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", len(path)*len(path))))
		c.Read(t.Context())
	}
	s.settled(t, 4)
	for _, tt := range []struct {
		q       inspect.Query
		want    string
		matched int
		offset  int
	}{
		{inspect.Query{}, "two-more Three two one", 4, 0},
		{inspect.Query{Sort: "opened"}, "one two Three two-more", 4, 0},
		{inspect.Query{Sort: "path"}, "Three one two two-more", 4, 0},
		{inspect.Query{Sort: "-path"}, "two-more two one Three", 4, 0},
		{inspect.Query{Sort: "-received"}, "two-more Three two one", 4, 0},
		{inspect.Query{Sort: "sent"}, "one two Three two-more", 4, 0},
		{inspect.Query{Sort: "client", Limit: 2}, "one two", 4, 0},
		{inspect.Query{Sort: "rtt", Limit: 1}, "one", 4, 0},
		{inspect.Query{Sort: "-queue", Limit: 1}, "two-more", 4, 0},
		{inspect.Query{Search: "TWO"}, "two-more two", 2, 0},
		{inspect.Query{Search: " two  chat "}, "two", 1, 0},
		{inspect.Query{Search: "three websocket h1 127.0"}, "Three", 1, 0},
		{inspect.Query{Search: "none"}, "", 0, 0},
		{inspect.Query{Limit: 3, Offset: 3}, "one", 4, 3},
		{inspect.Query{Limit: 3, Offset: 4}, "one", 4, 3},
		{inspect.Query{Limit: 2, Offset: 100}, "two one", 4, 2},
		{inspect.Query{Search: "none", Offset: 7}, "", 0, 0},
	} {
		page := s.list(t, tt.q)
		var names []string
		for _, c := range page.Connections {
			names = append(names, strings.TrimPrefix(c.Path, "/echo/"))
		}
		if got := strings.Join(names, " "); got != tt.want || page.Total != 4 || page.Matched != tt.matched || page.Offset != tt.offset {
			t.Errorf("%+v: %q, %d of %d from %d; want %q, %d from %d", tt.q, got, page.Matched, page.Total, page.Offset, tt.want, tt.matched, tt.offset)
		}
	}
	for _, q := range []inspect.Query{{Limit: -1}, {Limit: 201}, {Offset: -1}, {Sort: "age"}, {Sort: "--path"}, {Search: strings.Repeat("x", 201)}} {
		if page, err := s.registry.List(q); err == nil {
			t.Errorf("%+v: %+v", q, page)
		}
	}
}

// Connections come and go while they are listed, closed and counted.
func TestConcurrentUse(t *testing.T) {
	s := serve(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				c, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.srv.URL, "http")+"/echo/x", nil)
				if err != nil {
					t.Error(err)
					return
				}
				c.Write(t.Context(), websocket.MessageText, []byte("x"))
				s.registry.List(inspect.Query{Search: "x", Sort: "-received"})
				sample(s.meter)
				c.CloseNow()
			}
		})
		all.Go(func() {
			for range 10 {
				s.raw(t, "GET /full HTTP/1.1\n"+handshake)
				s.registry.Refusals()
			}
		})
	}
	all.Wait()
	until(t, "nothing is open", func() bool { return s.list(t, inspect.Query{}).Total == 0 && sample(s.meter).Open == 0 })
	if _, n := s.registry.Refusals(); n != 40 {
		t.Errorf("%d refusals, want 40", n)
	}
}
