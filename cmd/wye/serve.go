package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// serveOptions are the flags of wye serve.
type serveOptions struct {
	listen         string
	public         bool
	tokenFile      string
	cookie         string
	hosts, origins []string
	trustedProxies proxiesFlag
	rate           rateFlag
	maxMessage     int
	maxConnections int
	maxPerClient   int
	tlsCert        string
	tlsKey         string
	tlsSelfSigned  bool
	http3          bool
	pingInterval   time.Duration
	pongTimeout    time.Duration
	drain          time.Duration
	drainDelay     time.Duration
	verbose        bool
	showSecrets    bool
	admin          string
	adminTokenFile string
	upgrades       []string
	hubOptions
}

func newServe(std stdio) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a chat, echoes, rooms and custom tokens on one port",
		Long: `Serve a chat, echoes, rooms and custom tokens on one port. The start page lists
every endpoint with a line to copy.

On an address that others can reach it wants to know who may connect: whoever has
a token of --token-file, or everyone, by --public. A token is sent as
Authorization: Bearer, as the subprotocol bearer.TOKEN beside a real one, as
?token=, or as ?ticket= with what POST /ticket?path=/echo gave for it.

The first SIGTERM or Ctrl-C drains: open connections are closed over --drain with
1012 (service restart); the exit code is 0, or 1 if any had to be forced. The
second one aborts at once.`,
		Example: "  wye serve\n  wye serve --listen :8080 --public --host chat.example.com\n  wye serve --listen :8443 --token-file tokens --tls-self-signed",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), o, std) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	f.BoolVar(&o.public, "public", false, "let everyone who can reach the address in, with tighter bounds")
	f.StringVar(&o.tokenFile, "token-file", "", "`file` of lines name:token; only who has one of these may connect")
	f.StringVar(&o.admin, "admin", "", "`address` of a listener of its own for the inspector, /metrics and the like; empty: none")
	f.StringVar(&o.adminTokenFile, "admin-token-file", "", "`file` of lines name:token; only who has one of these may use the listener of --admin")
	f.StringVar(&o.cookie, "cookie", "", "`name` of a cookie that may have the token")
	f.StringArrayVar(&o.hosts, "host", nil, "Host `pattern` to answer to, such as chat.example.com or *.example.com; * is any (repeatable)")
	f.StringArrayVar(&o.origins, "origin", nil, "`pattern` of other origins whose pages may connect, such as https://example.com (repeatable)")
	f.Var(&o.trustedProxies, "trusted-proxy", "address or prefix of a proxy that is believed when it says whom it connects for (repeatable)")
	f.Var(&o.rate, "rate", "how often a client may connect, and how often at once; more is answered with 429")
	f.IntVar(&o.maxMessage, "max-message", 0, "largest message of the echoes and rooms, in `bytes`; 0 is each endpoint's own")
	f.IntVar(&o.maxConnections, "max-connections", 20_000, "most upgraded connections at a time; more are answered with 503")
	f.IntVar(&o.maxPerClient, "max-connections-per-client", 1_000, "most of these of one client, unless it is on this machine; more are answered with 429")
	f.StringVar(&o.tlsCert, "tls-cert", "", "speak TLS, with the certificates in this `file` of PEM, the server's own first")
	f.StringVar(&o.tlsKey, "tls-key", "", "`file` of the private key that belongs to --tls-cert")
	f.BoolVar(&o.tlsSelfSigned, "tls-self-signed", false, "speak TLS, with a new certificate whose SHA-256 is printed")
	f.StringSliceVar(&o.upgrades, "upgrade", nil, "`upgrades` of the plain port: h2c, tls, or none; on a loopback address both are the default")
	f.BoolVar(&o.http3, "http3", false, "speak HTTP/3 too, on the same port of UDP; with TLS")
	f.DurationVar(&o.pingInterval, "ping-interval", 20*time.Second, "silence after which a WebSocket is pinged; negative is never")
	f.DurationVar(&o.pongTimeout, "pong-timeout", 20*time.Second, "further silence after which a WebSocket is given up; negative is never")
	f.DurationVar(&o.drain, "drain", 2*time.Second, "how long to spread the goodbyes over when the server ends")
	f.DurationVar(&o.drainDelay, "drain-delay", 0, "how long /readyz says no before that, for load balancers")
	hubFlags(f, &o.hubOptions)
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log every connection too")
	f.BoolVar(&o.showSecrets, "show-secrets", false, "do not hide tokens, cookies and passwords in the log")
	return cmd
}

// Bounds of the HTTP server. An upgraded connection has its protocol's.
const (
	readHeaderTimeout = 10 * time.Second
	exchangeTimeout   = 30 * time.Second // a request's body, and its response
	idleTimeout       = 2 * time.Minute
	maxHead           = 16 << 10
	// forceAfter is how long after --drain the last connections may take for
	// their closing handshakes: more than a WebSocket's own bound.
	forceAfter = 10 * time.Second
)

// serve runs the server until ctx ends or a signal comes.
func serve(ctx context.Context, o serveOptions, std stdio) error {
	log := newLog(o, std.err)
	if err := errors.Join(checkTLS(o), checkHTTP3(o), checkAdmin(o), checkUpgrades(o)); err != nil {
		return &exitError{exitUsage, err}
	}
	listener, socket, err := listenBoth(ctx, o)
	if err != nil {
		return err
	}
	defer listener.Close()
	if socket != nil {
		defer socket.Close()
	}
	g, err := newGate(o, isLoopback(listener.Addr()))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	config, sum, err := newTLS(o, listener.Addr())
	if err != nil {
		return &exitError{exitUsage, err}
	}
	scheme := "http"
	if config != nil {
		scheme, listener = "https", tls.NewListener(listener, config)
	}

	var unready atomic.Bool
	ob, err := newObserved(g, o.oneOfSeveral(), log)
	if err != nil {
		return err
	}
	defer ob.board.Close()
	h, clients, err := openHub(ctx, o, ob, isLoopback(listener.Addr()), log)
	if err != nil {
		return err
	}
	defer h.close()
	app, err := newApp(appOptions{
		gate:     g,
		bounds:   boundsFor(o),
		hub:      h.Hub,
		clients:  clients,
		unready:  unready.Load,
		observed: ob,
		local:    o.local(isLoopback(listener.Addr())),
		websocket: websocket.Options{
			PingInterval: o.pingInterval,
			PongTimeout:  o.pongTimeout,
			Logger:       log,
			Hooks:        ob.registry.Hooks(),
		},
		log: log,
	})
	if err != nil {
		return err
	}
	fresh := newFreshConns()
	srv := newServer(app, log)
	srv.ConnState = fresh.track
	upgradeSum, err := o.enableUpgrades(srv, config != nil, listener.Addr(), log)
	if err != nil {
		return err
	}
	beside, err := newOver3(o, srv, socket, config, log)
	if err != nil {
		return err
	}
	defer beside.close()

	begin, abort, stop := signalled(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }() // ends with srv.Shutdown or Close; received below
	fmt.Fprintf(std.err, "listening on %s://%s\n", scheme, listener.Addr())
	if sum != "" {
		fmt.Fprintf(std.err, "certificate SHA-256 %s\n", sum)
	}
	if upgradeSum != "" {
		fmt.Fprintf(std.err, "certificate SHA-256 behind Upgrade: TLS %s\n", upgradeSum)
	}
	admin, err := serveAdmin(ctx, o, ob, unready.Load, config, log, std)
	if err != nil {
		srv.Close()
		<-served
		return err
	}
	defer admin.shutdown(abort)

	select {
	case err := <-served:
		return &exitError{exitFail, err}
	case <-begin.Done():
	}
	unready.Store(true)
	log.Info("draining", "over", o.drain, "delay", o.drainDelay, "connections", wye.GroupOf(srv).Len())
	pace.Sleep(abort, o.drainDelay)
	fresh.close()
	err = drain(abort, srv, beside, o.drain, log)
	<-served
	return err
}

// newLog is the log of everything. Secrets do not get into it.
func newLog(o serveOptions, out io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: gate.RedactAttr}
	if o.verbose {
		options.Level = slog.LevelDebug
	}
	if o.showSecrets {
		options.ReplaceAttr = nil
	}
	return slog.New(slog.NewTextHandler(out, options))
}

func newServer(app http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           app,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       exchangeTimeout,
		WriteTimeout:      exchangeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		HTTP2:             streams(),
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// drain ends srv and its connections. It gives up the orderly way when ctx ends.
func drain(ctx context.Context, srv *http.Server, beside *over3, over time.Duration, log *slog.Logger) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, over+forceAfter)
	defer cancel()
	counts, err := beside.shutdown(ctx, srv, wye.Drain{Over: over, Restart: true})
	srv.Close() // plain HTTP exchanges that did not end in time
	why := ""
	if cause := context.Cause(ctx); cause != nil {
		why = fmt.Sprintf(" (%v)", cause)
	}
	log.Info("drained", "clean", counts.Clean, "forced", counts.Forced, "lost", counts.Lost,
		"took", time.Since(began).Round(time.Millisecond))
	switch {
	case counts.Forced > 0:
		return &exitError{exitFail, fmt.Errorf("connections that had to be forced: %d%s", counts.Forced, why)}
	case err != nil:
		return &exitError{exitFail, fmt.Errorf("draining: %w%s", err, why)}
	}
	return nil
}

// listen refuses an address that others can reach unless that is asked for.
func listen(ctx context.Context, o serveOptions) (net.Listener, error) {
	addr, err := net.ResolveTCPAddr("tcp", o.listen)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--listen %s: %w", o.listen, err)}
	}
	if !isLoopback(addr) && !o.public && o.tokenFile == "" {
		return nil, &exitError{exitUsage, fmt.Errorf("--listen %s can be reached by others: add --token-file to let in who has a token, or add --public to let everyone in, or listen on 127.0.0.1", o.listen)}
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", addr.String())
	if err != nil {
		return nil, &exitError{exitFail, err}
	}
	return listener, nil
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// errSecondSignal is why an orderly end was given up.
var errSecondSignal = errors.New("a second signal")
