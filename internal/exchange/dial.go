package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Conn is a new connection. Until the response's head has come, it is
// interrupted when its context ends or time is up.
type Conn struct {
	net.Conn
	Context context.Context
	cancel  context.CancelFunc
	stop    func() bool // ends the interrupting; false: it has come to that
}

// Dialer opens the transport connection. nil: a [net.Dialer].
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Dial opens a connection that has timeout for everything; 0: 10 seconds. The
// caller ends it by Fail, or goes on after Arrived.
func (dial Dialer) Dial(ctx context.Context, network, address string, timeout time.Duration) (*Conn, error) {
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	c, err := dial(ctx, network, address)
	if err != nil {
		cancel()
		return nil, err
	}
	return &Conn{c, ctx, cancel, interrupt(ctx, c)}, nil
}

// past as a deadline interrupts what is under way.
var past = time.Unix(1, 0)

// interrupt has the end of ctx interrupt what is read from and written to c.
func interrupt(ctx context.Context, c net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { c.SetDeadline(past) })
}

// Fail closes c and returns err, with the reason if c was interrupted.
func (c *Conn) Fail(err error) error {
	c.stop()
	if ctxErr := c.Context.Err(); ctxErr != nil && !errors.Is(err, ctxErr) {
		err = fmt.Errorf("%w (%w)", ctxErr, err)
	}
	c.cancel()
	c.Conn.Close()
	return err
}

// Arrived says that the response's head has come. An error says that it has not
// come in time; then c is closed.
func (c *Conn) Arrived() error {
	if !c.stop() {
		return c.Fail(c.Context.Err()) // in the same moment: the deadline may be set
	}
	c.cancel()
	return nil
}

// Speak has transport send r over what lies on c, and returns what is left for
// further requests, with the response. It sets the transport's DialContext. On an
// error c is closed.
func (c *Conn) Speak(transport *http.Transport, on net.Conn, r *http.Request) (*http.ClientConn, *http.Response, error) {
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return on, nil }
	cc, err := transport.NewClientConn(c.Context, "http", Address(r))
	if err != nil {
		return nil, nil, c.Fail(err)
	}
	resp, err := cc.RoundTrip(r)
	if err != nil {
		cc.Close()
		return nil, nil, c.Fail(err)
	}
	if err := c.Arrived(); err != nil {
		resp.Body.Close()
		cc.Close()
		return nil, nil, err
	}
	return cc, resp, nil
}

// Address is where r is sent to: host:port.
func Address(r *http.Request) string {
	port := r.URL.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(r.URL.Hostname(), port)
}

// Unswitched returns the response of a server that did not switch. The connection
// ends with its body, or with r's context. On an error c is closed.
func (c *Conn) Unswitched(a *Answer, r *http.Request) (*http.Response, error) {
	if err := c.Arrived(); err != nil {
		return nil, err
	}
	a.Response.Body = &lastBody{a.Response.Body, c.Conn, interrupt(r.Context(), c.Conn)}
	return a.Response, nil
}

// lastBody is a body whose connection ends with it.
type lastBody struct {
	io.Reader
	c    net.Conn
	stop func() bool
}

// Close does not wait for the rest of the body.
func (b *lastBody) Close() error {
	b.stop()
	return b.c.Close()
}
