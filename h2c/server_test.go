package h2c

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/internal/talk"
	"github.com/wye-org/wye/websocket"
)

// The request that asked is answered on stream 1, and others follow. The fields
// that were for the connection are gone.
func TestUpgrade(t *testing.T) {
	_, address := serve(t, nil, nil)
	p := talk.To(t, address)
	long := strings.Repeat("long ", 60) // its length takes a second byte
	p.Say("HEAD /path?query=%20 HTTP/1.1\r\nHost: host.example\r\nCookie: a=b; c=d\r\nX-Two: 1\r\nX-Two: 2\r\nX-Long: " + long + "\r\n" +
		"x-lower: \xe9\r\nX-Hop: hop\r\nKeep-Alive: 5\r\nTE: trailers\r\nExpect: 100-continue\r\nContent-Length: 0\r\nX-127: " + strings.Repeat("a", 127) + "\r\n" +
		"Connection: X-Hop\r\n" + asking + "\r\n")
	p.Want("HTTP/1.1 100 Continue\r\n\r\n" + switched)
	f := begin(t, p)
	if status, body := f.response(1); status != "200" || body != "" {
		t.Errorf("got %s with %q", status, body)
	}
	f.get(3, "/next", hpack.HeaderField{Name: "x-indexed", Value: "1"}) // goes into the dynamic table
	f.get(5, "/again", hpack.HeaderField{Name: "x-indexed", Value: "1"})
	for range 2 {
		frame := f.next()
		for frame.Header().StreamID == 0 {
			frame = f.next()
		}
		if _, body := f.rest(frame); !strings.Contains(body, `X-Indexed: ["1"]`) {
			t.Errorf("got %q", body)
		}
	}
	if f.acks != 1 {
		t.Errorf("%d SETTINGS were acknowledged, want the one that was sent", f.acks)
	}

	p = talk.To(t, address)
	p.Say("GET http://other.example/path?query=%20 HTTP/1.1\r\nHost: host.example\r\nCookie: a=b; c=d\r\nX-Two: 1\r\nX-Two: 2\r\nX-Long: " + long + "\r\n" +
		"x-lower: \xe9\r\nX-Hop: hop\r\nKeep-Alive: 5\r\nTE: trailers\r\nX-127: " + strings.Repeat("a", 127) + "\r\nConnection: X-Hop\r\n" + asking + "\r\n")
	p.Want(switched)
	status, body := begin(t, p).response(1)
	want := "HTTP/2.0 GET /path?query=%20 host other.example, body 0 <nil>, TLS false\n" +
		"Cookie: [\"a=b; c=d\"]\nX-127: [\"" + strings.Repeat("a", 127) + "\"]\nX-Long: [\"" + strings.TrimSpace(long) + "\"]\nX-Lower: [\"\\xe9\"]\nX-Two: [\"1\" \"2\"]\n"
	if status != "200" || body != want {
		t.Errorf("got %s with\n%s\nwant\n%s", status, body, want)
	}
}

// rest reads the response that begins with first.
func (f *framed) rest(first http2.Frame) (stream uint32, body string) {
	f.t.Helper()
	stream = first.Header().StreamID
	for frame := first; ; frame = f.next() {
		if d, ok := frame.(*http2.DataFrame); ok && d.StreamID == stream {
			body += string(d.Data())
			if d.StreamEnded() {
				return stream, body
			}
		}
	}
}

// The older token is answered by its name.
func TestTheTokenHTTP20(t *testing.T) {
	_, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say(strings.Replace(ask, "Upgrade: h2c", "Upgrade: http/2.0, foo", 1))
	p.Want(strings.Replace(switched, "h2c", "HTTP/2.0", 1))
	if status, body := begin(t, p).response(1); status != "200" || !strings.HasPrefix(body, "HTTP/2.0 GET /path?query host host.example") {
		t.Errorf("got %s with %q", status, body)
	}
}

// "OPTIONS *" is net/http's to answer, over HTTP/1.1, as without the upgrade.
func TestOptionsIsNotUpgraded(t *testing.T) {
	_, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say(strings.Replace(ask, "GET /path?query", "OPTIONS *", 1))
	p.WantResponse("OPTIONS", 200)
	p.Say(strings.Replace(ask, "GET", "OPTIONS", 1))
	p.Want(switched)
	if _, body := begin(t, p).response(1); !strings.HasPrefix(body, "HTTP/2.0 OPTIONS /path?query") {
		t.Errorf("got %q", body)
	}
}

// "A server decodes and interprets these values as it would any other SETTINGS
// frame." RFC 7540 §3.2.1. The frame that follows may change them.
func TestTheSettingsOfTheRequestHold(t *testing.T) {
	window := func(n uint32) string {
		return base64.RawURLEncoding.EncodeToString(appendSettings(nil, []setting{{initialWindowSize, 99}, {enablePush, 0}, {initialWindowSize, n}}))
	}
	for _, tt := range []struct {
		name     string
		settings []http2.Setting
		want     int // bytes of DATA before the window is full
	}{
		{"of the request", nil, 10},
		{"another one in the frame", []http2.Setting{{ID: http2.SettingMaxFrameSize, Val: 1 << 14}}, 10},
		{"overridden by the frame", []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 7}}, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, address := serve(t, nil, nil)
			p := talk.To(t, address)
			p.Say(strings.Replace(ask, "AAQAAP__", window(10), 1))
			p.Want(switched)
			f := begin(t, p, tt.settings...)
			got := 0
			for got == 0 {
				if d, ok := f.next().(*http2.DataFrame); ok {
					got = len(d.Data())
				}
			}
			f.check(f.WritePing(false, [8]byte{})) // answered at once, while the stream waits
			for answered := false; !answered; {
				switch frame := f.next().(type) {
				case *http2.DataFrame:
					got += len(frame.Data())
				case *http2.PingFrame:
					answered = frame.IsAck()
				}
			}
			if got != tt.want {
				t.Errorf("%d bytes came, want %d", got, tt.want)
			}
			f.check(f.WriteWindowUpdate(1, 1000))
			if f.response(1); f.acks != 1 {
				t.Errorf("%d SETTINGS were acknowledged, want 1", f.acks)
			}
		})
	}
}

// What is not in order is answered as if it had not asked, and the connection
// goes on in HTTP/1.1.
func TestDeclined(t *testing.T) {
	settings := func(s ...setting) string {
		return "HTTP2-Settings: " + base64.RawURLEncoding.EncodeToString(appendSettings(nil, s)) + "\r\n"
	}
	const upgrade, both = "Upgrade: h2c\r\n", "Connection: Upgrade, HTTP2-Settings\r\n"
	const good = "HTTP2-Settings: AAQAAP__\r\n"
	for _, tt := range []struct{ name, fields string }{
		{"no settings", upgrade + both},
		{"HTTP/2.0 without settings", "Upgrade: HTTP/2.0\r\nConnection: Upgrade\r\n"},
		{"two settings", upgrade + both + good + good},
		{"settings are not listed in Connection: h2c smuggling", upgrade + good + "Connection: Upgrade\r\n"},
		{"Upgrade is not listed in Connection", upgrade + good + "Connection: HTTP2-Settings\r\n"},
		{"no Connection", upgrade + good},
		{"empty settings", upgrade + both + "HTTP2-Settings:\r\n"},
		{"no base64url", upgrade + both + "HTTP2-Settings: AAQAAP//\r\n"},
		{"padded", upgrade + both + "HTTP2-Settings: AAQAAP__AAQ=\r\n"},
		{"half a setting", upgrade + both + "HTTP2-Settings: AAQA\r\n"},
		{"a setting and a half", upgrade + both + "HTTP2-Settings: AAQAAP__AAQA\r\n"},
		{"33 settings", upgrade + both + settings(make([]setting, 33)...)},
		{"ENABLE_PUSH", upgrade + both + settings(setting{enablePush, 2})},
		{"INITIAL_WINDOW_SIZE", upgrade + both + settings(setting{initialWindowSize, 1 << 31})},
		{"MAX_FRAME_SIZE, low", upgrade + both + settings(setting{maxFrameSize, 1<<14 - 1})},
		{"MAX_FRAME_SIZE, high", upgrade + both + settings(setting{maxFrameSize, 1 << 24})},
		{"ENABLE_CONNECT_PROTOCOL", upgrade + both + settings(setting{enableConnectProtocol, 2})},
		{"the second is not legal", upgrade + both + settings(setting{enablePush, 0}, setting{enablePush, 2})},
		{"h2 is for TLS", "Upgrade: h2\r\n" + both + good},
		{"another token is preferred", "Upgrade: foo, h2c\r\n" + both + good},
		{"h2c with a version", "Upgrade: h2c/2\r\n" + both + good},
		{"HTTP/2", "Upgrade: HTTP/2\r\n" + both + good},
		{"a body", asking + "Content-Length: 7\r\n\r\nhello"},
		{"a chunked body", asking + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"},
		{"an empty chunked body", asking + "Transfer-Encoding: chunked\r\n\r\n0\r\n"},
		{"Via", asking + "Via: 1.1 proxy\r\n"},
		{"Forwarded", asking + "Forwarded: for=a\r\n"},
		{"X-Forwarded-For", asking + "X-Forwarded-For: 10.0.0.1\r\n"},
		{"X-Forwarded-Host", asking + "X-Forwarded-Host: a\r\n"},
		{"X-Forwarded-Proto", asking + "X-Forwarded-Proto: https\r\n"},
		{"X-Real-IP", asking + "X-Real-IP: 10.0.0.1\r\n"},
		{"a head over 16 KiB", asking + "X-Long: " + strings.Repeat("a", maxPayload) + "\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, address := serve(t, nil, nil)
			p := talk.To(t, address)
			for range 2 {
				p.Say("PUT /path HTTP/1.1\r\nHost: host.example\r\n" + tt.fields + "\r\n")
				if _, body := p.WantResponse("PUT", 200); !strings.HasPrefix(body, "HTTP/1.1 PUT /path host host.example, body") {
					t.Errorf("got %q", body)
				}
			}
		})
	}
}

// The largest head that goes through, and the next one.
func TestDeclinedFromTheFirstByteTooMany(t *testing.T) {
	_, address := serve(t, nil, nil)
	r := &http.Request{Method: "GET", Host: "host.example", RequestURI: "/", Header: http.Header{"A": {""}}}
	b, _ := stream1(r, http.DefaultMaxHeaderBytes)
	most := maxPayload - (len(b) - frameHead) - 2 // the length takes two more bytes
	for _, tt := range []struct {
		length int
		want   string
	}{{most, "HTTP/1.1 101"}, {most + 1, "HTTP/1.1 200"}} {
		p := talk.To(t, address)
		p.Say("GET / HTTP/1.1\r\nHost: host.example\r\nA: " + strings.Repeat("a", tt.length) + "\r\n" + asking + "\r\n")
		p.Want(tt.want)
		if tt.length == most {
			p.WantUntil("\r\n\r\n")
			if status, body := begin(t, p).response(1); status != "200" || strings.Count(body, "a") < most {
				t.Errorf("got %s with %d bytes", status, len(body))
			}
		}
	}
}

// A field counts 32 bytes more in HTTP/2. What is too much there gets no 431.
func TestDeclinedForItsHeaderList(t *testing.T) {
	srv := &http.Server{Handler: report, MaxHeaderBytes: 4096}
	Enable(srv, &Options{Logger: quiet})
	address := start(t, srv)
	const few = 32*4 + len(":methodGET:schemehttp:path/path?query:authorityhost.example")
	for n, want := range map[int]string{(4096 - few) / 34: "HTTP/1.1 101", (4096-few)/34 + 1: "HTTP/1.1 200"} {
		p := talk.To(t, address)
		p.Say(strings.Replace(ask, "Connection", strings.Repeat("A: b\r\n", n)+"Connection", 1))
		p.Want(want)
		if want == "HTTP/1.1 101" {
			p.WantUntil("\r\n\r\n")
			if status, _ := begin(t, p).response(1); status != "200" {
				t.Errorf("got %s", status)
			}
		}
	}
}

// "A server that receives an Upgrade header field in an HTTP/1.0 request MUST
// ignore that Upgrade field." RFC 9110 §7.8
func TestDeclinedOverHTTP10(t *testing.T) {
	_, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say(strings.Replace(ask, "HTTP/1.1", "HTTP/1.0", 1))
	p.WantResponse("GET", 200)
	p.WantEnd()
}

// A target that is no path cannot be one in HTTP/2.
func TestDeclinedForAnotherTarget(t *testing.T) {
	_, address := serve(t, nil, nil)
	for _, line := range []string{"GET name:opaque", "CONNECT host.example:80"} {
		p := talk.To(t, address)
		p.Say(line + " HTTP/1.1\r\nHost: host.example\r\n" + asking + "\r\n")
		p.Want("HTTP/1.1 200 OK\r\n")
	}
}

func TestDeclinedByAllow(t *testing.T) {
	asked := 0
	_, address := serve(t, nil, &Options{Logger: quiet, Allow: func(r *http.Request) bool { asked++; return r.URL.Path == "/yes" }})
	p := talk.To(t, address)
	p.Say(ask)
	p.WantResponse("GET", 200)
	p.Say(strings.Replace(ask, "AAQAAP__", "A", 1))
	p.WantResponse("GET", 200)
	p.Say(strings.Replace(ask, "/path", "/yes", 1))
	p.Want(switched)
	if asked != 2 {
		t.Errorf("Allow was asked %d times, want 2: only of what could be upgraded", asked)
	}
}

// "h2c … is used … where HTTP/2 is run over cleartext TCP". RFC 7540 §3.1
func TestDeclinedOverTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(report)
	Enable(srv.Config, &Options{Logger: quiet})
	srv.StartTLS()
	defer srv.Close()
	c, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	p := talk.With(t, c)
	p.Say(ask)
	if _, body := p.WantResponse("GET", 200); !strings.Contains(body, "TLS true") {
		t.Errorf("got %q", body)
	}
}

// A handler of one server behind another one.
func TestDeclinedInAnotherServer(t *testing.T) {
	srv, _ := serve(t, nil, nil)
	address := start(t, &http.Server{Handler: srv.Handler})
	p := talk.To(t, address)
	p.Say(ask)
	p.WantResponse("GET", 200)
}

// One port: an upgrade, HTTP/2 at once, HTTP/1.1 and a WebSocket.
func TestOnePort(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/", report)
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		typ, p, err := c.Read(r.Context())
		if err == nil {
			c.Write(r.Context(), typ, p)
		}
		c.Close(r.Context(), websocket.StatusNormalClosure, "")
	})
	_, address := serve(t, mux, nil)
	for _, tt := range []struct {
		name      string
		protocols func(*http.Protocols)
		want      string
	}{
		{"HTTP/1.1", func(p *http.Protocols) { p.SetHTTP1(true) }, "HTTP/1.1 GET /"},
		{"HTTP/2 at once", func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }, "HTTP/2.0 GET /"},
	} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		tt.protocols(transport.Protocols)
		resp, err := (&http.Client{Transport: transport}).Get("http://" + address)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		transport.CloseIdleConnections()
		if !strings.HasPrefix(string(body), tt.want) {
			t.Errorf("%s: got %q", tt.name, body)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), talk.Patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws://"+address+"/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(ctx); err != nil || string(p) != "hello" {
		t.Errorf("got %q, %v", p, err)
	}
	c.Close(ctx, websocket.StatusNormalClosure, "")
}

// Optimistic data: what the client sends before the 101 is HTTP/2 if the server
// switches, and nothing of it is taken for HTTP/1.1 before. RFC 9931.
func TestOptimisticData(t *testing.T) {
	_, address := serve(t, nil, nil)
	p := talk.To(t, address)
	early := &strings.Builder{}
	framer := http2.NewFramer(early, nil)
	framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 7})
	framer.WriteWindowUpdate(1, 1000)
	p.Say(ask + preface + early.String())
	p.Want(switched)
	f := &framed{Framer: http2.NewFramer(p.Conn, p.Read), Peer: p, t: t}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if status, body := f.response(1); status != "200" || !strings.HasPrefix(body, "HTTP/2.0 GET /path?query") {
		t.Errorf("got %s with %q", status, body)
	}
}

// Where it does not switch, what follows is the next request in HTTP/1.1; a
// preface there does not make it HTTP/2.
func TestOptimisticDataBehindADeclinedUpgrade(t *testing.T) {
	seen := make(chan string, 10)
	_, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.Method + " " + r.Proto }), nil)
	p := talk.To(t, address)
	p.Say(strings.Replace(ask, "AAQAAP__", "A", 1) + preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	p.WantResponse("GET", 200)
	p.WantEnd()
	if got := <-seen; got != "GET HTTP/1.1" {
		t.Errorf("the handler saw %q", got)
	}
	close(seen)
	for got := range seen {
		if got != "PRI HTTP/2.0" { // net/http shows it to handlers
			t.Errorf("the handler saw %q too", got)
		}
	}
}

// A client that does not send its preface, or another one.
func TestNoPreface(t *testing.T) {
	t.Run("too late", func(t *testing.T) {
		_, address := serve(t, nil, &Options{Timeout: 300 * time.Millisecond, Logger: quiet})
		p := talk.To(t, address)
		p.Say(ask + preface[:10])
		p.Want(switched)
		if got := p.WantEnd(); got != "" {
			t.Errorf("heard %q", got)
		}
	})
	t.Run("another one", func(t *testing.T) {
		_, address := serve(t, nil, nil)
		p := talk.To(t, address)
		p.Say(ask + "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n") // and no more: it is known by now
		p.Want(switched)
		if got := p.WantEnd(); got != "" {
			t.Errorf("heard %q", got)
		}
	})
	t.Run("the connection ends", func(t *testing.T) {
		_, address := serve(t, nil, nil)
		p := talk.To(t, address)
		p.Say(ask + preface + "\x00\x00\x06\x04\x00\x00\x00\x00\x00half")
		p.Want(switched)
		p.Conn.(interface{ CloseWrite() error }).CloseWrite()
		if got := p.WantEnd(); got != "" {
			t.Errorf("heard %q", got)
		}
	})
}

// A first frame that is no SETTINGS is answered with GOAWAY, and the request is
// not. "A client … MUST treat an invalid connection preface as a connection
// error … of type PROTOCOL_ERROR." RFC 7540 §3.5
func TestTheFirstFrameIsNotInOrder(t *testing.T) {
	for _, tt := range []struct{ name, frame string }{
		{"PING", "\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"},
		{"six bytes of an unknown type", "\x00\x00\x06\xb0\x00\x00\x00\x00\x00123456"},
		{"SETTINGS on a stream", "\x00\x00\x00\x04\x00\x00\x00\x00\x01"},
		{"SETTINGS of 5 bytes", "\x00\x00\x05\x04\x00\x00\x00\x00\x0012345"},
		{"an acknowledgement", "\x00\x00\x00\x04\x01\x00\x00\x00\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan string, 1)
			_, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.URL.Path }), nil)
			p := talk.To(t, address)
			p.Say(ask)
			p.Want(switched)
			p.Say(preface + tt.frame)
			f := &framed{Framer: http2.NewFramer(p.Conn, p.Read), Peer: p, t: t}
			for refused := false; !refused; {
				frame, err := f.ReadFrame()
				if err == io.EOF {
					break
				}
				f.check(err)
				g, ok := frame.(*http2.GoAwayFrame)
				refused = ok && g.ErrCode != http2.ErrCodeNo
			}
			select {
			case path := <-seen:
				t.Errorf("the handler saw %s", path)
			default:
			}
		})
	}
}

// The connection is the server's: an orderly end waits for the response, and no
// Group counts it.
func TestShutdown(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	srv, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-finish
		io.WriteString(w, "late")
	}), nil)
	p := talk.To(t, address)
	p.Say(ask)
	p.Want(switched)
	f := begin(t, p)
	<-began
	if n := wye.GroupOf(srv).Len(); n != 0 {
		t.Errorf("the Group has %d connections", n)
	}
	type outcome struct {
		counts wye.DrainCounts
		err    error
	}
	ended := make(chan outcome, 1)
	go func() { // received below
		ctx, cancel := context.WithTimeout(context.Background(), talk.Patience)
		defer cancel()
		counts, err := wye.Shutdown(ctx, srv, wye.Drain{})
		ended <- outcome{counts, err}
	}()
	for goaway := false; !goaway; {
		_, goaway = f.next().(*http2.GoAwayFrame)
	}
	select {
	case o := <-ended:
		t.Errorf("Shutdown did not wait: %+v", o)
	default:
	}
	close(finish)
	if status, body := f.response(1); status != "200" || body != "late" {
		t.Errorf("got %s with %q", status, body)
	}
	if o := <-ended; o.err != nil || o.counts != (wye.DrainCounts{}) {
		t.Errorf("got %+v", o)
	}
	f.WantEnd()
}

// Nothing new is switched while the server goes away.
func TestDeclinedWhileDraining(t *testing.T) {
	srv, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say("GET / HTTP/1.1\r\nHost: host.example\r\n\r\n")
	p.WantResponse("GET", 200)
	if _, err := wye.GroupOf(srv).Shutdown(t.Context(), wye.Drain{}); err != nil {
		t.Fatal(err)
	}
	p.Say(ask)
	p.WantResponse("GET", 200)
}

// A server that has been shut down does not take the connection any more.
func TestTheServerEndsBeforeThePreface(t *testing.T) {
	srv, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say(ask)
	p.Want(switched)
	srv.Close()
	p.Say(preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	if got := p.WantEnd(); got != "" {
		t.Errorf("heard %q", got)
	}
}

// Enable keeps what the server had.
func TestEnable(t *testing.T) {
	for _, tt := range []struct {
		before *http.Protocols
		h2     bool
	}{{nil, true}, {new(http.Protocols), false}} {
		srv := &http.Server{Protocols: tt.before}
		Enable(srv, nil)
		if p := srv.Protocols; !p.HTTP1() || !p.UnencryptedHTTP2() || p.HTTP2() != tt.h2 {
			t.Errorf("%v: got %v", tt.before, p)
		}
		if tt.before != nil && tt.before.UnencryptedHTTP2() {
			t.Error("the Protocols of before were changed")
		}
		w := httptest.NewRecorder()
		srv.Handler.ServeHTTP(w, httptest.NewRequest("GET", "/nothing", nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("the DefaultServeMux answers %d", w.Code)
		}
	}
}

func ExampleEnable() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello over", r.Proto)
	})
	srv := &http.Server{Addr: "127.0.0.1:8080"}
	Enable(srv, nil)
	// srv.ListenAndServe()
}
