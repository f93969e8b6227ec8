package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// Options are a server's.
type Options struct {
	// Hub has the channels. It is needed.
	Hub *hub.Hub

	// Tokens judges the clients' tokens. nil: there are none, and a client that
	// comes with one is turned away.
	Tokens Tokens

	// Open are the namespaces that clients without a token may use. They are
	// for everybody who reaches the server; nil: there are none, and then
	// nobody connects without a token. Clients with a token may use them too.
	Open []string

	// Admitted are further ones for clients whom the gate's Verifier knows.
	Admitted []string

	// WebSocket says how connections are accepted. Its Gate, Group and Logger
	// are also those of events. 0 is of MaxMessage 64 KiB, of PingInterval
	// never: the protocol has pings of its own. Subprotocols and Loop are the
	// server's part and not used.
	WebSocket websocket.AcceptOptions

	// Cookie is the name of a cookie that may have the token of who reads
	// events. Empty: none does.
	Cookie string

	// PingInterval is how often a client is pinged, and PongTimeout how long it
	// may take to answer. 0: 25 and 10 seconds; SDKs learn the first, in whole
	// seconds.
	PingInterval, PongTimeout time.Duration

	// ConnectTimeout is how long a connection may take to send its connect
	// command. 0: 15 seconds.
	ConnectTimeout time.Duration

	// CommandTimeout bounds the time for a command. 0: 10 seconds.
	CommandTimeout time.Duration

	// Grace is how long after a token has expired its connection or subscription
	// goes on, so that a refresh that is on its way comes in time. 0: 25
	// seconds.
	Grace time.Duration

	// MaxCommands bounds the commands in one message. 0: 1,024.
	MaxCommands int

	// MaxHistory bounds the publications in one answer, and MaxMembers the
	// members: of a channel with more presence is not told. 0: 1,000 and 10,000.
	MaxHistory, MaxMembers int

	// MaxReply bounds the publications in one answer, in bytes, but for the
	// first. 0: 256 KiB. What a recovery has beyond it follows the answer.
	MaxReply int

	// Retry is how long whoever reads events is asked to wait before coming
	// back. 0: 3 seconds.
	Retry time.Duration

	// Keepalive is how often whoever reads events is sent a comment, if there
	// is nothing else. 0: 15 seconds.
	Keepalive time.Duration

	// WriteTimeout bounds each write of events. 0: 10 seconds.
	WriteTimeout time.Duration

	// Hooks are for metrics.
	Hooks Hooks
}

// A Server is a hub's two doors. It holds nothing that has to be closed: connections
// end with the [wye.Group] that they are in, or with the hub.
type Server struct {
	opt      Options
	log      *slog.Logger
	endpoint *websocket.Endpoint
	sessions sessions
	tokens   *gate.Gate // of who reads events, where the options' gate has no Verifier
}

// New checks opts. They are copied.
func New(opts Options) (*Server, error) {
	if opts.Hub == nil {
		return nil, errors.New("server: Options.Hub is missing")
	}
	s := &Server{opt: opts, log: opts.WebSocket.Logger}
	o := &s.opt
	if s.log == nil {
		s.log = slog.Default()
	}
	o.Open, o.Admitted = slices.Clone(o.Open), slices.Clone(o.Admitted)
	orDuration(&o.PingInterval, 25*time.Second)
	orDuration(&o.PongTimeout, 10*time.Second)
	orDuration(&o.ConnectTimeout, 15*time.Second)
	orDuration(&o.CommandTimeout, 10*time.Second)
	orDuration(&o.Grace, 25*time.Second)
	orDuration(&o.Retry, 3*time.Second)
	orDuration(&o.Keepalive, 15*time.Second)
	orDuration(&o.WriteTimeout, 10*time.Second)
	orInt(&o.MaxCommands, 1024)
	orInt(&o.MaxHistory, 1000)
	orInt(&o.MaxMembers, 10_000)
	orInt(&o.MaxReply, 256<<10)
	if o.PingInterval < time.Second {
		return nil, errors.New("server: a PingInterval below a second cannot be told to clients")
	}
	s.tokens = &gate.Gate{Cookie: o.Cookie, Verifier: gate.VerifierFunc(s.verifyReader)}
	if g := o.WebSocket.Gate; g != nil {
		s.tokens.Origins, s.tokens.Realm = g.Origins, g.Realm
		s.tokens.TrustedProxies, s.tokens.TrustForwardedHost = g.TrustedProxies, g.TrustForwardedHost
	}
	if err := s.tokens.Validate(); err != nil {
		return nil, fmt.Errorf("server: the gate, with Options.Cookie: %w", err)
	}
	s.endpoint = websocket.Handler(nil, s.acceptOptions())
	return s, nil
}

func orDuration(v *time.Duration, def time.Duration) {
	if *v <= 0 {
		*v = def
	}
}

func orInt(v *int, def int) {
	if *v <= 0 {
		*v = def
	}
}

// WebSocket serves the client protocol, at /connection/websocket as the SDKs'
// documentation has it.
func (s *Server) WebSocket() *websocket.Endpoint { return s.endpoint }

// Events serves a channel as server-sent events. The channel is the path's value
// "channel": mount it at a pattern like "/sse/{channel}".
func (s *Server) Events() http.Handler { return http.HandlerFunc(s.serveEvents) }

// identity is who a client is, and what it may use.
type identity struct {
	principal  string
	info       []byte
	namespaces []string // besides those that are open
	expires    time.Time
}

// mayUse reports whether the client may use the channel's namespace, as far as that
// itself lets it.
func (s *Server) mayUse(who *identity, channel string) bool {
	namespace, _, found := strings.Cut(channel, ":")
	if !found {
		namespace = ""
	}
	return slices.Contains(s.opt.Open, namespace) || slices.Contains(who.namespaces, namespace)
}
