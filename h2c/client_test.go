package h2c

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wye-org/wye/internal/talk"
)

func request(t testing.TB, address, path string) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), talk.Patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func bodyOf(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("the body: %v", err)
	}
	resp.Body.Close()
	return string(b)
}

// The first response comes from stream 1, and further requests may be many and
// have bodies.
func TestDial(t *testing.T) {
	_, address := serve(t, nil, nil)
	r := request(t, address, "/first?a=b")
	r.Header = http.Header{"X-A": {strings.Repeat("a", 200)}, "Connection": {"X-B"}, "X-B": {"hop"}, "Upgrade": {"foo"}, "Http2-Settings": {"AAAA"}}
	c, resp, err := Dial(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if body := bodyOf(t, resp); resp.ProtoMajor != 2 || !strings.HasPrefix(body, "HTTP/2.0 GET /first?a=b host "+address) || strings.Contains(body, "X-B") {
		t.Errorf("got %s with %q", resp.Proto, body)
	}
	if c.Switched.StatusCode != 101 || c.Switched.Header.Get("Upgrade") != "h2c" {
		t.Errorf("got %v", c.Switched)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { // waited for below
			path := fmt.Sprintf("/%d", i)
			next := request(t, address, path)
			next.Method, next.Body = "POST", io.NopCloser(bytes.NewReader(make([]byte, 10_000*i)))
			next.Header.Set("X-Next", path)
			resp, err := c.RoundTrip(next)
			if err != nil {
				t.Error(err)
				return
			}
			want := fmt.Sprintf("HTTP/2.0 POST %s host %s, body %d <nil>", path, address, 10_000*i)
			if body := bodyOf(t, resp); !strings.HasPrefix(body, want) || !strings.Contains(body, fmt.Sprintf("X-Next: [%q]", path)) {
				t.Errorf("got %q, want %q", body, want)
			}
		})
	}
	all.Wait()
	if err := c.Err(); err != nil {
		t.Error(err)
	}
}

// A large response begins at once and is not held up by the first window.
func TestDialLargeResponse(t *testing.T) {
	_, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 3<<20)) }), nil)
	c, resp, err := Dial(request(t, address, "/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if body := bodyOf(t, resp); len(body) != 3<<20 {
		t.Errorf("got %d bytes", len(body))
	}
}

// What goes over the wire: the request once, in HTTP/1.1; the preface behind the
// 101; no HEADERS on stream 1. "Upon receiving the 101 response, the client MUST
// send a connection preface, which includes a SETTINGS frame." RFC 7540 §3.2
func TestDialOnTheWire(t *testing.T) {
	heard := make(chan string, 1)
	address := talk.Listen(t, func(p *talk.Peer) {
		heard <- p.WantUntil("\r\n\r\n")
		if n := p.Read.Buffered(); n > 0 {
			t.Errorf("%d bytes came before the 101", n)
		}
		// All that a server may say is there before the client has sent anything
		// in HTTP/2.
		var b, block bytes.Buffer
		framer := http2.NewFramer(&b, p.Read)
		framer.WriteSettings()
		hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
		framer.WriteData(1, true, []byte("early"))
		p.Say(switched + b.String())
		p.Want(preface)
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			switch frame := frame.(type) {
			case *http2.HeadersFrame:
				if frame.StreamID != 3 {
					t.Errorf("HEADERS on stream %d", frame.StreamID)
				}
				framer2 := http2.NewFramer(p.Conn, nil)
				framer2.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
			case *http2.DataFrame:
				t.Errorf("DATA on stream %d", frame.StreamID)
			}
		}
	})
	r := request(t, address, "/path")
	r.Header.Set("User-Agent", "test")
	c, resp, err := Dial(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "GET /path HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: test\r\nConnection: Upgrade, HTTP2-Settings\r\n" +
		"Http2-Settings: AAIAAAAA\r\nUpgrade: h2c\r\n\r\n"
	if got := <-heard; got != want {
		t.Errorf("the request was %q, want %q", got, want)
	}
	if body := bodyOf(t, resp); body != "early" {
		t.Errorf("got %q", body)
	}
	if resp, err := c.RoundTrip(r); err != nil || resp.StatusCode != 200 {
		t.Errorf("got %v, %v", resp, err)
	}
	c.Close()
}

// A server that does not switch has answered.
func TestDialDeclined(t *testing.T) {
	large := strings.Repeat("0123456789", 20_000)
	address := talk.Listen(t, func(p *talk.Peer) {
		p.WantUntil("\r\n\r\n")
		p.Say("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: " + fmt.Sprint(len(large)+1) + "\r\n\r\n" + large)
		p.WantEnd()
	})
	c, resp, err := Dial(request(t, address, "/"), nil)
	if err != nil || c != nil {
		t.Fatal(c, err)
	}
	got := make([]byte, len(large))
	if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != large || resp.Proto != "HTTP/1.1" {
		t.Errorf("got %s, %d bytes, %v", resp.Proto, len(got), err)
	}
	resp.Body.Close() // without the last byte; the server sees the end

	// The request's context ends a body that does not come.
	r := request(t, address, "/")
	ctx, cancel := context.WithCancel(r.Context())
	_, resp, err = Dial(r.WithContext(ctx), nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the body came to its end")
	}
	resp.Body.Close()
}

// A server that speaks HTTP/2 at once is asked again in that.
func TestDialFindsHTTP2AtOnce(t *testing.T) {
	// As nghttpd does: its SETTINGS, and then it does not like ours.
	first := true
	srv := &http.Server{Handler: report, Protocols: new(http.Protocols)}
	srv.Protocols.SetUnencryptedHTTP2(true)
	real := start(t, srv)
	r := request(t, "host.example", "/path")
	r.Header.Set("HTTP2-Settings", "AAAA")
	c, resp, err := Dial(r, &DialOptions{NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != "host.example:80" {
			t.Errorf("dialled %s", address)
		}
		if !first {
			return net.Dial(network, real)
		}
		first = false
		ours, theirs := net.Pipe()
		go func() { // ends with the pipe
			p := talk.With(t, theirs)
			p.WantUntil("\r\n\r\n")
			p.Say("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64")
			theirs.Close()
		}()
		return ours, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if body := bodyOf(t, resp); !strings.HasPrefix(body, "HTTP/2.0 GET /path") || strings.Contains(body, "Settings") || c.Switched != nil {
		t.Errorf("got %q, %v", body, c.Switched)
	}
}

func TestDialFails(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"another token", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", `switches to ["websocket"]`},
		{"no token", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n", `switches to []`},
		{"the end", "", "closed the connection without an answer"},
		{"half a head", "HTTP/1.1 200 OK\r\nConte", "malformed MIME header"},
		{"nine informational responses", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 9), "over 8 informational responses"},
		{"a long head", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 17<<10) + "\r\n\r\n", "over 16384 bytes"},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "malformed HTTP"},
		{"the connection ends behind the 101", switched, ""},
		{"no HTTP/2 behind the 101", switched + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address := talk.Listen(t, func(p *talk.Peer) {
				p.WantUntil("\r\n\r\n")
				p.Say(tt.answer)
				p.Conn.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, p.Read) // until the client has given up
			})
			c, _, err := Dial(request(t, address, "/"), nil)
			if err == nil || c != nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "h2c: dial "+address) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Whatever the server does not say in time: its answer, or its HTTP/2.
func TestDialTimesOut(t *testing.T) {
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\n", switched, switched + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"} {
		address := talk.Listen(t, func(p *talk.Peer) {
			if p.Heard("\r\n\r\n") {
				io.WriteString(p.Conn, answer) // it may be too late
			}
			io.Copy(io.Discard, p.Read) // until the client has given up
		})
		_, _, err := Dial(request(t, address, "/"), &DialOptions{Timeout: 20 * time.Millisecond})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q: got %v", answer, err)
		}
		r := request(t, address, "/")
		ctx, cancel := context.WithCancel(r.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		if _, _, err := Dial(r.WithContext(ctx), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%q: got %v", answer, err)
		}
	}
}

func TestDialRefusesToAsk(t *testing.T) {
	none := func(context.Context, string, string) (net.Conn, error) {
		t.Error("it dialled")
		return nil, errors.New("no")
	}
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.URL.Scheme = "https" },
		func(r *http.Request) { r.URL.Host = "" },
		func(r *http.Request) { r.URL.Host = ":80" },
		func(r *http.Request) { r.URL = nil },
		func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("a")) },
		func(r *http.Request) { r.Method = "CONNECT" },
	} {
		r := request(t, "host.example", "/")
		change(r)
		if c, _, err := Dial(r, &DialOptions{NetDial: none}); err == nil || c != nil {
			t.Error("want an error")
		}
	}
	// Header injection through a method, which only a Request made by hand has.
	ours, theirs := net.Pipe()
	defer theirs.Close()
	r := request(t, "host.example", "/")
	r.Method = "GET / HTTP/1.1\r\nA: b\r\nC:"
	if _, _, err := Dial(r, &DialOptions{NetDial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }}); err == nil {
		t.Error("want an error")
	}
	if _, _, err := Dial(request(t, "host.example", "/"), &DialOptions{NetDial: func(context.Context, string, string) (net.Conn, error) {
		return nil, io.ErrNoProgress
	}}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

// A Request may lack a Header.
func TestDialWithoutAHeader(t *testing.T) {
	_, address := serve(t, nil, nil)
	r := request(t, address, "/")
	r.Header = nil
	c, resp, err := Dial(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	bodyOf(t, resp)
}
