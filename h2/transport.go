package h2

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"github.com/wye-org/wye"
)

// Transport keeps connections to servers and opens streams on them. The zero
// value is ready; set the fields before it is used, and do not copy it. Its
// methods may be called concurrently.
//
// A connection is shared by attempts to the same scheme, host and port that have
// the same TLSConfig and Proxy. Where attempts have NetDials that lead elsewhere
// use a Transport for each.
type Transport struct {
	// MaxConns is how many connections are kept to one server. Where they are
	// full a new stream waits. 0: 4.
	MaxConns int

	// MaxStreams is how many streams a connection carries at a time, if the
	// server does not say fewer. 0: 100.
	MaxStreams int

	// Window is how many bytes a stream receives ahead of its reader, which is
	// also what it may hold. 0: 256 KiB; 64 KiB at least.
	Window int

	// IdleTimeout is how long a connection without streams is kept. 0: 30
	// seconds.
	IdleTimeout time.Duration

	pool
}

func (t *Transport) maxConns() int   { return or(t.MaxConns, 4) }
func (t *Transport) maxStreams() int { return or(t.MaxStreams, 100) }
func (t *Transport) window() int     { return min(max(or(t.Window, 256<<10), initialWindow), maxWindow) }

func (t *Transport) idleTimeout() time.Duration {
	if t.IdleTimeout > 0 {
		return t.IdleTimeout
	}
	return 30 * time.Second
}

func or(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// ErrNoConnect says that a server speaks HTTP/2 and does not announce extended
// CONNECT, by SETTINGS_ENABLE_CONNECT_PROTOCOL: it takes no WebSocket over it.
var ErrNoConnect = errors.New("h2: the server does not announce extended CONNECT")

// ErrNoHTTP2 says that a TLS server did not choose HTTP/2.
var ErrNoHTTP2 = errors.New("h2: the server does not choose HTTP/2")

// ErrClosed is what a closed [Transport] returns.
var ErrClosed = errors.New("h2: the Transport is closed")

// maxTries is how many streams are asked for where a server says that it has not
// looked at a request.
const maxTries = 3

// Name is "h2".
func (t *Transport) Name() string { return "h2" }

// Open implements [wye.Carrier]: it asks for the first of a.Tokens. An https URL
// is of a server that chooses h2 by ALPN, an http one of a server that is known
// to speak HTTP/2.
//
// A request that the server has not processed, as it says by GOAWAY or
// REFUSED_STREAM, is sent again, on another connection if need be. RFC 9113
// section 8.7.
func (t *Transport) Open(ctx context.Context, a *wye.Attempt) (wye.Conn, *http.Response, error) {
	for try := 1; ; try++ {
		c, err := t.reserve(ctx, a)
		if err != nil {
			return nil, nil, fail(ctx, a, err)
		}
		if err := a.Begin(ctx); err != nil {
			c.release()
			return nil, nil, fail(ctx, a, err)
		}
		s, resp, err := c.open(ctx, a)
		var refused *wye.RefusedError
		switch {
		case err == nil:
			return s, resp, nil
		case errors.As(err, &refused):
			return nil, resp, refused
		case !errors.Is(err, errUnprocessed) || try == maxTries:
			return nil, resp, fail(ctx, a, err)
		}
	}
}

// stageError is a failure before the handshake.
type stageError struct {
	stage wye.Stage
	error
}

func (e *stageError) Unwrap() error { return e.error }

// fail makes a [wye.DialError] of err.
func fail(ctx context.Context, a *wye.Attempt, err error) error {
	stage := wye.StageHandshake
	var at *stageError
	if errors.As(err, &at) {
		stage, err = at.stage, at.error
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = errors.Join(cause, err)
	}
	return &wye.DialError{Stage: stage, URL: wye.DisplayURL(a.Request.URL.String()), Err: err}
}

// Close ends all connections and their streams, and lets none begin. It returns
// when their goroutines have ended.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	var conns []*conn
	for _, s := range t.sites {
		conns = append(conns, s.conns...)
	}
	t.changedLocked()
	t.mu.Unlock()
	var ended sync.WaitGroup
	for _, c := range conns {
		ended.Go(func() { // waited for below
			c.fail(http2.ErrCodeNo, ErrClosed)
			c.wait()
		})
	}
	ended.Wait()
	return nil
}
