package main

import (
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/chat"
	"github.com/wye-org/wye/cmd/wye/echo"
	"github.com/wye-org/wye/cmd/wye/game"
	"github.com/wye-org/wye/cmd/wye/lines"
	"github.com/wye-org/wye/cmd/wye/relay"
	"github.com/wye-org/wye/cmd/wye/site"
	"github.com/wye-org/wye/cmd/wye/ticker"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// appOptions are what the endpoints are made with.
type appOptions struct {
	gate      *gate.Gate // judges what is to be switched
	bounds    bounds
	hub       *hub.Hub
	clients   clientOptions // of the hub
	unready   func() bool   // whether /readyz says no
	websocket websocket.Options
	observed  *observed // knows of every connection
	local     bool      // whether the inspector is here too
	log       *slog.Logger
}

// endpoint is a path as it is mounted and as the start page tells of it.
type endpoint struct {
	site.Endpoint
	http.Handler
}

// newApp is everything that wye serve answers on its main listener.
func newApp(o appOptions) (http.Handler, error) {
	known := o.observed.registry.Protocol
	var pages *site.Site // tells of the endpoints, one of which falls back to it
	tokens := &wye.Switch{
		Protocols: []wye.Offer{
			{Token: wye.Token{Name: "example", Version: "1"}, Protocol: known(guarded{o.gate, lines.Echo(o.bounds.rate)})},
			{Token: wye.Token{Name: "foo", Version: "2"}, Protocol: known(guarded{o.gate, lines.Echo(o.bounds.rate)})},
		},
		Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pages.Index(w, r) }),
		Logger:   o.log,
	}

	accept := websocket.AcceptOptions{Options: o.websocket, Gate: o.gate, Detach: true} // so that an idle one holds nothing of net/http
	echoes, rooms := accept, accept
	echoes.MaxMessage, rooms.MaxMessage = o.bounds.echoMessage, o.bounds.roomMessage
	endpoints := []endpoint{
		{aboutChat, chat.NewHandler(o.hub, o.bounds.chat, accept)},
		{aboutGame, game.NewHandler(o.hub, accept)},
		{aboutDashboard, o.observed.board.Handler(accept)},
		{aboutTicker, ticker.NewHandler(o.hub, rand.Uint64(), accept)},
		{aboutEcho, echo.Handler(o.bounds.rate, echoes)},
		{aboutRelay, relay.NewHandler(o.hub, o.bounds.rate, rooms)},
		{aboutTokens, tokens},
		{aboutData, http.HandlerFunc(data)},
		{aboutLive, live()},
		{aboutReady, ready(o.unready)},
	}
	clients, err := clientEndpoints(o, accept)
	if err != nil {
		return nil, err
	}
	endpoints = append(endpoints, clients...)
	if o.local {
		endpoints = append(endpoints, o.observed.localEndpoints(accept, o.log)...)
	}
	if o.gate.Verifier != nil {
		endpoints = append(endpoints, endpoint{aboutTicket, o.gate.TicketHandler()})
	}
	mux, mounted, err := mount(endpoints)
	if err != nil {
		return nil, err
	}
	pages = mounted
	return o.observed.registry.Observe(admit(o.gate, o.log, mux)), nil
}

// mount serves the endpoints, their pages, and what these load.
func mount(endpoints []endpoint) (*http.ServeMux, *site.Site, error) {
	told := make([]site.Endpoint, len(endpoints))
	mux := http.NewServeMux()
	for i, e := range endpoints {
		told[i] = e.Endpoint
		for _, path := range e.Paths {
			if path == "/" {
				path = "/{$}"
			}
			mux.Handle(path, e.Handler)
		}
	}
	pages, err := site.New(told, versionLine())
	if err != nil {
		return nil, nil, err
	}
	pages.Mount(mux)
	return mux, pages, nil
}

func data(w http.ResponseWriter, r *http.Request) {
	answer(w, r, "application/json", http.StatusOK, `{"data":"example"}`)
}

func ready(unready func() bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if unready() {
			answer(w, r, "text/plain; charset=utf-8", http.StatusServiceUnavailable, "draining\n")
			return
		}
		answer(w, r, "text/plain; charset=utf-8", http.StatusOK, "ready\n")
	})
}

// answer writes a response to GET or HEAD, and 405 to another method.
func answer(w http.ResponseWriter, r *http.Request, typ string, status int, body string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		wye.Answer(w, &wye.Refusal{
			Status: http.StatusMethodNotAllowed,
			Header: http.Header{"Allow": {"GET, HEAD"}},
			Text:   "This is for GET and HEAD",
		})
		return
	}
	site.Protect(w.Header())
	w.Header().Set("Content-Type", typ)
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// admit asks about the Host of every request, so that no page of another name
// that resolves to this server can read what is here. What else g has to say is
// about connections, of which a page is none.
func admit(g *gate.Gate, log *slog.Logger, next http.Handler) http.Handler {
	pages := &gate.Gate{Hosts: g.Hosts, TrustedProxies: g.TrustedProxies}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pass, err := pages.Admit(r)
		if err != nil {
			log.WarnContext(r.Context(), "refused", "path", r.URL.Path, "remote", r.RemoteAddr, "err", err)
			wye.Answer(w, err)
			return
		}
		defer pass.Release()
		if cleaned := path.Clean(r.URL.Path); cleaned != r.URL.Path {
			// It is redirected to where it belongs, without the secrets that
			// its query may have.
			r.URL.RawQuery = ""
		}
		log.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "remote", r.RemoteAddr, "client", pass.Client)
		next.ServeHTTP(w, r)
		log.DebugContext(r.Context(), "ended", "path", r.URL.Path, "remote", r.RemoteAddr)
	})
}
