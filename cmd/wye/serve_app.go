package main

import (
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/chat"
	"github.com/wye-org/wye/cmd/wye/echo"
	"github.com/wye-org/wye/cmd/wye/lines"
	"github.com/wye-org/wye/cmd/wye/relay"
	"github.com/wye-org/wye/cmd/wye/site"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// appOptions are what the endpoints are made with.
type appOptions struct {
	gate      *gate.Gate
	bounds    bounds
	unready   func() bool // whether /readyz says no
	websocket websocket.Options
	log       *slog.Logger
}

// app is everything that wye serve answers.
type app struct {
	http.Handler
	closers []interface{ Close() }
}

// endpoint is a path as it is mounted and as the start page tells of it.
type endpoint struct {
	site.Endpoint
	http.Handler
}

// newApp mounts the endpoints. The caller closes the app when its last
// connection has ended.
func newApp(o appOptions) (*app, error) {
	var pages *site.Site // tells of the endpoints, one of which falls back to it
	tokens := &wye.Switch{
		Protocols: []wye.Offer{
			{Token: wye.Token{Name: "example", Version: "1"}, Protocol: lines.Echo(o.bounds.rate)},
			{Token: wye.Token{Name: "foo", Version: "2"}, Protocol: lines.Echo(o.bounds.rate)},
		},
		Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pages.Index(w, r) }),
		Logger:   o.log,
	}

	accept := websocket.AcceptOptions{Options: o.websocket, Gate: o.gate}
	echoes, rooms := accept, accept
	echoes.MaxMessage, rooms.MaxMessage = o.bounds.echoMessage, o.bounds.roomMessage
	chats := chat.NewHandler(o.bounds.rooms, o.bounds.chat, accept)
	relays := relay.NewHandler(o.bounds.rooms, o.bounds.rate, rooms)

	capped := newCap(o.bounds.connections, o.log)
	endpoints := []endpoint{
		{aboutChat, capped.limit(chats)},
		{aboutEcho, capped.limit(echo.Handler(o.bounds.rate, echoes))},
		{aboutRelay, capped.limit(relays)},
		{aboutTokens, capped.limitUpgrades(tokens)},
		{aboutData, http.HandlerFunc(data)},
		{aboutReady, ready(o.unready)},
	}
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
		return nil, err
	}
	page, err := site.File("pages/chat.html")
	if err != nil {
		return nil, err
	}
	mux.Handle(aboutChat.Page, page)
	mux.Handle("/assets/{file}", site.Assets())
	return &app{admit(o.gate, o.log, mux), []interface{ Close() }{chats, relays}}, nil
}

// Close drops what the endpoints keep.
func (a *app) Close() {
	for _, c := range a.closers {
		c.Close()
	}
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

// admit asks g about the Host of every request, so that no page of another name
// that resolves to this server can read what is here.
func admit(g *gate.Gate, log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pass, err := g.Admit(r)
		if err != nil {
			log.WarnContext(r.Context(), "refused", "path", r.URL.Path, "remote", r.RemoteAddr, "err", err)
			wye.Answer(w, err)
			return
		}
		defer pass.Release()
		log.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "remote", r.RemoteAddr)
		next.ServeHTTP(w, r)
		log.DebugContext(r.Context(), "ended", "path", r.URL.Path, "remote", r.RemoteAddr)
	})
}

// connectionCap bounds the connections that are or want to be upgraded: their
// handlers run as long as they live.
type connectionCap struct {
	most int64
	live atomic.Int64
	log  *slog.Logger
}

func newCap(most int, log *slog.Logger) *connectionCap {
	return &connectionCap{most: int64(most), log: log}
}

// limit is for a path with nothing but an upgrade to be had. A plain request
// there counts too: a page sends one to be told why its WebSocket failed.
func (c *connectionCap) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer c.live.Add(-1)
		if c.live.Add(1) > c.most {
			c.log.WarnContext(r.Context(), "refused: too many connections", "path", r.URL.Path, "remote", r.RemoteAddr, "max", c.most)
			wye.Answer(w, &wye.Refusal{
				Status: http.StatusServiceUnavailable,
				Header: http.Header{"Retry-After": {"10"}},
				Text:   "The server has all the connections that it takes, try later",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limitUpgrades is for a path that has an ordinary answer beside the upgrade.
func (c *connectionCap) limitUpgrades(next http.Handler) http.Handler {
	limited := c.limit(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(wye.Requested(r)) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		limited.ServeHTTP(w, r)
	})
}
