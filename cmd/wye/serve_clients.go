package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/wye-org/wye/cmd/wye/site"
	"github.com/wye-org/wye/hub/server"
	"github.com/wye-org/wye/hub/server/jwt"
	"github.com/wye-org/wye/websocket"
)

// What the start page tells of the hub's own endpoints.
var (
	aboutClients = site.Endpoint{
		Paths: []string{"/connection/websocket"},
		Text:  "The hub, for Centrifugo's SDKs: channels with history, presence and recovery. Channels like demo:lobby are open.",
		Lines: []site.Line{
			{Tool: "wye", Text: `wye publish --server http://HOST demo:lobby hello`},
			{Tool: "websocat", Text: `(echo '{"id":1,"connect":{}}'; echo '{"id":2,"subscribe":{"channel":"demo:lobby"}}'; cat) | websocat ws://HOST/connection/websocket`},
			{Tool: "browser", Text: `c = new Centrifuge("ws://HOST/connection/websocket"); s = c.newSubscription("demo:lobby"); s.on("publication", m => console.log(m.data)); s.subscribe(); c.connect()`},
		},
	}
	aboutEvents = site.Endpoint{
		Paths: []string{"/sse/{channel}"},
		Text:  "A channel of the hub as server-sent events, which go on after Last-Event-ID without a gap.",
		Lines: []site.Line{
			{Tool: "wye", Text: `wye subscribe --server http://HOST demo:lobby`},
			{Tool: "curl", Text: `curl -N 'http://HOST/sse/demo:lobby?last=10'`},
			{Tool: "browser", Text: `new EventSource("http://HOST/sse/demo:lobby").onmessage = e => console.log(e.data)`},
		},
	}
)

// clientOptions say who may be a client of the hub.
type clientOptions struct {
	tokens         server.Tokens // nil: there are none
	open, admitted []string      // namespaces for everybody, and for whom the gate knows
	hooks          server.Hooks
}

// jwtFlags are those of tokens.
type jwtFlags struct {
	keyFile, algorithm, jwks, audience, issuer string
}

// tokens are nil where no flag asks for any.
func (f jwtFlags) tokens(log *slog.Logger) (server.Tokens, error) {
	switch {
	case f.keyFile == "" && f.jwks == "":
		if f != (jwtFlags{}) {
			return nil, errors.New("--jwt-audience, --jwt-issuer and --jwt-algorithm say which tokens are good, but there is no key to verify them: add --jwt-key-file or --jwt-jwks")
		}
		return nil, nil
	case f.audience == "":
		return nil, errors.New("--jwt-key-file and --jwt-jwks need --jwt-audience: what aud has to have, so that no token for another service is good here")
	}
	opts := jwt.Options{Audience: f.audience, Issuer: f.issuer}
	var err error
	if f.keyFile != "" {
		if opts.Keys, err = jwt.ReadFile(f.keyFile, f.algorithm); err != nil {
			return nil, fmt.Errorf("--jwt-key-file: %w", err)
		}
	}
	if f.jwks != "" {
		if opts.Remote, err = jwt.NewRemote(jwt.RemoteOptions{URL: f.jwks, Logger: log}); err != nil {
			return nil, fmt.Errorf("--jwt-jwks: %w", err)
		}
	}
	return jwt.New(opts)
}

// clients says who may be one. Without a name nobody is let into more than the demo,
// and into that where the server is open: on this machine, or with --public.
func (o serveOptions) clients(hooks server.Hooks, log *slog.Logger) (clientOptions, error) {
	tokens, err := o.jwt.tokens(log)
	if err != nil {
		return clientOptions{}, err
	}
	c := clientOptions{tokens: tokens, hooks: hooks}
	if o.tokenFile != "" {
		// The gate has asked for a token of the file by then: those who have one
		// run the server's other doors as well.
		c.admitted = []string{demoName}
		for _, ns := range o.namespaces {
			c.admitted = append(c.admitted, ns.Name)
		}
	} else {
		c.open = []string{demoName}
	}
	return c, nil
}

// clientEndpoints are the hub's own.
func clientEndpoints(o appOptions, accept websocket.AcceptOptions) ([]endpoint, error) {
	if o.bounds.rate > 0 {
		accept.MaxMessage = o.bounds.roomMessage + clientOverhead
		accept.MessageRate, accept.MessageBurst = float64(o.bounds.rate), clientBurst
	}
	s, err := server.New(server.Options{
		Hub:       o.hub,
		Tokens:    o.clients.tokens,
		Open:      o.clients.open,
		Admitted:  o.clients.admitted,
		WebSocket: accept,
		Hooks:     o.clients.hooks,
	})
	if err != nil {
		return nil, err
	}
	return []endpoint{{aboutClients, s.WebSocket()}, {aboutEvents, s.Events()}}, nil
}

const (
	// clientOverhead is what a command has beyond the message in it.
	clientOverhead = 1 << 10
	// clientBurst is how many messages may come at once where there is a rate: an
	// SDK begins with as many commands as its program has channels.
	clientBurst = 50
)
