package connect

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/connect/show"
	"github.com/wye-org/wye/cmd/wye/connect/target"
	"github.com/wye-org/wye/websocket"
)

// goodbye bounds the closing handshake after a signal.
const goodbye = time.Second

// errWaited is why the wait for the server's last words ended.
var errWaited = errors.New("nothing more was waited for")

// session is one run of the command: one connection, or several in turn.
type session struct {
	o       *Options
	input   *input
	display display

	waited  context.Context // ends with the wait after the input's end
	finish  context.CancelCauseFunc
	count   int // messages so far
	matched bool

	deadline time.Time // of the wait, once the input has ended
}

// ending is how one connection, or the attempt at one, ended.
type ending struct {
	failure *Failure // nil: cleanly
	done    bool     // we ended it, so there is no next one
}

// Run connects and converses until the conversation ends, or ctx does, whose
// cause may be an [Interrupted]. The error is a [*Failure].
func Run(ctx context.Context, o Options, std Stdio) error {
	if err := target.CheckURL(o.URL); err != nil {
		return fail(ExitUsage, err, "%v", err)
	}
	if interactive(&o, std) {
		return runTerminal(ctx, &o, std)
	}
	next := chunks(std.In)
	if len(o.Tokens) == 0 {
		next = messages(std.In, o.Encoding, o.delimiter(), o.maxMessage())
	}
	in := newInput(next)
	defer in.stop(std.In)
	return run(ctx, &o, in, newDisplay(&o, std))
}

func (o *Options) maxMessage() int {
	if o.MaxMessage > 0 {
		return o.MaxMessage
	}
	return 1 << 20 // the library's
}

func run(ctx context.Context, o *Options, in *input, d display) error {
	s := &session{o: o, input: in, display: d}
	s.waited, s.finish = context.WithCancelCause(ctx)
	defer s.finish(nil)
	failure := s.connections(ctx)
	exit := 0
	last := event{Event: "end", Exit: &exit}
	if failure != nil {
		exit, last.Error = failure.Code, failure.Error()
	}
	d.event(last)
	switch err := d.failed(); {
	case failure != nil:
		return failure
	case err != nil:
		return outputFailure(err)
	}
	return nil
}

// connections makes one connection, or with Reconnect as many as it takes.
func (s *session) connections(ctx context.Context) *Failure {
	var failure *Failure
	switch {
	case s.o.asksForH2C():
		failure = s.connectH2C(ctx).failure
	case len(s.o.Tokens) > 0:
		failure = s.connectBytes(ctx).failure
	case s.o.Reconnect:
		failure = s.reconnecting(ctx)
	default:
		failure = s.connectMessages(ctx).failure
	}
	if f := interruptedBy(ctx); f != nil {
		return f
	}
	return failure
}

// connectBytes makes a connection that carries bytes, and converses on it.
func (s *session) connectBytes(ctx context.Context) ending {
	var heads show.Heads
	c, resp, err := wye.Dial(ctx, s.o.URL, &wye.DialOptions{
		Tokens: s.o.Tokens, Header: s.o.Header, TLSConfig: s.o.TLS, NetDial: s.o.netDial(),
		Timeout: s.o.Timeout, MaxRedirects: s.o.MaxRedirects, Proxy: s.o.Proxy,
		Carriers: s.o.Carriers, Trace: heads.Add,
	})
	s.dialled(&heads)
	if err != nil {
		return s.noConnection(err, resp)
	}
	s.display.event(s.opened(c.RemoteAddr(), resp))
	return s.pipe(ctx, c)
}

// connectMessages makes a WebSocket connection, and converses on it.
func (s *session) connectMessages(ctx context.Context) ending {
	c, resp, err := s.dialWebSocket(ctx)
	if err != nil {
		return s.noConnection(err, resp)
	}
	return s.converse(ctx, c)
}

// dialWebSocket makes a WebSocket connection, and shows the handshake.
func (s *session) dialWebSocket(ctx context.Context) (*websocket.Conn, *http.Response, error) {
	var heads show.Heads
	opts := s.websocketOptions()
	opts.Trace = heads.Add
	c, resp, err := websocket.Dial(ctx, s.o.URL, opts)
	s.dialled(&heads)
	if err == nil {
		e := s.opened(c.RemoteAddr(), resp)
		e.Subprotocol, e.Compressed = c.Subprotocol(), c.Compressed()
		s.display.event(e)
	}
	return c, resp, err
}

// netDial opens transport connections.
func (o *Options) netDial() target.DialFunc {
	if o.Dial == nil {
		return new(target.Network).Dial
	}
	return o.Dial
}

func (s *session) websocketOptions() *websocket.DialOptions {
	return &websocket.DialOptions{
		Options: websocket.Options{
			MaxMessage: s.o.MaxMessage, PingInterval: s.o.PingInterval,
			Deflate: websocket.Deflate{Enabled: s.o.Compress},
		},
		Proxy:            s.o.Proxy,
		Subprotocols:     s.o.Subprotocols,
		Header:           s.o.Header,
		TLSConfig:        s.o.TLS,
		NetDial:          s.o.netDial(),
		HandshakeTimeout: s.o.Timeout,
		MaxRedirects:     s.o.MaxRedirects,
		Carriers:         s.o.Carriers,
	}
}

// dialled shows the handshake that a dial was.
func (s *session) dialled(heads *show.Heads) {
	if s.o.Verbose {
		s.display.heads(heads.All())
	}
}

func (s *session) opened(remote net.Addr, resp *http.Response) event {
	return event{
		Event: "open", URL: wye.DisplayURL(s.o.URL), Remote: remote.String(), Status: resp.StatusCode,
		Carrier: "h" + strconv.Itoa(resp.ProtoMajor), chosen: len(s.o.Carriers) > 0,
	}
}

func (s *session) noConnection(err error, resp *http.Response) ending {
	e := ending{failure: dialFailure(err, resp, s.o)}
	var refused *wye.RefusedError
	if errors.As(err, &refused) {
		_, reason, _ := cutStatus(refused.Response.Status)
		s.display.event(event{Event: "refused", Status: refused.Response.StatusCode, Reason: reason, Body: s.o.redacted(bodyText(refused.Body))})
	}
	return e
}

// inputFailure is why the input ended; nil: in good order. It must have ended.
func (s *session) inputFailure() *Failure {
	var bad *inputError
	switch err := s.input.err; {
	case err == nil:
		return nil
	case errors.As(err, &bad):
		return fail(ExitUsage, err, "%v", err)
	default:
		return fail(ExitLocal, err, "cannot read standard input: %v", err)
	}
}

func outputFailure(err error) *Failure {
	return fail(ExitLocal, err, "cannot write to standard output: %v", err)
}
