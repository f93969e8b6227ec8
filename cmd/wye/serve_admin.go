package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/dashboard"
	"github.com/wye-org/wye/cmd/wye/inspect"
	"github.com/wye-org/wye/cmd/wye/metrics"
	"github.com/wye-org/wye/cmd/wye/site"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// What the start page tells of the endpoints for people who run the server.
var (
	aboutDashboard = site.Endpoint{
		Paths:        []string{"/api/live-metrics"},
		Title:        "Dashboard",
		Text:         "This server's own metrics, second by second, with the last minutes for a newcomer.",
		ProtocolsAre: "Subprotocol",
		Protocols:    []string{dashboard.Subprotocol},
		Page:         "/dashboard.html",
		Lines: []site.Line{
			upgradeLine("/api/live-metrics"),
			{Tool: "wye", Text: `wye connect ws://HOST/api/live-metrics`},
			{Tool: "websocat", Text: `websocat ws://HOST/api/live-metrics`},
			{Tool: "browser", Text: `ws = new WebSocket("ws://HOST/api/live-metrics", "` + dashboard.Subprotocol + `"); ws.onmessage = e => console.log(JSON.parse(e.data))`},
		},
	}
	aboutInspector = site.Endpoint{
		Paths:        []string{"/inspect/connections", "/inspect/refusals", "/inspect/connections/{id}/close", "/inspect/live"},
		Title:        "Inspector",
		Text:         "The live connections, to search and to close, and the last refusals with their reasons. No payloads, no secrets.",
		ProtocolsAre: "Subprotocol",
		Protocols:    []string{inspect.Subprotocol},
		Page:         "/inspector.html",
		Lines: []site.Line{
			{Tool: "curl", Text: `curl 'http://HOST/inspect/connections?q=websocket&sort=-received&limit=10'`},
			{Tool: "browser", Text: `ws = new WebSocket("ws://HOST/inspect/live"); ws.onmessage = e => console.log(JSON.parse(e.data))`},
		},
	}
	aboutMetrics = site.Endpoint{
		Paths: []string{"/metrics"},
		Text:  "The same for Prometheus, with the Go runtime and the process.",
		Lines: []site.Line{{Tool: "curl", Text: "curl http://HOST/metrics"}},
	}
	aboutLive = site.Endpoint{
		Paths: []string{"/livez"},
		Text:  "For whoever restarts what hangs: 200 as long as the server answers at all.",
		Lines: []site.Line{{Tool: "curl", Text: "curl -i http://HOST/livez"}},
	}
)

// observed is what knows of every connection, on both listeners.
type observed struct {
	meter    *metrics.Meter
	registry *inspect.Registry
	board    *dashboard.Board
	clients  *metrics.Clients
	counted  []prometheus.Collector // for /metrics, beside these
	api      http.Handler           // nil: there is none
}

// newObserved knows clients as g does. node says which of several servers this is. The caller closes its board when the last
// connection has ended.
func newObserved(g *gate.Gate, node string, log *slog.Logger) (*observed, error) {
	meter := metrics.NewMeter()
	board, err := dashboard.New(node, metrics.NewSampler(meter, time.Now()).Take, log)
	if err != nil {
		return nil, err
	}
	return &observed{meter: meter, registry: inspect.NewRegistry(meter, g.Client), board: board, clients: metrics.NewClients()}, nil
}

// local reports whether the main listener has the inspector too: where nobody
// but who is on this machine can reach it, and nobody is asked who they are.
func (o serveOptions) local(loopback bool) bool {
	return loopback && !o.public && o.tokenFile == "" && o.adminTokenFile == "" && len(o.trustedProxies) == 0
}

// notPassedOn refuses requests that a proxy has passed on: they come from
// elsewhere, whatever their Host says.
func notPassedOn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, field := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
			if len(r.Header[field]) > 0 {
				wye.Answer(w, &wye.Refusal{Status: http.StatusForbidden, Text: "This is for who is on this machine: serve it on --admin"})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// localEndpoints are those of who runs the server, on the main listener. They
// have a gate of their own, which wants a Host that names this machine: a page that
// may connect to the rest may not see these.
func (ob *observed) localEndpoints(accept websocket.AcceptOptions, log *slog.Logger) []endpoint {
	accept.Gate = &gate.Gate{Hosts: gate.LoopbackHosts(), MaxConnections: maxAdmins}
	endpoints := ob.endpoints(accept, log)
	for i := range endpoints {
		endpoints[i].Handler = notPassedOn(endpoints[i].Handler)
	}
	return endpoints
}

// maxAdmins is how many may look at a time: each costs a look at every
// connection each second.
const maxAdmins = 32

// endpoints are those of who runs the server.
func (ob *observed) endpoints(accept websocket.AcceptOptions, log *slog.Logger) []endpoint {
	inspector := inspect.NewInspector(ob.registry, accept)
	endpoints := []endpoint{
		{aboutInspector, inspector},
		{aboutMetrics, inspector.Guard(metrics.Handler(log, append(ob.counted, ob.meter, ob.clients)...))},
	}
	if ob.api != nil {
		endpoints = append(endpoints, endpoint{aboutAPI, ob.api}) // it asks for a key itself
	}
	return endpoints
}

// checkAdmin finds flags that contradict each other, and an address that others
// can reach without anybody being asked.
func checkAdmin(o serveOptions) error {
	if o.admin == "" {
		if o.adminTokenFile != "" {
			return errors.New("--admin-token-file says who may use the listener of --admin: add that, such as --admin 127.0.0.1:9090")
		}
		return nil
	}
	addr, err := net.ResolveTCPAddr("tcp", o.admin)
	if err != nil {
		return fmt.Errorf("--admin %s: %w", o.admin, err)
	}
	if !isLoopback(addr) && o.adminTokenFile == "" {
		return fmt.Errorf("--admin %s can be reached by others, who could see and close every connection: add --admin-token-file to let in who has a token, or use 127.0.0.1", o.admin)
	}
	return nil
}

// newAdminGate judges who comes to the admin listener.
func newAdminGate(o serveOptions, loopback bool) (*gate.Gate, error) {
	g := &gate.Gate{MaxConnections: maxAdmins, Realm: "wye admin"}
	if loopback {
		g.Hosts = gate.LoopbackHosts()
	}
	if o.adminTokenFile != "" {
		tokens, err := readTokens("--admin-token-file", o.adminTokenFile)
		if err != nil {
			return nil, err
		}
		g.Verifier = tokens
	}
	return g, g.Validate()
}

// admin is the second listener.
type admin struct {
	srv    *http.Server
	served chan error
}

// serveAdmin answers on --admin until the caller calls shutdown. Without that
// flag it returns nil.
func serveAdmin(ctx context.Context, o serveOptions, ob *observed, unready func() bool, config *tls.Config, log *slog.Logger, std stdio) (*admin, error) {
	if o.admin == "" {
		return nil, nil
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", o.admin)
	if err != nil {
		return nil, &exitError{exitFail, fmt.Errorf("--admin: %w", err)}
	}
	handler, err := newAdmin(o, isLoopback(listener.Addr()), ob, unready, log)
	if err != nil {
		listener.Close()
		return nil, &exitError{exitUsage, err}
	}
	scheme := "http"
	if config != nil {
		scheme, listener = "https", tls.NewListener(listener, config)
	}
	a := &admin{newServer(handler, log), make(chan error, 1)}
	go func() { a.served <- a.srv.Serve(listener) }() // ends with shutdown
	fmt.Fprintf(std.err, "admin on %s://%s\n", scheme, listener.Addr())
	return a, nil
}

// newAdmin mounts what is on the admin listener.
func newAdmin(o serveOptions, loopback bool, ob *observed, unready func() bool, log *slog.Logger) (http.Handler, error) {
	g, err := newAdminGate(o, loopback)
	if err != nil {
		return nil, err
	}
	accept := websocket.AcceptOptions{Gate: g, Options: websocket.Options{Logger: log, Hooks: ob.registry.Hooks()}}
	endpoints := append(ob.endpoints(accept, log),
		endpoint{aboutDashboard, ob.board.Handler(accept)},
		endpoint{aboutLive, live()},
		endpoint{aboutReady, ready(unready)},
	)
	if g.Verifier != nil {
		endpoints = append(endpoints, endpoint{aboutTicket, g.TicketHandler()})
	}
	mux, _, err := mount(endpoints)
	if err != nil {
		return nil, err
	}
	mux.Handle("/{$}", http.RedirectHandler(aboutInspector.Page, http.StatusFound))
	return ob.registry.Observe(admit(g, log, mux)), nil
}

// shutdown ends the listener and its connections, without much ado: whoever
// watches sees the server go.
func (a *admin) shutdown(ctx context.Context) {
	if a == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, forceAfter)
	defer cancel()
	wye.Shutdown(ctx, a.srv, wye.Drain{Restart: true})
	a.srv.Close()
	<-a.served
}

func live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, "text/plain; charset=utf-8", http.StatusOK, "alive\n")
	})
}
