package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"github.com/wye-org/wye/cmd/wye/metrics"
	"github.com/wye-org/wye/hub"
)

// hubOptions are the flags of wye serve that are about the hub.
type hubOptions struct {
	node       string
	namespaces namespacesFlag
	jwt        jwtFlags
	apiKeyFile string
	engineOptions
}

func hubFlags(f *pflag.FlagSet, o *hubOptions) {
	f.Var(&o.namespaces, "namespace", "channels of the hub whose names begin with NAME and a colon, and what they are, such as orders,history=1000/24h,presence; whose token names it may join (repeatable)")
	f.StringVar(&o.jwt.keyFile, "jwt-key-file", "", "`file` of the keys of clients' tokens: a secret, PEM or a JWKS")
	f.StringVar(&o.jwt.algorithm, "jwt-algorithm", "", "`algorithm` of that key, where it could be several; HS256 or RS256 unless given")
	f.StringVar(&o.jwt.jwks, "jwt-jwks", "", "https `URL` of a JWKS with such keys")
	f.StringVar(&o.jwt.audience, "jwt-audience", "", "what such a token's aud has to have; needed with a key")
	f.StringVar(&o.jwt.issuer, "jwt-issuer", "", "what its iss has to be; empty: anything")
	f.StringVar(&o.apiKeyFile, "api-key-file", "", "`file` of keys, one a line, of programs that may use the HTTP API on --admin; or the variable "+apiKeyVar)
	f.StringVar(&o.node, "node", "", "`name` of this server among those that share an engine; the host's unless given")
	engineFlags(f, &o.engineOptions)
}

// nodeName is what others know this server by.
func (o hubOptions) nodeName() string {
	if o.node != "" {
		return o.node
	}
	name, err := os.Hostname()
	if err != nil {
		return "wye"
	}
	return name
}

// oneOfSeveral is the name of a server that may share its engine with others; "": it
// stands alone.
func (o hubOptions) oneOfSeveral() string {
	if o.engine == "nats" || o.clusterListen != "" {
		return o.nodeName()
	}
	return ""
}

// openedHub is the hub, and what ends with it.
type openedHub struct {
	*hub.Hub
	engine openedEngine
	log    *slog.Logger
}

// openHub opens the hub, and says who may be its client. The caller closes it.
func openHub(ctx context.Context, o serveOptions, ob *observed, loopback bool, log *slog.Logger) (*openedHub, clientOptions, error) {
	clients, err := o.clients(ob.clients.Hooks(), log)
	if err != nil {
		return nil, clients, &exitError{exitUsage, err}
	}
	engine, err := o.engineOptions.open(ctx, o.nodeName(), log)
	if err != nil {
		return nil, clients, err
	}
	h, err := newHub(engine.Engine, o.nodeName(), o.namespaces, boundsFor(o), log)
	if err != nil {
		engine.close(log)
		code := exitUsage
		if engine.Engine != nil {
			code = exitFail
		}
		return nil, clients, &exitError{code, err}
	}
	opened := &openedHub{h, engine, log}
	if err := ob.enableAPI(o, o.local(loopback), h, log); err != nil {
		opened.close()
		return nil, clients, &exitError{exitUsage, err}
	}
	ob.counted = append(ob.counted, metrics.Hub{Stats: h.Stats})
	return opened, clients, nil
}

func (h *openedHub) close() {
	h.Close()
	h.engine.close(h.log)
}
