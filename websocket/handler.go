package websocket

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/wye-org/wye"
)

// Endpoint serves WebSocket connections: as an [http.Handler], and as a
// [wye.Protocol] where a [wye.Switch] has other protocols beside it. Make one
// with [Handler].
type Endpoint struct {
	serve func(ctx context.Context, c *Conn) error
	opts  AcceptOptions
}

// Handler returns an Endpoint that calls serve for each connection and closes it
// after: with 1000 if serve returns nil; with 1011, and a line in the log, if it
// returns an error of its own or panics. A panic goes on to net/http. nil opts
// are the default; they are copied.
//
// With a Loop in opts it is the Loop's callbacks that serve the connection, and
// serve may be nil. Only in a [wye.Switch] does net/http's handler wait then.
//
// ctx ends when the server wants the connection gone at once, and after serve
// has returned. That the server drains is no reason: then the connection is
// closed under serve, whose next Read says so.
func Handler(serve func(ctx context.Context, c *Conn) error, opts *AcceptOptions) *Endpoint {
	e := &Endpoint{serve: serve}
	if opts != nil {
		e.opts = *opts
		e.opts.set = opts.settings(false)
	}
	return e
}

// ServeHTTP implements [http.Handler]. It returns when serve has, unless
// [AcceptOptions] says Detach.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := Accept(w, r, &e.opts)
	if err != nil {
		return // answered and logged
	}
	switch {
	case r.ProtoMajor == 2 && e.opts.Loop != nil:
		<-c.Done() // the stream would end with this handler
		return
	case e.opts.Loop != nil:
		return // the Loop serves it
	case r.ProtoMajor == 2 && e.opts.Detach:
		e.runDetached(c) // likewise
		return
	case e.opts.Detach:
		go e.runDetached(c) // the connection's: see AcceptOptions.Detach
		return
	}
	e.run(r.Context(), c)
}

// runDetached serves c where net/http does not see it.
func (e *Endpoint) runDetached(c *Conn) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			e.opts.logger().LogAttrs(context.Background(), slog.LevelError, "websocket handler panicked",
				slog.String("path", c.Request().URL.Path), slog.String("remote", c.Request().RemoteAddr),
				slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		}
	}()
	ctx, cancel := context.WithCancelCause(c.Request().Context())
	defer cancel(nil)
	c.onEnd(cancel)
	e.serveAndClose(handlerContext{ctx, c}, c)
}

// handlerContext is the context of a detached handler: nothing ends it while conn
// lives, so reads of conn need not be told.
type handlerContext struct {
	context.Context
	conn *Conn
}

// Check implements [wye.Protocol].
func (e *Endpoint) Check(r *http.Request, _ wye.Token) (*wye.Agreement, error) {
	h, err := opening(r, &e.opts)
	if err != nil {
		if e.opts.Hooks.Refused != nil {
			e.opts.Hooks.Refused(r, err)
		}
		return nil, err
	}
	return &wye.Agreement{
		Header:    h.header,
		Principal: h.pass.Principal,
		Cancel:    h.cancel,
		Serve: func(ctx context.Context, r *wye.Request, nc wye.Conn) error {
			c := h.conn(nc, &e.opts, r)
			if e.opts.Loop == nil {
				e.run(ctx, c)
				return nil // logged
			}
			select {
			case <-c.Done():
			case <-ctx.Done(): // it is to be gone at once
				c.CloseNow()
				<-c.Done()
			}
			return nil
		},
	}, nil
}

// run serves c and closes it, under a context that ends then too.
func (e *Endpoint) run(ctx context.Context, c *Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.serveAndClose(ctx, c)
}

// serveAndClose serves c and closes it.
func (e *Endpoint) serveAndClose(ctx context.Context, c *Conn) {
	returned := false
	defer func() {
		if !returned { // a panic, which goes on
			c.Close(context.WithoutCancel(ctx), StatusInternalError, "")
		}
	}()
	err := e.serve(ctx, c)
	returned = true
	code := StatusNormalClosure
	if err != nil {
		code = StatusInternalError
		e.log(c, err)
	}
	c.Close(context.WithoutCancel(ctx), code, "")
}

// log says what serve returned, unless that was the connection's own end.
func (e *Endpoint) log(c *Conn, err error) {
	level := slog.LevelError
	var closed *CloseError
	if errors.As(err, &closed) {
		level = slog.LevelDebug
	}
	e.opts.logger().LogAttrs(context.Background(), level, "websocket handler failed",
		slog.String("path", c.Request().URL.Path), slog.String("remote", c.Request().RemoteAddr), slog.Any("err", err))
}
