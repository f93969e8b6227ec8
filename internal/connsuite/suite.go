// Package connsuite is what has to hold of a [websocket.Conn] whatever its bytes
// go over. A carrier runs it from a test of its own:
//
//	func TestConnOverHTTP1(t *testing.T) {
//		connsuite.Run(t, connsuite.Carrier{Name: "h1", Serve: serve})
//	}
//
// Its connections are real ones. Where something has to be waited for, it waits
// for the thing and not for a time; what must not happen is given a moment.
package connsuite

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

// Carrier is how the suite gets at connections.
type Carrier struct {
	// Name is what Conn.Carrier says on both ends.
	Name string

	// Serve serves e on every path until the test ends.
	Serve func(t *testing.T, e *websocket.Endpoint) Server

	// Callbacks says that the servers' ends have those of a [websocket.Loop], so
	// that the tests that read there are left out.
	Callbacks bool

	// Dial opens a connection to a server's URL. nil: websocket.Dial. What it
	// needs beyond opts it adds.
	Dial func(ctx context.Context, url string, opts *websocket.DialOptions) (*websocket.Conn, error)
}

// Server is one that Serve has started.
type Server struct {
	URL string

	// Shutdown ends it, as [wye.Shutdown] does. nil: the tests of that are
	// skipped.
	Shutdown func(ctx context.Context, d wye.Drain) (wye.DrainCounts, error)

	// Kill cuts all its connections. nil: as above.
	Kill func()
}

// Run runs the suite.
func Run(t *testing.T, c Carrier) {
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, url string, opts *websocket.DialOptions) (*websocket.Conn, error) {
			conn, _, err := websocket.Dial(ctx, url, opts)
			return conn, err
		}
	}
	for _, x := range []struct {
		name string
		test func(t *testing.T, c Carrier)
	}{
		{"Opening", testOpening},
		{"Refusal", testRefusal},
		{"Messages", testMessages},
		{"Fragments", testFragments},
		{"Streaming", testStreaming},
		{"Deflate", testDeflate},
		{"ConcurrentWrites", testConcurrentWrites},
		{"ManyConnections", testManyConnections},
		{"CancelledReads", testCancelledReads},
		{"Backpressure", testBackpressure},
		{"SlowReader", testSlowReader},
		{"WriteTimeout", testWriteTimeout},
		{"Keepalive", testKeepalive},
		{"Limits", testLimits},
		{"CloseHandshake", testCloseHandshake},
		{"CloseFlushes", testCloseFlushes},
		{"CloseAtOnce", testCloseAtOnce},
		{"CloseNow", testCloseNow},
		{"NetConn", testNetConn},
		{"HandlerEnds", testHandlerEnds},
		{"Shutdown", testShutdown},
		{"Kill", testKill},
	} {
		t.Run(x.name, func(t *testing.T) { x.test(t, c) })
	}
}

// patience is how long a busy machine may take for what is bound to happen.
const patience = 30 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// within is a context that ends with the test, or when it has taken too long.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// echo sends every message back.
func echo(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return c.Err()
}

// serveEcho serves echo with opts, and dials it.
func (c Carrier) serveEcho(t *testing.T, client *websocket.DialOptions, server *websocket.AcceptOptions) *websocket.Conn {
	t.Helper()
	return c.dial(t, c.serveEchoes(t, server).URL, client)
}

// serveEchoes serves echo with opts.
func (c Carrier) serveEchoes(t *testing.T, opts *websocket.AcceptOptions) Server {
	t.Helper()
	if !c.Callbacks {
		return c.serve(t, echo, opts)
	}
	return c.serveLoop(t, &websocket.Loop{Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		if err := c.Write(t.Context(), typ, p); err != nil && websocket.CloseStatus(err) == 0 {
			t.Error(err)
		}
	}}, opts)
}

// serveLoop serves l with opts.
func (c Carrier) serveLoop(t *testing.T, l *websocket.Loop, opts *websocket.AcceptOptions) Server {
	t.Helper()
	own := websocket.AcceptOptions{}
	if opts != nil {
		own = *opts
	}
	own.Loop = l
	return c.serve(t, nil, &own)
}

func (c Carrier) serve(t *testing.T, serve func(context.Context, *websocket.Conn) error, opts *websocket.AcceptOptions) Server {
	t.Helper()
	var own websocket.AcceptOptions
	if opts != nil {
		own = *opts
	}
	own.Logger = quiet
	return c.Serve(t, websocket.Handler(serve, &own))
}

// dial opens a connection that ends with the test.
func (c Carrier) dial(t *testing.T, url string, opts *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	conn, err := c.Dial(within(t), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// pair returns both ends of a connection, for the test to drive. The handler
// returns when the connection has ended.
func (c Carrier) pair(t *testing.T, client *websocket.Options, server *websocket.AcceptOptions) (cl, sv *websocket.Conn) {
	t.Helper()
	accepted := make(chan *websocket.Conn, 1)
	var s Server
	if c.Callbacks {
		s = c.serveLoop(t, &websocket.Loop{Blocking: true, Open: func(sv *websocket.Conn) { accepted <- sv }}, server)
	} else {
		s = c.serve(t, func(_ context.Context, sv *websocket.Conn) error {
			accepted <- sv
			<-sv.Done()
			return nil
		}, server)
	}
	opts := new(websocket.DialOptions)
	if client != nil {
		opts.Options = *client
	}
	cl = c.dial(t, s.URL, opts)
	select {
	case sv = <-accepted:
	case <-within(t).Done():
		t.Fatal("no handler was started")
	}
	t.Cleanup(func() { sv.CloseNow() })
	return cl, sv
}

// both runs f with each end in turn as the one that acts, at the same time.
func (c Carrier) both(t *testing.T, client *websocket.Options, server *websocket.AcceptOptions, f func(t *testing.T, from, to *websocket.Conn)) {
	t.Run("client", func(t *testing.T) {
		t.Parallel()
		c.needsReads(t)
		cl, sv := c.pair(t, client, server)
		f(t, cl, sv)
	})
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		cl, sv := c.pair(t, client, server)
		f(t, sv, cl)
	})
}

// needsReads leaves out a test that reads from the server's end.
func (c Carrier) needsReads(t *testing.T) {
	if c.Callbacks {
		t.Skip("the server's end has callbacks")
	}
}

// closeError is how a connection ended.
func closeError(t *testing.T, err error) *websocket.CloseError {
	t.Helper()
	var ce *websocket.CloseError
	if !errors.As(err, &ce) {
		t.Fatalf("%v: want a CloseError", err)
	}
	return ce
}

// ended waits for the connection's end.
func ended(t *testing.T, c *websocket.Conn) *websocket.CloseError {
	t.Helper()
	select {
	case <-c.Done():
	case <-within(t).Done():
		t.Fatal("the connection does not end")
	}
	return closeError(t, c.Err())
}
