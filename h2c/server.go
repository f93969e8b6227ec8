package h2c

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/internal/handoff"
)

// Options are the options of [Enable]. The zero value is the default.
type Options struct {
	// Allow is asked last about each request that could be upgraded; one that it
	// does not allow is answered as if it had not asked. A server behind a
	// reverse proxy should not allow the proxy's: see [Enable]. nil: all.
	Allow func(*http.Request) bool

	// Timeout bounds the writing of the 101, and then the wait for the client's
	// first frame. 0: 10 seconds.
	Timeout time.Duration

	// Logger has, at level debug, why a request was not upgraded. nil:
	// [slog.Default].
	Logger *slog.Logger
}

// Enable has srv take the upgrade to h2c (and HTTP/2.0, its older token), and
// HTTP/2 of clients that do not ask, beside HTTP/1.1. It sets srv.Protocols and
// wraps srv.Handler, nil being [http.DefaultServeMux]; call it once, before srv
// serves.
//
// The request that asked is answered as any other by srv.Handler, on stream 1,
// and the connection is srv's as one that began with HTTP/2: srv.Shutdown ends
// it in good order. It is in no [wye.Group].
//
// A request is answered in HTTP/1.1, as if it had not asked, where the upgrade
// is not in order or not worth it: without exactly one HTTP2-Settings, listed in
// Connection, of legal settings; over TLS; with a body, or a head over 16 KiB or,
// as HTTP/2 counts, srv.MaxHeaderBytes; if it prefers another token; if it came
// through a proxy that says so (Via, Forwarded, X-Forwarded-For and its like);
// while the server is shutting down.
//
// A proxy that passes Upgrade on without understanding it lets its clients by
// all its rules, and not every one says so: keep the upgrade off behind proxies,
// or refuse theirs by [Options.Allow].
func Enable(srv *http.Server, opts *Options) {
	if opts == nil {
		opts = new(Options)
	}
	protocols := new(http.Protocols)
	if srv.Protocols != nil {
		*protocols = *srv.Protocols
	} else {
		protocols.SetHTTP2(true) // on TLS, as is the default
	}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	srv.Protocols = protocols
	next := srv.Handler
	if next == nil {
		next = http.DefaultServeMux
	}
	srv.Handler = &handler{srv: srv, next: next, opts: *opts}
}

func (o *Options) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return 10 * time.Second
}

func (o *Options) logger() *slog.Logger {
	if o.Logger != nil {
		return o.Logger
	}
	return slog.Default()
}

// Tokens that mean the same. RFC 7540 has the first, its drafts and older texts
// the second.
var (
	tokenH2C   = wye.Token{Name: "h2c"}
	tokenHTTP2 = wye.Token{Name: "HTTP", Version: "2.0"}
)

type handler struct {
	srv  *http.Server
	next http.Handler
	opts Options
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, asked := preferred(r)
	if !asked {
		h.next.ServeHTTP(w, r)
		return
	}
	u, err := h.judge(r)
	if err != nil {
		// "A server that does not support HTTP/2 can respond to the request as
		// though the Upgrade header field were absent." RFC 7540 §3.2
		h.log(r, "not upgraded", err)
		h.next.ServeHTTP(w, r)
		return
	}
	c, err := wye.Accept(w, r, t, &wye.AcceptOptions{
		Timeout: h.opts.timeout(),
		Group:   new(wye.Group), // none: the server will see to the connection's end
	})
	if err != nil {
		h.log(r, "upgrade failed", err)
		return
	}
	if err := h.handOver(c, u); err != nil {
		c.Close()
		h.log(r, "upgrade failed", err)
	}
}

// preferred reports whether r would like HTTP/2 best. What it would like better,
// a handler behind this one may have.
func preferred(r *http.Request) (t wye.Token, ok bool) {
	asked := wye.Requested(r)
	switch {
	case len(asked) == 0:
		return t, false
	case asked[0].Equal(tokenH2C):
		return tokenH2C, true
	}
	return tokenHTTP2, asked[0].Equal(tokenHTTP2)
}

// upgrade is what a request brings along for its HTTP/2 connection.
type upgrade struct {
	settings []setting
	stream1  []byte // its HEADERS frame
}

// judge returns why r is not to be upgraded, or what from.
func (h *handler) judge(r *http.Request) (u upgrade, err error) {
	switch {
	case r.TLS != nil:
		// "…"h2c" … This identifier is used … where HTTP/2 is run over
		// cleartext TCP." RFC 7540 §3.1
		return u, errors.New("the connection has TLS")
	case r.ContentLength != 0: // chunked: -1
		// What is sent of a body before the switch would have to be counted
		// against the windows of a connection that has none yet.
		return u, errors.New("the request has a body")
	case r.Method == http.MethodConnect || handoff.Target(r) == "":
		return u, errors.New("the request target is not on this server")
	case handoff.Proxied(r):
		return u, errors.New("the request came through a proxy")
	case r.Context().Value(http.ServerContextKey) != h.srv:
		return u, errors.New("the request came to another server")
	}
	if u.settings, err = settingsOf(r.Header); err != nil {
		return u, err
	}
	maxList := h.srv.MaxHeaderBytes
	if maxList <= 0 {
		maxList = http.DefaultMaxHeaderBytes
	}
	var fits bool
	if u.stream1, fits = stream1(r, maxList); !fits {
		return u, errors.New("the request's head is too large")
	}
	if cause := wye.GroupOf(h.srv).Draining(); cause != nil {
		return u, cause
	}
	if h.opts.Allow != nil && !h.opts.Allow(r) {
		return u, errors.New("it is not allowed by Options.Allow")
	}
	return u, nil
}

// handOver waits for the client's first frame and gives c to the server, which
// reads the upgraded request behind it.
func (h *handler) handOver(c net.Conn, u upgrade) error {
	if err := c.SetReadDeadline(time.Now().Add(h.opts.timeout())); err != nil {
		return err
	}
	first, err := clientPreface(c, u)
	if err != nil {
		return fmt.Errorf("waiting for the client's preface: %w", err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return handoff.Serve(h.srv, handoff.Replay(c, first))
}

// clientPreface reads the client's preface and first frame from c, and returns
// what the server is to read of them. "Upon receiving the 101 response, the
// client MUST send a connection preface, which includes a SETTINGS frame."
// RFC 7540 §3.2
func clientPreface(c io.Reader, u upgrade) ([]byte, error) {
	b := make([]byte, len(preface)+frameHead)
	if _, err := io.ReadFull(c, b[:len(preface)]); err != nil {
		return nil, err
	}
	if string(b[:len(preface)]) != preface {
		return nil, errors.New("it is another one")
	}
	if _, err := io.ReadFull(c, b[len(preface):]); err != nil {
		return nil, err
	}
	frame := parseHeader(b[len(preface):])
	if frame.typ != frameSettings || frame.stream != 0 || frame.length%settingSize != 0 || frame.length > maxPayload {
		return b, nil // the server finds the same fault, and says so to the client
	}
	payload := make([]byte, frame.length)
	if _, err := io.ReadFull(c, payload); err != nil {
		return nil, err
	}
	// "A server decodes and interprets these values as it would any other
	// SETTINGS frame. Explicit acknowledgement of these settings … is not
	// necessary, since a 101 response serves as implicit acknowledgement."
	// RFC 7540 §3.2.1. So they go into the frame that is acknowledged anyway.
	settings := override(u.settings, decodeSettings(payload))
	b = appendHeader(b[:len(preface)], header{len(settings) * settingSize, frameSettings, frame.flags, 0})
	return append(appendSettings(b, settings), u.stream1...), nil
}

func (h *handler) log(r *http.Request, what string, err error) {
	h.opts.logger().LogAttrs(r.Context(), slog.LevelDebug, what,
		slog.String("upgrade", "h2c"), slog.String("path", r.URL.Path), slog.String("remote", r.RemoteAddr), slog.Any("err", err))
}
