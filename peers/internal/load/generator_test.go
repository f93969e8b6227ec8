package load

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye/peers/internal/fake"
)

func generator(t *testing.T) *Generator {
	t.Helper()
	g, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// Every message is sent whole and counted once, larger than the kernel's buffers
// or not.
func TestGenerator(t *testing.T) {
	var got, bytesGot atomic.Int64
	sent := make(chan struct{})
	srv := fake.Serve(t, "", func(c *fake.Conn) {
		<-sent
		for {
			first, p, err := c.Read()
			if err != nil {
				return
			}
			got.Add(1)
			bytesGot.Add(int64(len(p)))
			if c.Write(first, p) != nil {
				return
			}
		}
	})
	g := generator(t)
	const conns = 2
	clients, err := g.Open(conns, Target{Addr: srv.Addr, Path: "/echo"})
	if err != nil || len(clients) != conns {
		t.Fatalf("%d clients, %v", len(clients), err)
	}
	const size, each = 16 << 20, 2
	l := Binary(size)
	due := 0
	for _, c := range clients {
		c.Due = each
		due += each
		if err := g.Send(c, l.Frame(0)); err != nil {
			t.Fatal(err)
		}
		if !c.Behind() {
			t.Error("the kernel took 16 MiB: the test shows nothing")
		}
	}
	close(sent)
	for watch := Begin(); due > 0; {
		before := due
		if err := g.Turn(10*time.Millisecond, func(c *Client, m int) error {
			due -= m
			if c.Due -= m; c.Due == 1 {
				return g.Send(c, l.Frame(1))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := watch.Came(due < before); err != nil {
			t.Fatal(err)
		}
	}
	if got.Load() != conns*each || bytesGot.Load() != conns*each*size {
		t.Errorf("the server got %d messages with %d bytes, want %d with %d", got.Load(), bytesGot.Load(), conns*each, conns*each*size)
	}
	if err := g.Turn(0, func(*Client, int) error { return nil }); err != nil || g.Ready != 0 {
		t.Errorf("%v, %d clients are ready, though all is done", err, g.Ready)
	}
	for i, c := range clients {
		if c.Due != 0 || c.Behind() {
			t.Errorf("client %d has %d due, behind: %t", i, c.Due, c.Behind())
		}
	}
}

// Pings are answered with their payload, and are no messages.
func TestGeneratorAnswersPings(t *testing.T) {
	pong := make(chan string, 1)
	srv := fake.Serve(t, "", func(c *fake.Conn) {
		if _, _, err := c.Read(); err != nil {
			return
		}
		// Two at once: the last is answered.
		p := append(fake.Frame(0x80|opPing, []byte("one")), fake.Frame(0x80|opPing, []byte("two"))...)
		if _, err := c.Conn.Write(append(p, fake.Frame(0x80|opBinary, []byte("message"))...)); err != nil {
			return
		}
		for {
			first, p, err := c.Read()
			if err != nil {
				return
			}
			if first == 0x80|opPong {
				pong <- string(p)
			}
		}
	})
	g := generator(t)
	clients, err := g.Open(1, Target{Addr: srv.Addr, Path: "/echo"})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Send(clients[0], Binary(1).Frame(0)); err != nil {
		t.Fatal(err)
	}
	messages := 0
	for watch := Begin(); messages == 0 || g.Pings < 2; {
		if err := g.Turn(10*time.Millisecond, func(_ *Client, m int) error { messages += m; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := watch.Came(false); err != nil {
			t.Fatal(err)
		}
	}
	if p := <-pong; messages != 1 || g.Pings != 2 || p != "two" && p != "one" {
		t.Errorf("%d messages, %d pings, pong %q; want 1, 2, and a ping's payload", messages, g.Pings, p)
	}
}

// A ping that comes along with the 101 is answered, too.
func TestGeneratorAnswersTheFirstPing(t *testing.T) {
	pong := make(chan string, 1)
	srv := fake.Serve(t, "\r\n\x89\x05first", func(c *fake.Conn) { // its own end of the head, which leaves one too many
		if first, p, err := c.Read(); err == nil && first == 0x80|opPong {
			pong <- string(p)
		}
	})
	g := generator(t)
	if _, err := g.Open(1, Target{Addr: srv.Addr, Path: "/echo"}); err != nil {
		t.Fatal(err)
	}
	if p := <-pong; p != "first" || g.Pings != 1 {
		t.Errorf("%q, %d pings; want the answer to the first", p, g.Pings)
	}
}

// A server that closes is an error, not silence.
func TestGeneratorNoticesTheEnd(t *testing.T) {
	srv := fake.Serve(t, "", func(*fake.Conn) {})
	g := generator(t)
	if _, err := g.Open(1, Target{Addr: srv.Addr, Path: "/echo"}); err != nil {
		t.Fatal(err)
	}
	for watch := Begin(); ; {
		err := g.Turn(10*time.Millisecond, func(*Client, int) error { return nil })
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		if err := errors.Join(err, watch.Came(false)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWatch(t *testing.T) {
	w := Watch{time.Now().Add(-patience - time.Second)}
	if err := w.Came(true); err != nil {
		t.Errorf("something came: %v", err)
	}
	if err := w.Came(false); err != nil {
		t.Errorf("something came a moment ago: %v", err)
	}
	w = Watch{time.Now().Add(-patience - time.Second)}
	if err := w.Came(false); !errors.Is(err, errLost) {
		t.Errorf("nothing came for long: %v", err)
	}
}

const (
	agreedNCT = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	agreedCT  = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12; client_max_window_bits=15\r\n"
)

// What the server answers about compression has to be what was asked for.
func TestDialJudgesTheAnswer(t *testing.T) {
	for _, tt := range []struct {
		d      Deflate
		answer string
		want   string // of the error
	}{
		{Plain, "", ""},
		{NoTakeover, agreedNCT, ""},
		{Takeover, agreedCT, ""},
		{Takeover, "Sec-WebSocket-Extensions: permessage-deflate\r\n", ""},
		{NoTakeover, "", "does not compress"},
		{Takeover, "", "does not compress"},
		{NoTakeover, "Sec-WebSocket-Extensions: permessage-deflate\r\n", "takes its context over"},
		{Takeover, agreedNCT, "does not take its context over"},
		{Takeover, "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n", "does not take its context over"},
		{Takeover, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12\r\n", "smaller window"},
	} {
		srv := fake.Serve(t, tt.answer, fake.Echo)
		c, err := Dial(Target{Addr: srv.Addr, Path: "/echo", Deflate: tt.d})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%q, %q: %v", tt.d, tt.answer, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%q, %q: %v, want %q", tt.d, tt.answer, err, tt.want)
		}
		if err == nil {
			c.Reset()
		}
	}
	if err := judge("HTTP/1.1 426 Upgrade Required\r\n", Plain); err == nil {
		t.Error("a refusal is taken for a switch")
	}
}

// A client's own address is the one that it was given.
func TestDialFrom(t *testing.T) {
	from := make(chan string, 1)
	srv := fake.Serve(t, "", func(c *fake.Conn) {
		from <- c.RemoteAddr().String()
		fake.Echo(c)
	})
	c, err := Dial(Target{Addr: srv.Addr, Path: "/echo", From: &[4]byte{127, 0, 0, 9}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Reset()
	if got := <-from; !strings.HasPrefix(got, "127.0.0.9:") {
		t.Errorf("the server sees %s, want 127.0.0.9", got)
	}
}

// deflated compresses as a server does that takes its context over.
func deflated(w *flate.Writer, out *bytes.Buffer, p []byte) []byte {
	out.Reset()
	_, _ = w.Write(p)
	_ = w.Flush()
	return bytes.TrimSuffix(bytes.Clone(out.Bytes()), tail)
}

// Verify takes an echo in any frames, masked or not, compressed as was agreed,
// and nothing else.
func TestVerify(t *testing.T) {
	ct := JSON(1<<10, Takeover)
	for _, tt := range []struct {
		name   string
		answer string
		d      Deflate
		l      Load
		handle func(*fake.Conn)
		ok     bool
	}{
		{"an echo", "", Plain, Binary(70_000), fake.Echo, true},
		{"text", "", Plain, MixedText(16 << 10), fake.Echo, true},
		{"in two frames", "", Plain, Binary(100), func(c *fake.Conn) {
			for {
				first, p, err := c.Read()
				if err != nil || c.Write(first&0x7f, p[:10]) != nil || c.Write(0x80, p[10:]) != nil {
					return
				}
			}
		}, true},
		{"with its mask", "", Plain, Binary(100), func(c *fake.Conn) {
			for {
				first, p, err := c.Read()
				if err != nil {
					return
				}
				if _, err := c.Conn.Write(appendFrame(nil, first, p)); err != nil {
					return
				}
			}
		}, true},
		{"other bytes", "", Plain, Binary(100), func(c *fake.Conn) {
			for {
				first, p, err := c.Read()
				if err != nil {
					return
				}
				p[99]++
				if c.Write(first, p) != nil {
					return
				}
			}
		}, false},
		{"a byte less", "", Plain, Binary(100), func(c *fake.Conn) {
			for {
				first, p, err := c.Read()
				if err != nil || c.Write(first, p[:99]) != nil {
					return
				}
			}
		}, false},
		{"only the first", "", Plain, Binary(100), func(c *fake.Conn) {
			if first, p, err := c.Read(); err == nil {
				_ = c.Write(first, p)
				_, _, _ = c.Read()
			}
		}, false},
		{"a pong instead", "", Plain, Binary(100), func(c *fake.Conn) {
			for {
				_, p, err := c.Read()
				if err != nil || c.Write(0x8a, p) != nil {
					return
				}
			}
		}, false},
		{"the same compressed bytes", agreedNCT, NoTakeover, JSON(1<<10, NoTakeover), fake.Echo, true},
		{"and with takeover", agreedCT, Takeover, ct, fake.Echo, true},
		{"compressed, but not asked for", "", Plain, Binary(100), func(c *fake.Conn) {
			for {
				first, p, err := c.Read()
				if err != nil || c.Write(first|0x40, p) != nil {
					return
				}
			}
		}, false},
		{"asked for, but not compressed", agreedCT, Takeover, ct, func(c *fake.Conn) {
			for _, p := range ct.Data {
				if _, _, err := c.Read(); err != nil || c.Write(0x81, p) != nil {
					return
				}
			}
		}, false},
		{"with a context of the server's own", agreedCT, Takeover, ct, func(c *fake.Conn) {
			var out bytes.Buffer
			w, _ := flate.NewWriter(&out, 9)
			for _, p := range ct.Data {
				if _, _, err := c.Read(); err != nil || c.Write(0xc1, deflated(w, &out, p)) != nil {
					return
				}
			}
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := fake.Serve(t, tt.answer, tt.handle)
			err := Verify(Target{Addr: srv.Addr, Path: "/echo", Deflate: tt.d}, tt.l)
			if (err == nil) != tt.ok {
				t.Errorf("%v, want good: %t", err, tt.ok)
			}
		})
	}
}
