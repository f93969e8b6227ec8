package connsuite

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
)

// moment is how long something is given that must not happen, or that ends a
// wait which would be endless.
const moment = 20 * time.Millisecond

// A read whose context ends leaves the connection as it was, over and over.
func testCancelledReads(t *testing.T, c Carrier) {
	c.both(t, nil, nil, func(t *testing.T, from, to *websocket.Conn) {
		for i := range 4 {
			ctx, cancel := context.WithTimeout(within(t), moment)
			if _, _, err := to.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("read %d: %v", i, err)
			}
			cancel()
			if _, _, err := to.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("read %d, begun late: %v", i, err)
			}
			want := filler(1000 * i)
			if err := from.Write(within(t), websocket.MessageText, want); err != nil {
				t.Fatal(err)
			}
			if _, got, err := to.Read(within(t)); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("message %d: %d bytes, %v", i, len(got), err)
			}
		}
	})
}

// full writes until there is no room for a moment, and returns how many messages
// were taken.
func full(t *testing.T, c *websocket.Conn, p []byte) (n int) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(within(t), 5*moment)
		err := c.Write(ctx, websocket.MessageBinary, p)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return n
		case err != nil:
			t.Fatal(err)
		}
		if n++; n*len(p) > 256<<20 {
			t.Fatal("256 MiB were taken that nobody reads")
		}
	}
}

// Where nobody reads, what is taken is bounded; a write that was given up has
// sent nothing, and all others arrive.
func testBackpressure(t *testing.T, c Carrier) {
	patient := websocket.Options{WriteTimeout: -1, PingInterval: -1}
	c.both(t, &patient, &websocket.AcceptOptions{Options: patient}, func(t *testing.T, from, to *websocket.Conn) {
		p := filler(64 << 10)
		n := full(t, from, p)
		for i := range n {
			if _, got, err := to.Read(within(t)); err != nil || !bytes.Equal(got, p) {
				t.Fatalf("message %d of %d: %d bytes, %v", i, n, len(got), err)
			}
		}
		if err := from.Write(within(t), websocket.MessageText, []byte("behind")); err != nil {
			t.Fatal(err)
		}
		if _, got, err := to.Read(within(t)); err != nil || string(got) != "behind" {
			t.Errorf("%.20q, %v", got, err)
		}
	})
}

// One connection that nobody reads does not hold up another to the same server.
func testSlowReader(t *testing.T, c Carrier) {
	patient := websocket.Options{WriteTimeout: -1, PingInterval: -1}
	stuck := make(chan *websocket.Conn, 2)
	s := c.serve(t, func(ctx context.Context, sv *websocket.Conn) error {
		if sv.Request().URL.Path == "/stuck" {
			stuck <- sv
			<-sv.Done()
			return nil
		}
		return echo(ctx, sv)
	}, &websocket.AcceptOptions{Options: patient})
	opts := func() *websocket.DialOptions { return &websocket.DialOptions{Options: patient} }
	up := c.dial(t, s.URL+"/stuck", opts())
	full(t, up, filler(64<<10))
	one := <-stuck
	c.dial(t, s.URL+"/stuck", opts()) // does not read, too
	two := <-stuck
	full(t, two, filler(64<<10))
	t.Cleanup(func() { // nobody listens there who would notice the end
		one.CloseNow()
		two.CloseNow()
	})

	other := c.dial(t, s.URL, opts())
	for range 3 {
		exchange(t, other, websocket.MessageBinary, filler(600_000))
	}
}

// A peer that takes nothing loses the connection.
func testWriteTimeout(t *testing.T, c Carrier) {
	patient := websocket.Options{WriteTimeout: -1, PingInterval: -1}
	hasty := websocket.Options{WriteTimeout: 200 * time.Millisecond, PingInterval: -1, CloseTimeout: time.Second}
	test := func(t *testing.T, from *websocket.Conn) {
		ctx, p := within(t), filler(64<<10)
		for {
			if err := from.Write(ctx, websocket.MessageBinary, p); err != nil {
				if ce := closeError(t, err); ce.Code != websocket.StatusAbnormalClosure || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error(err)
				}
				break
			}
		}
		ended(t, from)
	}
	t.Run("client", func(t *testing.T) {
		t.Parallel()
		c.needsReads(t) // callbacks take what comes
		cl, _ := c.pair(t, &hasty, &websocket.AcceptOptions{Options: patient})
		test(t, cl)
	})
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		_, sv := c.pair(t, &patient, &websocket.AcceptOptions{Options: hasty})
		test(t, sv)
	})
}

// Pings are answered, also where nobody reads, and silence is no end.
func testKeepalive(t *testing.T, c Carrier) {
	never := websocket.Options{PingInterval: -1}
	c.both(t, &never, &websocket.AcceptOptions{Options: never}, func(t *testing.T, from, _ *websocket.Conn) {
		for range 2 {
			if rtt, err := from.Ping(within(t)); err != nil || rtt <= 0 {
				t.Fatal(rtt, err)
			}
		}
	})
	often := websocket.Options{PingInterval: moment, PongTimeout: patience}
	c.both(t, &often, &websocket.AcceptOptions{Options: often}, func(t *testing.T, from, to *websocket.Conn) {
		c.needsReads(t)
		reading := make(chan error, 1)
		go func() { // received below
			_, _, err := from.Read(within(t))
			reading <- err
		}()
		ctx := within(t)
		for from.RTT() == 0 { // a keepalive ping was answered
			select {
			case err := <-reading:
				t.Fatal(err)
			case <-ctx.Done():
				t.Fatal("no keepalive ping is answered")
			case <-time.After(moment):
			}
		}
		if err := to.Write(within(t), websocket.MessageText, nil); err != nil {
			t.Error(err)
		}
		if err := <-reading; err != nil {
			t.Error(err)
		}
	})
}

// What is too long ends the connection with 1009, which the sender learns.
func testLimits(t *testing.T, c Carrier) {
	c.needsReads(t)
	small := websocket.Options{MaxMessage: 1000, CloseTimeout: 5 * time.Second}
	c.both(t, &small, &websocket.AcceptOptions{Options: small}, func(t *testing.T, from, to *websocket.Conn) {
		from.Write(within(t), websocket.MessageBinary, filler(1000))
		from.Write(within(t), websocket.MessageBinary, filler(100_000))
		if _, p, err := to.Read(within(t)); err != nil || len(p) != 1000 {
			t.Fatalf("%d bytes, %v", len(p), err)
		}
		_, _, err := to.Read(within(t))
		if ce := closeError(t, err); ce.Code != websocket.StatusMessageTooBig || ce.Remote {
			t.Error(err)
		}
		_, _, err = from.Read(within(t))
		if ce := closeError(t, err); ce.Code != websocket.StatusMessageTooBig || !ce.Remote {
			t.Error(err)
		}
		ended(t, from)
		ended(t, to)
	})
}
