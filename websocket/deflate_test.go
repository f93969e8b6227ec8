package websocket_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// compressible is n bytes of text that says much again.
func compressible(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"id":%d,"name":"member %d","here":true},`, i, i%17)
	}
	return b.Bytes()[:n]
}

func TestCompressedEcho(t *testing.T) {
	for _, d := range []websocket.Deflate{
		{Enabled: true},
		{Enabled: true, Threshold: -1},
		{Enabled: true, ServerNoTakeover: true, ClientNoTakeover: true},
		{Enabled: true, ServerMaxWindowBits: 9, ClientMaxWindowBits: 9, Threshold: -1},
		{Enabled: true, ServerMaxWindowBits: 15, ClientNoTakeover: true, Level: 9},
	} {
		opt := websocket.Options{Deflate: d, MaxMessage: 2 << 20}
		url := newServer(t, websocket.Handler(echo, &websocket.AcceptOptions{Options: opt}))
		c := dial(t, url, &websocket.DialOptions{Options: opt})
		if !c.Compressed() || !strings.HasPrefix(c.Extensions(), "permessage-deflate") {
			t.Errorf("%+v: agreed on %q", d, c.Extensions())
		}
		for range 2 { // the second time the window is taken over
			for _, n := range []int{0, 1, 511, 512, 5000, 100_000} {
				want := compressible(n)
				c.Write(t.Context(), websocket.MessageText, want)
				c.WritePlain(t.Context(), websocket.MessageText, want)
				c.WritePrepared(t.Context(), websocket.Prepare(websocket.MessageText, want))
				w, _ := c.Writer(t.Context(), websocket.MessageText)
				w.Write(want)
				w.Close()
				for range 4 {
					if _, p, err := c.Read(t.Context()); err != nil || !bytes.Equal(p, want) {
						t.Fatalf("%+v: %d bytes: %d, %v", d, n, len(p), err)
					}
				}
			}
		}
		if err := c.Close(t.Context(), 1000, ""); err != nil {
			t.Error(err)
		}
	}
}

// Both have to want it.
func TestCompressionIsOffByDefault(t *testing.T) {
	on := websocket.Options{Deflate: websocket.Deflate{Enabled: true}}
	for _, x := range []struct{ client, server websocket.Options }{{}, {client: on}, {server: on}} {
		url := newServer(t, websocket.Handler(echo, &websocket.AcceptOptions{Options: x.server}))
		c, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Options: x.client})
		if err != nil {
			t.Fatal(err)
		}
		if ext := resp.Header.Get("Sec-WebSocket-Extensions"); c.Compressed() || c.Extensions() != "" || ext != "" {
			t.Errorf("agreed on %q", ext)
		}
		c.CloseNow()
	}
}

// Fewer bytes go over the wire, unless the message is to be plain.
func TestCompressionSaves(t *testing.T) {
	on := websocket.Options{Deflate: websocket.Deflate{Enabled: true}}
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		c.Write(ctx, websocket.MessageText, compressible(10_000))
		c.WritePlain(ctx, websocket.MessageText, compressible(10_000))
		return nil
	}, &websocket.AcceptOptions{Options: on}))
	head := strings.Replace(clientHead, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1)
	raw := rawDialHead(t, url, head)
	frame := func() (rsv1 bool, n int) {
		b := make([]byte, 4)
		if err := readFull(raw, b); err != nil || b[1] != 126 {
			t.Fatalf("% x, %v", b, err)
		}
		n = int(b[2])<<8 | int(b[3])
		io.CopyN(io.Discard, raw, int64(n))
		return b[0]&0x40 != 0, n
	}
	if rsv1, n := frame(); !rsv1 || n > 3000 {
		t.Errorf("compressed: RSV1 %v, %d bytes", rsv1, n)
	}
	if rsv1, n := frame(); rsv1 || n != 10_000 {
		t.Errorf("plain: RSV1 %v, %d bytes", rsv1, n)
	}
}

// CVE-2026-1526: a little that inflates to much fails at the limit.
func TestDeflateBomb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := websocket.Deflate{Enabled: true}
		c, s := websocket.Pipe(&websocket.Options{Deflate: d}, &websocket.Options{Deflate: d, MaxMessage: 100_000})
		defer closeBoth(c, s)
		go c.Read(t.Context())
		c.Write(t.Context(), websocket.MessageBinary, make([]byte, 100_001))
		if _, _, err := s.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
			t.Error(err)
		}
	})
}

// What connections hold is given back when they end, whoever ends them.
func TestBudgetIsGivenBack(t *testing.T) {
	budget := wire.NewBudget(1 << 20)
	on := websocket.Options{Deflate: websocket.Deflate{Enabled: true, Budget: budget}}
	url := newServer(t, websocket.Handler(echo, &websocket.AcceptOptions{Options: on}))
	var conns []*websocket.Conn
	for range 5 {
		conns = append(conns, dial(t, url, &websocket.DialOptions{Options: on}))
	}
	if budget.Used() == 0 {
		t.Error("nothing is reserved")
	}
	for i, c := range conns {
		if i%2 == 0 {
			c.CloseNow()
		} else {
			c.Close(t.Context(), 1000, "")
		}
	}
	for deadline := time.Now().Add(10 * time.Second); budget.Used() != 0; runtime.Gosched() { // the server's ends notice soon
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are still reserved", budget.Used())
		}
	}
}

func TestCompressedEchoAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, d := range []websocket.Deflate{{Enabled: true}, {Enabled: true, ServerNoTakeover: true, ClientNoTakeover: true}} {
		on := websocket.Options{Deflate: d}
		url := newServer(t, websocket.Handler(echo, &websocket.AcceptOptions{Options: on}))
		c := dial(t, url, &websocket.DialOptions{Options: on})
		p, dst := compressible(2000), make([]byte, 0, 4000)
		turn := func() {
			c.Write(t.Context(), websocket.MessageText, p)
			if _, _, err := c.ReadInto(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			turn()
		}
		if n := testing.AllocsPerRun(1000, turn); n > 0 {
			t.Errorf("%+v: %v allocations a message", d, n)
		}
	}
}
