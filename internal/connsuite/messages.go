package connsuite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

// filler is n bytes that are not all the same, and valid UTF-8.
func filler(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = 'a' + byte(i%23)
	}
	return p
}

// exchange has an echo send p back.
func exchange(t *testing.T, c *websocket.Conn, typ websocket.MessageType, p []byte) {
	t.Helper()
	ctx := within(t)
	if err := c.Write(ctx, typ, p); err != nil {
		t.Fatal(err)
	}
	got, back, err := c.Read(ctx)
	if err != nil || got != typ || !bytes.Equal(back, p) {
		t.Fatalf("%d bytes of type %v came back, %v; want %d of %v", len(back), got, err, len(p), typ)
	}
}

// Both ends know what was agreed on.
func testOpening(t *testing.T, c Carrier) {
	accepted := make(chan *websocket.Conn, 1)
	s := c.serve(t, func(_ context.Context, sv *websocket.Conn) error {
		accepted <- sv
		<-sv.Done()
		return nil
	}, &websocket.AcceptOptions{Subprotocols: []string{"b", "c"}, Header: http.Header{"X-Extra": {"1"}}})
	cl := c.dial(t, s.URL+"/some/path?a=b", &websocket.DialOptions{Subprotocols: []string{"a", "b"}, Header: http.Header{"X-Asked": {"2"}}})
	sv := <-accepted
	for end, conn := range map[string]*websocket.Conn{"client": cl, "server": sv} {
		if conn.Subprotocol() != "b" || conn.Carrier() != c.Name || conn.RemoteAddr() == nil || conn.LocalAddr() == nil {
			t.Errorf("the %s has subprotocol %q, carrier %q, addresses %v and %v", end, conn.Subprotocol(), conn.Carrier(), conn.LocalAddr(), conn.RemoteAddr())
		}
	}
	r := sv.Request()
	if r.URL.Path != "/some/path" || r.URL.RawQuery != "a=b" || r.Header.Get("X-Asked") != "2" || r.Carrier() != c.Name || r.Token.Name != "websocket" {
		t.Errorf("the request: %v, %v, %v over %v", r.URL, r.Header, r.Token, r.Carrier())
	}
	if strings.HasPrefix(s.URL, "https:") && r.TLS == nil {
		t.Error("no TLS state")
	}
}

// A refusal comes with its status, fields and text.
func testRefusal(t *testing.T, c Carrier) {
	s := c.serveEchoes(t, &websocket.AcceptOptions{SelectSubprotocol: func(*http.Request, []string) (string, error) {
		return "", &wye.Refusal{Status: http.StatusTeapot, Header: http.Header{"X-Why": {"tea"}}, Text: "short and stout"}
	}})
	_, err := c.Dial(within(t), s.URL, nil)
	var refused *wye.RefusedError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if r := refused.Response; r.StatusCode != http.StatusTeapot || r.Header.Get("X-Why") != "tea" || string(refused.Body) != "short and stout\n" {
		t.Errorf("%v, %q", r, refused.Body)
	}
}

func testMessages(t *testing.T, c Carrier) {
	conn := c.serveEcho(t, nil, nil)
	for _, n := range []int{0, 1, 125, 126, 511, 512, 513, 16 << 10, 65535, 65536, 300_000, 1 << 20} {
		exchange(t, conn, websocket.MessageBinary, filler(n))
		exchange(t, conn, websocket.MessageText, filler(n))
	}
	if err := conn.Close(within(t), websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// 300 KB in many frames.
func testFragments(t *testing.T, c Carrier) {
	c.both(t, nil, nil, func(t *testing.T, from, to *websocket.Conn) {
		want := filler(300_000)
		sent := make(chan error, 1)
		go func() { // received below
			w, err := from.Writer(within(t), websocket.MessageText)
			for rest := want; err == nil && len(rest) > 0; {
				n := min(len(rest), 1000)
				_, err = w.Write(rest[:n])
				rest = rest[n:]
			}
			if err == nil {
				err = w.Close()
			}
			sent <- err
		}()
		typ, got, err := to.Read(within(t))
		if err != nil || typ != websocket.MessageText || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

// A message is read as it comes, and written as it is made.
func testStreaming(t *testing.T, c Carrier) {
	large := websocket.Options{MaxMessage: 4 << 20}
	c.both(t, &large, &websocket.AcceptOptions{Options: large}, func(t *testing.T, from, to *websocket.Conn) {
		const n = 4 << 20
		sent := make(chan error, 1)
		go func() { // received below
			w, err := from.Writer(within(t), websocket.MessageBinary)
			if err == nil {
				_, err = io.Copy(w, bytes.NewReader(filler(n)))
			}
			if err == nil {
				err = w.Close()
			}
			sent <- err
		}()
		_, r, err := to.Reader(within(t))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, filler(n)) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

func testDeflate(t *testing.T, c Carrier) {
	on := websocket.Options{Deflate: websocket.Deflate{Enabled: true}}
	conn := c.serveEcho(t, &websocket.DialOptions{Options: on}, &websocket.AcceptOptions{Options: on})
	if !conn.Compressed() {
		t.Fatal("no compression was agreed on")
	}
	for range 3 {
		exchange(t, conn, websocket.MessageText, filler(300_000))
	}
}

// Messages of several writers arrive whole, and each writer's in order.
func testConcurrentWrites(t *testing.T, c Carrier) {
	c.both(t, nil, nil, func(t *testing.T, from, to *websocket.Conn) {
		const writers, each = 8, 60
		var sending sync.WaitGroup
		for w := range writers {
			sending.Go(func() { // waited for below
				for i := range each {
					m := fmt.Sprintf("%d %d %s", w, i, filler(i*i))
					if err := from.Write(within(t), websocket.MessageText, []byte(m)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		var next [writers]int
		for range writers * each {
			_, p, err := to.Read(within(t))
			var w, i int
			var rest string
			if _, e := fmt.Sscanf(string(p)+" .", "%d %d %s", &w, &i, &rest); err != nil || e != nil {
				t.Fatalf("%v, %v: %.40q", err, e, p)
			}
			if i != next[w] || len(p) != len(fmt.Sprintf("%d %d ", w, i))+i*i {
				t.Fatalf("writer %d: message %d of %d bytes, want message %d", w, i, len(p), next[w])
			}
			next[w]++
		}
		sending.Wait()
	})
}

// Connections do not get into each other's way.
func testManyConnections(t *testing.T, c Carrier) {
	s := c.serveEchoes(t, nil)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() { // waited for below
			conn, err := c.Dial(within(t), s.URL, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.CloseNow()
			for j := range 20 {
				want := filler(i*977 + j)
				conn.Write(within(t), websocket.MessageBinary, want)
				if _, got, err := conn.Read(within(t)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("connection %d: %d bytes, %v", i, len(got), err)
					return
				}
			}
			if err := conn.Close(within(t), websocket.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
