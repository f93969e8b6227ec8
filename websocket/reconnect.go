package websocket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/wye-org/wye"
)

// ReconnectOptions are [Reconnect]'s. The zero value is the default.
//
// The hooks are called one at a time, by the goroutine that called Reconnect and
// never after it has returned.
type ReconnectOptions struct {
	DialOptions // of each attempt

	// Dial opens a connection. nil: the function [Dial]. It may change opts,
	// which are a copy of its own, and the url, for credentials that are good
	// once.
	Dial func(ctx context.Context, url string, opts *DialOptions) (*Conn, *http.Response, error)

	// BackoffBase and BackoffMax bound the wait before an attempt: it is random
	// between 0 and BackoffBase before the first, and the upper end doubles
	// with each further one, up to BackoffMax. 0: 5 seconds and a minute.
	BackoffBase time.Duration
	BackoffMax  time.Duration

	// StableAfter is how long a connection has to live for the back-off to
	// begin anew after it. 0: 30 seconds.
	StableAfter time.Duration

	// RestartSpread is the least upper end of the wait after a Close with 1012,
	// service restart, when all clients of a server come back together. 0: 10
	// seconds.
	RestartSpread time.Duration

	// OverloadDelay is waited after a Close with 1013, try again later, before
	// the back-off's own wait. 0: 30 seconds.
	OverloadDelay time.Duration

	// MaxRetryAfter bounds what a refusal with 429 or 503 can ask for with
	// Retry-After, which is waited before the back-off's own wait. 0: 15
	// minutes.
	MaxRetryAfter time.Duration

	// MaxAttempts bounds the attempts in a row that come to no connection, or
	// to one that lives for less than StableAfter. 0: no bound.
	MaxAttempts int

	// Retry reports whether to go on after err, which is as in
	// [ShouldReconnect]. nil: that function.
	Retry func(err error) bool

	// OnConnect is called for each connection before it is handled: to
	// subscribe again, to send again what may not have arrived. If it fails it
	// is as if the handler had. nil: nothing.
	OnConnect func(ctx context.Context, c *Conn) error

	// OnDisconnect is called for each connection after it has ended: err is why,
	// or nil if the handler was content. nil: nothing.
	OnDisconnect func(err error)

	// OnWait is called before each wait, with why there is no connection and
	// when the next attempt will be. nil: nothing.
	OnWait func(err error, delay time.Duration)
}

// Reconnect connects to url, calls handle with the connection and closes it
// after; when it ended against handle's will it does so again, until
//
//   - handle returns nil: then so does Reconnect,
//   - ctx ends: then ctx's error is returned,
//   - [ReconnectOptions.Retry] says that trying again is of no use, or
//     MaxAttempts is reached: then the last error is returned.
//
// Between attempts it waits, with full jitter, as the options say. Nothing that
// was written to a connection is sent again on the next one: what handle or
// OnConnect writes is all there is.
//
// The context that handle gets ends with ctx, and when the connection does: its
// cause is the [*CloseError] then. handle should return soon after. Whatever
// error it returns when the connection has ended stands for that end; on a
// living connection it is an error of handle's own. The connection is closed
// with 1000 if handle returns nil, with 1001 if ctx has ended, else with 1011,
// which takes CloseTimeout at the most.
//
// nil opts are the default. When Reconnect returns no goroutine of it is left.
func Reconnect(ctx context.Context, url string, handle func(ctx context.Context, c *Conn) error, opts *ReconnectOptions) error {
	if handle == nil {
		return errors.New("websocket: Reconnect without a function to handle connections")
	}
	if opts == nil {
		opts = new(ReconnectOptions)
	}
	r := &reconnecting{ReconnectOptions: opts, url: url, handle: handle}
	b := backoff{ReconnectOptions: opts}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		lived, err := r.attempt(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !r.retry(err):
			return err
		}
		delay, ok := b.next(lived, err)
		if !ok {
			return fmt.Errorf("websocket: gave up at attempt %d: %w", b.failures, err)
		}
		if opts.OnWait != nil {
			opts.OnWait(err, delay)
		}
		sleep(ctx, delay)
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// reconnecting is what stays the same from one connection to the next.
type reconnecting struct {
	*ReconnectOptions
	url    string
	handle func(ctx context.Context, c *Conn) error
}

func (r *reconnecting) retry(err error) bool {
	if r.Retry != nil {
		return r.Retry(err)
	}
	return ShouldReconnect(err)
}

// attempt is one connection, from dialling to its end. It returns how long the
// connection lived, and why it ended; nil: handle was content.
func (r *reconnecting) attempt(ctx context.Context) (lived time.Duration, err error) {
	c, err := r.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer c.CloseNow() // if a hook panics
	began := time.Now()
	err = r.serve(ctx, c)
	lived = time.Since(began)
	err = r.end(ctx, c, err)
	if r.OnDisconnect != nil {
		r.OnDisconnect(err)
	}
	return lived, err
}

// dial opens a connection. Its error is one of those that ShouldReconnect knows.
func (r *reconnecting) dial(ctx context.Context) (*Conn, error) {
	dial, opts := r.Dial, r.DialOptions
	if dial == nil {
		dial = Dial
	}
	opts.Header = opts.Header.Clone()
	c, _, err := dial(ctx, r.url, &opts)
	switch {
	case err == nil && c != nil:
		return c, nil
	case err == nil:
		err = errors.New("ReconnectOptions.Dial returned no connection")
	case errors.As(err, new(*wye.DialError)), errors.As(err, new(*wye.RefusedError)), errors.As(err, new(*CloseError)):
		return nil, err
	}
	return nil, &wye.DialError{Stage: wye.StageConnect, URL: wye.DisplayURL(r.url), Err: err}
}

// serve calls the hook and the handler under a context that ends with the
// connection.
func (r *reconnecting) serve(ctx context.Context, c *Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { // ends with serve
		select {
		case <-c.Done():
			cancel(c.Err())
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer cancel(nil)
	if r.OnConnect != nil {
		if err := r.OnConnect(ctx, c); err != nil {
			return err
		}
	}
	return r.handle(ctx, c)
}

// end closes c and returns what to make of the error that handling it came to.
func (r *reconnecting) end(ctx context.Context, c *Conn, err error) error {
	code := StatusInternalError
	switch {
	case err == nil:
		code = StatusNormalClosure
	case ctx.Err() != nil:
		code = StatusGoingAway
	default:
		if errors.As(err, new(*CloseError)) {
			hearOut(ctx, c)
		}
		err = because(c.Err(), err)
	}
	c.Close(context.WithoutCancel(ctx), code, "")
	return err
}

// hearOutFor is how long what came before the end is waited for.
const hearOutFor = time.Second

// hearOut reads on where writing has failed: what came last may be a Close frame
// that says why, and when to come back.
func hearOut(ctx context.Context, c *Conn) {
	ctx, cancel := context.WithTimeout(ctx, hearOutFor)
	defer cancel()
	for ctx.Err() == nil && c.Err() == nil {
		c.Read(ctx)
	}
}

// because is err of a connection that ended with closed; nil: it has not.
func because(closed, err error) error {
	switch {
	case closed == nil || errors.Is(err, closed):
		return err
	case errors.As(err, new(*CloseError)) || errors.Is(err, context.Canceled):
		return closed // which says more
	}
	return fmt.Errorf("%w; its handler: %w", closed, err)
}
