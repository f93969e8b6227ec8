package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/wye-org/wye"
)

// maxInformationals is how many 1xx responses may come before the answer.
const maxInformationals = 8

// Client is the carrier "h3": an extended CONNECT on a QUIC connection of its
// own. The zero Client is ready. It is for https: (and wss:) URLs only.
type Client struct {
	// QUIC is the configuration of connections. nil: one that keeps them alive
	// and has no streams from the server but those of HTTP/3.
	QUIC *quic.Config

	// Resolve says where host:port is: the addresses are tried in turn, each
	// with a share of the time that is left. nil: what DNS says. Without it a
	// dial that has a NetDial fails, because what that hides would show.
	Resolve func(ctx context.Context, address string) ([]netip.AddrPort, error)

	live live
}

// Wait returns when all connections have ended: close them first. Each takes up
// to a second more, in which its last words come through; a program that ends
// sooner may take them with it.
func (c *Client) Wait() { c.live.wait() }

// live counts what has not ended. Unlike those of a [sync.WaitGroup], its methods
// may be called in any order.
type live struct {
	mu   sync.Mutex // guards what is below
	n    int
	none chan struct{} // closed when n is 0 again; made by who waits for that
}

func (l *live) add() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
}

func (l *live) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n--; l.n == 0 && l.none != nil {
		close(l.none)
		l.none = nil
	}
}

func (l *live) wait() {
	l.mu.Lock()
	if l.n == 0 {
		l.mu.Unlock()
		return
	}
	if l.none == nil {
		l.none = make(chan struct{})
	}
	none := l.none
	l.mu.Unlock()
	<-none
}

// Name is "h3".
func (*Client) Name() string { return "h3" }

// Open opens one connection. It fails unless the server's SETTINGS offer
// extended CONNECT.
func (c *Client) Open(ctx context.Context, a *wye.Attempt) (wye.Conn, *http.Response, error) {
	fail := func(stage wye.Stage, err error) error {
		if ctxErr := ctx.Err(); ctxErr != nil && !errors.Is(err, ctxErr) {
			err = fmt.Errorf("%w (%w)", ctxErr, err)
		}
		return &wye.DialError{Stage: stage, URL: wye.DisplayURL(a.Request.URL.String()), Err: err}
	}
	if err := c.refuses(a); err != nil {
		return nil, nil, fail(wye.StageRequest, err)
	}
	qc, err := c.connect(ctx, a)
	if err != nil {
		return nil, nil, fail(stageOf(err), err)
	}
	x, err := newExchange(ctx, qc, a)
	if err != nil {
		hangUp(qc)
		return nil, nil, fail(wye.StageHandshake, err)
	}
	// From here on the end of ctx interrupts reads and writes.
	stop := context.AfterFunc(ctx, x.cancel)
	defer stop()
	resp, err := x.run(ctx)
	var refused *wye.RefusedError
	switch {
	case err == nil && stop():
		return x.conn(c), resp, nil
	case err == nil:
		err = ctx.Err() // in the same moment
	case errors.As(err, &refused):
		hangUp(qc)
		return nil, resp, refused
	}
	x.cancel()
	hangUp(qc)
	return nil, resp, fail(wye.StageHandshake, err)
}

// refuses says why a cannot be had over HTTP/3.
func (c *Client) refuses(a *wye.Attempt) error {
	switch {
	case len(a.Tokens) == 0:
		return errors.New("no upgrade token to ask for")
	case a.Tokens[0].Version != "":
		// ":protocol" is "a single value from the HTTP Upgrade Token Registry",
		// RFC 8441 §4, and a token: the / of a version is none.
		return fmt.Errorf("an extended CONNECT has no versions to ask for %s with", a.Tokens[0])
	case a.Request.URL.Scheme != "https":
		return errors.New("HTTP/3 needs TLS: the URL is not https or wss")
	case a.Proxy != nil:
		return errors.New("the proxy opens tunnels for TCP, HTTP/3 is over UDP")
	case a.NetDial != nil && c.Resolve == nil:
		return errors.New("NetDial opens TCP connections, HTTP/3 is over UDP: set Client.Resolve")
	}
	return nil
}

func (c *Client) connect(ctx context.Context, a *wye.Attempt) (*quic.Conn, error) {
	config := c.QUIC
	if config == nil {
		config = &quic.Config{KeepAlivePeriod: keepAlive, MaxIncomingStreams: -1, EnableStreamResetPartialDelivery: true}
	}
	find := c.Resolve
	if find == nil {
		find = resolve
	}
	addrs, err := find(ctx, hostPort(a.Request.URL))
	if err != nil {
		return nil, err
	}
	return dial(ctx, addrs, tlsConfig(a), config)
}

// keepAlive is half of the idle timeout that quic-go has: an upgraded connection
// may be silent for as long as it likes.
const keepAlive = 15 * time.Second

func tlsConfig(a *wye.Attempt) *tls.Config {
	config := new(tls.Config)
	if a.TLSConfig != nil {
		config = a.TLSConfig.Clone()
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = strings.Cut(a.Request.URL.Hostname(), "%") // without an IPv6 zone
	}
	config.NextProtos = []string{http3.NextProtoH3}
	return config
}

// stageOf tells a failed TLS handshake, which is QUIC's own, from no connection.
func stageOf(err error) wye.Stage {
	var failed *quic.TransportError
	if errors.As(err, &failed) && failed.ErrorCode.IsCryptoError() {
		return wye.StageTLS
	}
	return wye.StageConnect
}

// exchange is the request and its answer.
type exchange struct {
	*http3.RequestStream
	qc *quic.Conn
	a  *wye.Attempt
}

// newExchange waits until the server has said that it takes an extended CONNECT.
func newExchange(ctx context.Context, qc *quic.Conn, a *wye.Attempt) (*exchange, error) {
	maxHead := a.MaxHead
	if maxHead <= 0 {
		maxHead = 16 << 10
	}
	hc := (&http3.Transport{DisableCompression: true, MaxResponseHeaderBytes: maxHead}).NewClientConn(qc)
	select {
	case <-hc.ReceivedSettings():
	case <-qc.Context().Done():
		return nil, context.Cause(qc.Context())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// "…a client MUST NOT send an extended CONNECT request" unless it has
	// received the setting. RFC 9220 §3, RFC 8441 §3
	if !hc.Settings().EnableExtendedConnect {
		return nil, errors.New("the server's SETTINGS do not offer extended CONNECT")
	}
	rs, err := hc.OpenRequestStream(ctx)
	if err != nil {
		return nil, err
	}
	return &exchange{rs, qc, a}, nil
}

// cancel ends both directions, and what is pending in them.
func (x *exchange) cancel() {
	x.CancelWrite(codeCancelled)
	x.CancelRead(codeCancelled)
}

// run asks, and reads the final response.
func (x *exchange) run(ctx context.Context) (*http.Response, error) {
	if err := x.a.Begin(ctx); err != nil {
		return nil, err
	}
	if err := x.SendRequestHeader(x.request()); err != nil {
		return nil, err
	}
	resp, err := x.answer()
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode/100 == 2:
		resp.Body = http.NoBody
		return resp, nil
	case resp.StatusCode == http.StatusSwitchingProtocols:
		// "HTTP/3 does not support the … 101 (Switching Protocols)
		// informational status code". RFC 9114 §4.5
		resp.Body = http.NoBody
		return resp, &wye.HandshakeError{Response: resp, Reason: "HTTP/3 has none, the answer to an extended CONNECT is a 2xx"}
	}
	return resp, wye.ReadRefusal(resp, func() { x.CancelRead(codeCancelled) })
}

// request is the extended CONNECT. quic-go takes :protocol from Proto.
func (x *exchange) request() *http.Request {
	r := *x.a.Request
	r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor = http.MethodConnect, x.a.Tokens[0].Name, 3, 0
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	agent := false
	for name := range r.Header {
		agent = agent || strings.EqualFold(name, "User-Agent")
	}
	if !agent {
		r.Header["User-Agent"] = nil // none, as over HTTP/1.1
	}
	return &r
}

// answer reads the final response.
func (x *exchange) answer() (*http.Response, error) {
	for range maxInformationals {
		resp, err := x.ReadResponse()
		if err != nil || resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
	return nil, fmt.Errorf("over %d informational responses and no final one", maxInformationals)
}

// conn is the stream as a connection, with which the QUIC connection ends.
func (x *exchange) conn(c *Client) *conn {
	c.live.add()
	return &conn{stream: x.RequestStream, local: x.qc.LocalAddr(), remote: x.qc.RemoteAddr(), ended: func(nc *conn, orderly bool) {
		end := func() {
			hangUp(x.qc)
			c.live.done()
		}
		if !orderly {
			end()
			return
		}
		go func() { // the Client's; ends after lastWords at the latest
			defer end()
			x.lastWords(nc)
		}()
	}}
}

// lastWords bounds how long a QUIC connection outlives the connection that it
// carried.
const lastWords = time.Second

// lastWords waits until what was written has come through, as far as can be told:
// the server has ended its direction, and there was time for what is lost to be
// sent again. "…three times the current PTO", RFC 9000 §10.2.
func (x *exchange) lastWords(nc *conn) {
	end := time.Now().Add(lastWords)
	nc.drain(end)
	s := x.qc.ConnectionStats()
	timer := time.NewTimer(min(time.Until(end), 3*(s.SmoothedRTT+4*s.MeanDeviation+maxAckDelay)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.qc.Context().Done():
	}
}

// maxAckDelay is the default of RFC 9000 section 18.2.
const maxAckDelay = 25 * time.Millisecond

// hangUp ends a QUIC connection on which nothing is said any more.
func hangUp(qc *quic.Conn) {
	qc.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
}
