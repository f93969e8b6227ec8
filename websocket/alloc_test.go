package websocket_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// A message that is echoed allocates nothing: by each way to read, and to be called,
// over sockets, as the server does it under a context that can be cancelled. The
// client is a socket with bytes that are ready, so that all that is counted is the
// server's. A garbage collection may empty pools: that is less than one a message.
func TestServerAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, and drops what is put into pools")
	}
	readInto := func(ctx context.Context, c *websocket.Conn) error { return echo(ctx, c) }
	prepared := websocket.Prepare(websocket.MessageBinary, make([]byte, 300_000))
	answer := func(ctx context.Context, c *websocket.Conn) error {
		for {
			m, err := c.ReadPooled(ctx)
			if err != nil {
				return err
			}
			m.Release()
			if err := c.WritePrepared(ctx, prepared); err != nil {
				return err
			}
		}
	}
	messages := func(ctx context.Context, c *websocket.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}
	for name, x := range map[string]struct {
		opts  websocket.AcceptOptions
		serve func(context.Context, *websocket.Conn) error
		reply int // bytes of payload; 0: as many as were sent
	}{
		"ReadInto":           {serve: readInto},
		"ReadInto, detached": {serve: readInto, opts: websocket.AcceptOptions{Detach: true}},
		"ReadPooled":         {serve: echoPooled},
		"Messages":           {serve: messages},
		"WritePrepared":      {serve: answer, reply: 300_000},
		"Loop":               {opts: websocket.AcceptOptions{Loop: echoLoop()}},
	} {
		t.Run(name, func(t *testing.T) {
			url := newServer(t, websocket.Handler(x.serve, &x.opts))
			for _, size := range []int{0, 64, 5_000, 16 << 10, 100_000, 1 << 20} {
				nc := rawDial(t, url)
				reply := x.reply
				if reply == 0 {
					reply = size
				}
				out, in := frame(wire.OpBinary, make([]byte, size)), make([]byte, len(wire.AppendHeader(nil, wire.Header{Len: uint64(reply)}))+reply)
				turn := func() {
					nc.Write(out)
					if err := readFull(nc, in); err != nil {
						t.Fatal(err)
					}
				}
				for range 20 {
					turn() // fills the pools
				}
				if n := testing.AllocsPerRun(200, turn); n != 0 {
					t.Errorf("%d bytes: %v allocations a message", size, n)
				}
				nc.Close()
			}
		})
	}
}

// Nor does one over TLS, but for what crypto/tls allocates with each record it reads.
func TestTLSAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, and drops what is put into pools")
	}
	srv := httptest.NewTLSServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error { return echo(ctx, c) }, nil))
	defer srv.Close()
	c := dialTo(t, srv, nil)
	p, dst := make([]byte, 64), make([]byte, 0, 100)
	turn := func() {
		if err := c.Write(t.Context(), websocket.MessageBinary, p); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadInto(t.Context(), dst); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		turn()
	}
	if n := testing.AllocsPerRun(500, turn); n > 2 {
		t.Errorf("%v allocations, want one at each end, where crypto/tls reads a record", n)
	}
}
