package websocket_test

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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// ask sends a request as it stands, and reads the answer's head and body.
func ask(t *testing.T, nc net.Conn, br *bufio.Reader, request string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(nc, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := ""
	if resp.StatusCode != http.StatusSwitchingProtocols {
		b, _ := io.ReadAll(resp.Body)
		body = string(b)
	}
	return resp, body
}

func TestOpeningHandshake(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	endpoint := websocket.Handler(echo, &websocket.AcceptOptions{
		Options: websocket.Options{Logger: quiet}, Subprotocols: []string{"chat", "superchat"}})
	url := newServer(t, endpoint)
	// request is clientHead with one line replaced; an empty new one removes it.
	request := func(old, new string) string {
		if !strings.Contains(clientHead, old) {
			t.Fatal(old)
		}
		return strings.Replace(clientHead, old, new, 1)
	}
	const (
		key     = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		version = "Sec-WebSocket-Version: 13\r\n"
		upgrade = "Upgrade: websocket\r\n"
		connect = "Connection: Upgrade\r\n"
		badKey  = "WebSocket upgrade failed: Invalid Sec-WebSocket-Key: "
	)
	for _, x := range []struct {
		name, request string
		status        int
		body          string            // a part of it
		header        map[string]string // "": must not be there
		closes        bool
	}{
		{"in order", clientHead, 101, "", map[string]string{"Sec-Websocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-Websocket-Version": "", "Sec-Websocket-Protocol": "", "Sec-Websocket-Extensions": ""}, false},
		{"token in any case, lists over lines", request(connect+upgrade, "Connection: keep-alive\r\nConnection: foo, uPGRADE\r\nUpgrade: foo/2\r\nUpgrade: bar,WebSocket\r\n"), 101, "", nil, false},
		{"extensions that are not spoken", request(key, key+"Sec-WebSocket-Extensions: superspeed, colormode; depth=16\r\n"), 101, "", map[string]string{"Sec-Websocket-Extensions": ""}, false},
		{"an empty list of extensions", request(key, key+"Sec-WebSocket-Extensions:\r\n"), 101, "", map[string]string{"Sec-Websocket-Extensions": ""}, false},
		{"extensions that are no list", request(key, key+"Sec-WebSocket-Extensions: a; ;b\r\n"), 400, "Invalid Sec-WebSocket-Extensions", nil, false},
		{"the client's order of subprotocols", request(key, key+"Sec-WebSocket-Protocol: foo\r\nSec-WebSocket-Protocol: superchat, chat\r\n"), 101, "", map[string]string{"Sec-Websocket-Protocol": "superchat"}, false},
		{"subprotocols differ by case", request(key, key+"Sec-WebSocket-Protocol: Chat\r\n"), 101, "", map[string]string{"Sec-Websocket-Protocol": ""}, false},
		{"no Upgrade", request(upgrade, ""), 426, "no Upgrade: websocket header", map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"}, false},
		{"another Upgrade", request(upgrade, "Upgrade: h2c\r\n"), 426, "no Upgrade: websocket header", map[string]string{"Upgrade": "websocket"}, false},
		{"Upgrade with a version", request(upgrade, "Upgrade: websocket/13\r\n"), 426, "", nil, false},
		{"no Connection", request(connect, ""), 426, "Connection header does not list upgrade", map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"}, false},
		{"Connection: no-upgrade", request(connect, "Connection: no-upgrade\r\n"), 426, "Connection", nil, false},
		{"HTTP/1.0", request("HTTP/1.1", "HTTP/1.0"), 426, "HTTP/1.1 or later", nil, true},
		{"POST", request("GET", "POST"), 405, "", map[string]string{"Allow": "GET"}, false},
		{"no version", request(version, ""), 400, "no Sec-WebSocket-Version", map[string]string{"Sec-Websocket-Version": "13"}, false},
		{"two versions", request(version, version+version), 400, "several", map[string]string{"Sec-Websocket-Version": "13"}, false},
		{"version 8", request(version, "Sec-WebSocket-Version: 8\r\n"), 426, "", map[string]string{"Sec-Websocket-Version": "13", "Upgrade": "websocket", "Connection": "Upgrade"}, false},
		{"version 13, 8", request(version, "Sec-WebSocket-Version: 13, 8\r\n"), 426, "", map[string]string{"Sec-Websocket-Version": "13"}, false},
		{"no key", request(key, ""), 400, badKey + "the header is missing", nil, false},
		{"two keys", request(key, key+key), 400, badKey + "the header is there 2 times", nil, false},
		{"key of 20 bytes", request(key, "Sec-WebSocket-Key: ZWFjaCBub25jZSBpcyB1bmlxdWU=\r\n"), 400, badKey + "20 bytes decoded, want 16", nil, false},
		{"key that is not base64", request(key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=!\r\n"), 400, badKey, nil, false},
		{"a body", request(key, key+"Content-Length: 5\r\n") + "hello", 400, "must not have a body", nil, true},
		{"Transfer-Encoding", request(key, key+"Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400, "must not have a body", nil, true},
		{"same Origin", request(key, key+"Origin: https://H\r\n"), 101, "", nil, false},
		{"Origin of another host", request(key, key+"Origin: http://evil\r\n"), 403, "Origin not allowed", nil, false},
		{"Origin null", request(key, key+"Origin: null\r\n"), 403, "Origin not allowed", nil, false},
		{"what is wrong first", request(version, "Origin: null\r\n"), 400, "Sec-WebSocket-Version", nil, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			nc, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(20 * time.Second))
			br := bufio.NewReader(nc)
			resp, body := ask(t, nc, br, x.request)
			if resp.StatusCode != x.status || !strings.Contains(body, x.body) {
				t.Errorf("%s: %q", resp.Status, body)
			}
			for name, want := range x.header {
				if got := strings.Join(resp.Header[name], " / "); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			switch {
			case x.status == 101:
				io.WriteString(nc, "\x81\x81\x00\x00\x00\x00x")
				if b := make([]byte, 3); readFull(br, b) != nil || string(b) != "\x81\x01x" {
					t.Errorf("no echo: % x", b)
				}
				return
			case resp.Header.Get("Content-Type") != "text/plain; charset=utf-8":
				t.Error(resp.Header)
			}
			if resp.Close != x.closes {
				t.Errorf("closes: %v", resp.Close)
			}
			if x.closes {
				// Nothing behind the refusal is looked at.
				if b, _ := io.ReadAll(br); len(b) > 0 {
					t.Errorf("%q follows", b)
				}
				return
			}
			if resp, _ := ask(t, nc, br, clientHead); resp.StatusCode != 101 {
				t.Errorf("the connection is not usable: a good request gets %s", resp.Status)
			}
		})
	}
}

func TestSubprotocols(t *testing.T) {
	teapot := &wye.Refusal{Status: http.StatusTeapot, Text: "no"}
	for _, x := range []struct {
		name string
		opts websocket.AcceptOptions
		want int
		sub  string
	}{
		{"none spoken", websocket.AcceptOptions{}, 101, ""},
		{"required, in common", websocket.AcceptOptions{Subprotocols: []string{"c", "b"}, RequireSubprotocol: true}, 101, "b"},
		{"required, none in common", websocket.AcceptOptions{Subprotocols: []string{"z"}, RequireSubprotocol: true}, 400, ""},
		{"chosen", websocket.AcceptOptions{SelectSubprotocol: func(_ *http.Request, offered []string) (string, error) {
			return offered[len(offered)-1], nil
		}}, 101, "c"},
		{"chosen without being offered", websocket.AcceptOptions{SelectSubprotocol: func(*http.Request, []string) (string, error) { return "z", nil }}, 500, ""},
		{"refused", websocket.AcceptOptions{SelectSubprotocol: func(*http.Request, []string) (string, error) { return "", errors.New("secret") }}, 400, ""},
		{"refused with an answer", websocket.AcceptOptions{SelectSubprotocol: func(*http.Request, []string) (string, error) { return "", teapot }}, 418, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.opts.Logger = slog.New(slog.DiscardHandler)
			got := make(chan string, 1)
			url := newServer(t, websocket.Handler(func(_ context.Context, c *websocket.Conn) error {
				got <- c.Subprotocol()
				return nil
			}, &x.opts))
			c, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"a", "b", "c"}})
			if resp == nil || resp.StatusCode != x.want {
				t.Fatal(resp, err)
			}
			if x.want != 101 {
				if body, _ := io.ReadAll(resp.Body); strings.Contains(string(body), "secret") {
					t.Errorf("the client is told %q", body)
				}
				return
			}
			defer c.CloseNow()
			if here, there := c.Subprotocol(), <-got; here != x.sub || there != x.sub {
				t.Errorf("%q and %q, want %q", here, there, x.sub)
			}
		})
	}
}

// The gate decides, before any byte of an answer; the log has the two values,
// the client neither.
func TestGate(t *testing.T) {
	var log lockedBuilder
	opts := &websocket.AcceptOptions{
		Options: websocket.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))},
		Gate:    &gate.Gate{Hosts: []string{"127.0.0.1"}, Origins: []string{"https://*.example.com"}},
	}
	url := newServer(t, websocket.Handler(echo, opts))
	try := func(h http.Header) (int, string) {
		c, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Header: h})
		if err == nil {
			c.CloseNow()
			return 101, ""
		}
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	if status, body := try(http.Header{"Origin": {"https://app.example.com"}}); status != 101 {
		t.Error(status, body)
	}
	if status, body := try(http.Header{"Origin": {"https://evil.test"}}); status != 403 || strings.Contains(body, "evil") {
		t.Error(status, body)
	}
	if !strings.Contains(log.String(), "https://evil.test") || !strings.Contains(log.String(), "127.0.0.1") {
		t.Errorf("the log says %q, want both values", log.String())
	}
	if status, body := try(http.Header{"Host": {"rebound.test"}}); status != 403 {
		t.Error(status, body)
	}
}

type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// What a handler returns is how the connection is closed.
func TestHandlerEnds(t *testing.T) {
	for _, x := range []struct {
		name   string
		serve  func(context.Context, *websocket.Conn) error
		want   websocket.StatusCode
		logged bool
	}{
		{"nil", func(context.Context, *websocket.Conn) error { return nil }, 1000, false},
		{"error", func(context.Context, *websocket.Conn) error { return errors.New("database gone") }, 1011, true},
		{"panic", func(context.Context, *websocket.Conn) error { panic(http.ErrAbortHandler) }, 1011, false},
		{"closed by itself", func(ctx context.Context, c *websocket.Conn) error { return c.Close(ctx, 4001, "mine") }, 4001, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			var log lockedBuilder
			url := newServer(t, websocket.Handler(x.serve, &websocket.AcceptOptions{Options: websocket.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}}))
			c := dial(t, url, nil)
			_, _, err := c.Read(t.Context())
			closed := closeError(t, err)
			if closed.Code != x.want || !closed.Remote || strings.Contains(closed.Reason, "database") {
				t.Errorf("%+v", closed)
			}
			if got := strings.Contains(log.String(), "database gone"); got != x.logged {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}

// The request stays readable after the handler of net/http has let go of it.
func TestRequest(t *testing.T) {
	got := make(chan string, 1)
	mux := http.NewServeMux()
	mux.Handle("GET /ws/{room}", websocket.Handler(func(_ context.Context, c *websocket.Conn) error {
		r := c.Request()
		got <- fmt.Sprint(r.PathValue("room"), " ", r.URL.RawQuery, " ", r.Header.Get("X-Mine"), " ", r.Token, " ", r.LocalAddr == c.LocalAddr())
		return nil
	}, nil))
	c := dial(t, newServer(t, mux)+"/ws/lobby?a=b", &websocket.DialOptions{Header: http.Header{"X-Mine": {"yes"}}})
	if want := "lobby a=b yes websocket "; !strings.HasPrefix(<-got, want) {
		t.Error("the request is not the one that was sent")
	}
	if c.Request() != nil {
		t.Error("a client has a request")
	}
}

// An Endpoint stands beside other protocols in a wye.Switch.
func TestSwitch(t *testing.T) {
	lines := wye.ProtocolFunc(func(_ context.Context, _ *wye.Request, c wye.Conn) error {
		_, err := io.WriteString(c, "raw\n")
		return err
	})
	url := newServer(t, &wye.Switch{
		Protocols: []wye.Offer{
			{Token: wye.Token{Name: "lines", Version: "1"}, Protocol: lines},
			{Token: wye.Token{Name: "websocket"}, Protocol: websocket.Handler(echo, nil)},
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	c := dial(t, url, nil)
	c.Write(t.Context(), websocket.MessageText, []byte("hi"))
	if _, p, err := c.Read(t.Context()); string(p) != "hi" {
		t.Error(string(p), err)
	}
	if err := c.Close(t.Context(), 1000, ""); err != nil {
		t.Error(err)
	}
	raw, _, err := wye.Dial(t.Context(), url, &wye.DialOptions{Tokens: []wye.Token{{Name: "lines", Version: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if b, _ := io.ReadAll(raw); string(b) != "raw\n" {
		t.Errorf("%q", b)
	}
	if _, resp, _ := websocket.Dial(t.Context(), url, &websocket.DialOptions{Header: http.Header{"Origin": {"null"}}}); resp == nil || resp.StatusCode != 403 {
		t.Error("the endpoint's gate does not hold in a Switch")
	}
}

// A drain tells each connection why, waits, and counts.
func TestDrain(t *testing.T) {
	for _, x := range []struct {
		restart bool
		want    websocket.StatusCode
	}{{false, websocket.StatusGoingAway}, {true, websocket.StatusServiceRestart}} {
		srv := httptest.NewServer(websocket.Handler(echo, &websocket.AcceptOptions{Options: websocket.Options{CloseTimeout: 300 * time.Millisecond}}))
		url := "ws" + strings.TrimPrefix(srv.URL, "http")
		const clients = 10
		codes := make(chan websocket.StatusCode, clients)
		for range clients {
			c := dial(t, url, nil)
			go func() {
				_, _, err := c.Read(context.Background())
				codes <- websocket.CloseStatus(err)
			}()
		}
		silent := rawDial(t, url) // takes the Close and never answers
		for wye.GroupOf(srv.Config).Len() < clients+1 {
			time.Sleep(time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		counts, err := wye.Shutdown(ctx, srv.Config, wye.Drain{Restart: x.restart, Over: 50 * time.Millisecond})
		cancel()
		if err != nil || counts != (wye.DrainCounts{Clean: clients, Forced: 1}) {
			t.Errorf("%+v, %v", counts, err)
		}
		var got []websocket.StatusCode
		for range clients {
			got = append(got, <-codes)
		}
		if slices.ContainsFunc(got, func(c websocket.StatusCode) bool { return c != x.want }) {
			t.Errorf("codes %v, want %d", got, x.want)
		}
		if b := make([]byte, 4); readFull(silent, b) != nil || b[2] != 3 || websocket.StatusCode(0x300+int(b[3])) != x.want {
			t.Errorf("the silent one gets % x", b)
		}
		srv.Close()
	}
}

// A detached handler outlives net/http's, and its context ends with the
// connection.
func TestDetach(t *testing.T) {
	var log lockedBuilder
	type result struct {
		value string
		cause error
	}
	ended := make(chan result, 1)
	returned := make(chan struct{}, 2)
	type key struct{}
	endpoint := websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		<-returned // net/http's handler is over
		typ, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if string(p) == "panic" {
			panic("at the disco")
		}
		c.Write(ctx, typ, p)
		<-ctx.Done()
		ended <- result{ctx.Value(key{}).(string), context.Cause(ctx)}
		return nil
	}, &websocket.AcceptOptions{Detach: true, Options: websocket.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}})
	url := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		endpoint.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "kept")))
		returned <- struct{}{}
	}))
	c := dial(t, url, nil)
	c.Write(t.Context(), websocket.MessageText, []byte("hi"))
	if _, p, err := c.Read(t.Context()); string(p) != "hi" {
		t.Fatal(string(p), err)
	}
	go c.Close(context.Background(), 4000, "")
	if r := <-ended; r.value != "kept" || websocket.CloseStatus(r.cause) != 4000 {
		t.Errorf("%+v", r)
	}

	c = dial(t, url, nil)
	c.Write(t.Context(), websocket.MessageText, []byte("panic"))
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != 1011 {
		t.Error(err)
	}
	<-c.Done()
	for !strings.Contains(log.String(), "at the disco") {
		time.Sleep(time.Millisecond)
	}
}
