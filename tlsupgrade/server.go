package tlsupgrade

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/internal/handoff"
)

// Options are the options of [Enable]. The zero value is the default.
type Options struct {
	// Required has what is not upgraded refused instead of served: with 426
	// (Upgrade Required), or with 403 where no upgrade can follow, as over
	// HTTP/2. What comes over TLS is always served.
	Required bool

	// Allow is asked last about each request that could be upgraded; one that it
	// does not allow is answered as if it had not asked. A server behind a
	// reverse proxy should not allow the proxy's: see [Enable]. nil: all.
	Allow func(*http.Request) bool

	// Timeout bounds the writing of the 101, and then the TLS handshake. 0: 10
	// seconds.
	Timeout time.Duration

	// Logger has, at level debug, why a request was not upgraded. nil:
	// [slog.Default].
	Logger *slog.Logger
}

// Enable has srv take the upgrade to TLS. It wraps srv.Handler, nil being
// [http.DefaultServeMux], and answers "OPTIONS *" as net/http would, for which it
// sets srv.DisableGeneralOptionsHandler; call it once, before srv serves.
//
// config has at least a certificate; it is copied. TLS before 1.2 is not spoken,
// and of HTTP 1.1 alone.
//
// The request that asked is answered by srv.Handler over TLS, with [http.Request]
// .TLS set, and the connection is srv's as one that began with TLS: further
// requests follow on it, WebSockets too. It is in no [wye.Group].
//
// A request is answered as if it had not asked where it has TLS already or a
// body, if it prefers another token, if it came through a proxy that says so
// (Via, Forwarded, X-Forwarded-For and its like), and while the server is
// shutting down. A proxy that passes Upgrade on without understanding it lets its
// clients by all its rules, and not every one says so: keep the upgrade off
// behind proxies, or refuse theirs by [Options.Allow].
func Enable(srv *http.Server, config *tls.Config, opts *Options) {
	if opts == nil {
		opts = new(Options)
	}
	config = config.Clone()
	if config == nil {
		config = new(tls.Config) // each handshake fails, and says that there is no certificate
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	config.NextProtos = []string{"http/1.1"}
	next := srv.Handler
	if next == nil {
		next = http.DefaultServeMux
	}
	srv.Handler = &handler{srv: srv, next: next, config: config, opts: *opts, answerOptions: !srv.DisableGeneralOptionsHandler}
	srv.DisableGeneralOptionsHandler = true
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

type handler struct {
	srv           *http.Server
	next          http.Handler
	config        *tls.Config
	opts          Options
	answerOptions bool // "OPTIONS *" would be net/http's
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, asked := preferred(r)
	if asked {
		err := h.judge(r)
		if err == nil {
			h.upgrade(w, r, t)
			return
		}
		h.log(r, "not upgraded", err)
	}
	switch {
	case h.opts.Required && r.TLS == nil:
		wye.Answer(w, h.required(r))
	case h.answerOptions && r.Method == http.MethodOptions && r.RequestURI == "*":
		w.Header().Set("Content-Length", "0")
	default:
		h.next.ServeHTTP(w, r)
	}
}

// preferred reports whether r would like TLS best, and by what name. What it
// would like better, a handler behind this one may have.
func preferred(r *http.Request) (t wye.Token, ok bool) {
	for _, t := range wye.Requested(r) {
		return wye.Token{Name: "TLS", Version: t.Version}, isTLS(t)
	}
	return t, false
}

// judge returns why r is not to be upgraded. "In this case, the server MAY
// respond to the clear HTTP operation normally, OR switch to secured operation."
// RFC 2817 §3.1
func (h *handler) judge(r *http.Request) error {
	switch {
	case r.TLS != nil:
		return errors.New("the connection has TLS")
	case r.ContentLength != 0: // chunked: -1
		return errors.New("the request has a body, which came in the clear")
	case r.Method == http.MethodConnect || handoff.Target(r) == "":
		return errors.New("the request target is not on this server")
	}
	return h.possible(r)
}

// possible returns why no request like r is upgraded.
func (h *handler) possible(r *http.Request) error {
	switch {
	case !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1:
		return fmt.Errorf("%s has no Upgrade", r.Proto)
	case handoff.Proxied(r):
		return errors.New("the request came through a proxy")
	case r.Context().Value(http.ServerContextKey) != h.srv:
		return errors.New("the request came to another server")
	}
	if cause := wye.GroupOf(h.srv).Draining(); cause != nil {
		return cause
	}
	if h.opts.Allow != nil && !h.opts.Allow(r) {
		return errors.New("it is not allowed by Options.Allow")
	}
	return nil
}

// required refuses what is in the clear.
func (h *handler) required(r *http.Request) *wye.Refusal {
	if err := h.possible(r); err != nil {
		return &wye.Refusal{Status: http.StatusForbidden, Text: "This is served over TLS only", Err: err}
	}
	return &wye.Refusal{
		// "A server MAY indicate that a client request can not be completed
		// without TLS using the "426 Upgrade Required" status code, which MUST
		// include an an Upgrade header field specifying the token of the
		// required TLS version." RFC 2817 §4.2
		Status: http.StatusUpgradeRequired,
		Header: http.Header{"Upgrade": {tls12.String() + ", " + http11.String()}, "Connection": {"Upgrade"}},
		Text:   "This is served over TLS only: send the request with Upgrade: " + tls12.String() + ", or OPTIONS * before it",
	}
}

// upgrade switches and gives the connection back to the server.
func (h *handler) upgrade(w http.ResponseWriter, r *http.Request, t wye.Token) {
	c, err := wye.Accept(w, r, t, &wye.AcceptOptions{
		Timeout: h.opts.timeout(),
		Group:   new(wye.Group), // none: the server will see to the connection's end
		// "…and MUST include an Upgrade response header specifying the tokens of
		// the protocol stack it is switching to" RFC 2817 §3.3
		Above: []wye.Token{http11},
	})
	if err != nil {
		h.log(r, "upgrade failed", err)
		return
	}
	if err := h.handOver(r, c); err != nil {
		// "Any TLS handshake failure MUST lead to disconnection, per the TLS
		// error alert specification." RFC 2817 §3.3
		c.Close()
		h.log(r, "upgrade failed", err)
	}
}

// handOver shakes hands on c, whose first bytes are those that came early, and
// has the server read r once more behind that: "Once the TLS handshake completes
// successfully, the server MUST continue with the response to the original
// request." RFC 2817 §3.3
func (h *handler) handOver(r *http.Request, c net.Conn) error {
	secure := tls.Server(c, h.config)
	ctx, cancel := context.WithTimeout(r.Context(), h.opts.timeout())
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if p := secure.ConnectionState().NegotiatedProtocol; p != "" && p != "http/1.1" { // GetConfigForClient may differ
		return fmt.Errorf("handshake: it agreed on %q, want http/1.1", p)
	}
	return handoff.Serve(h.srv, handoff.Replay(secure, appendHead(nil, r)))
}

func (h *handler) log(r *http.Request, what string, err error) {
	h.opts.logger().LogAttrs(r.Context(), slog.LevelDebug, what,
		slog.String("upgrade", "TLS"), slog.String("path", r.URL.Path), slog.String("remote", r.RemoteAddr), slog.Any("err", err))
}
