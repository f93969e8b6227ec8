package websocket

import (
	"net"
	"net/http"
	"time"
)

// ServeOptions are the options of [Serve]. The zero value is the default.
type ServeOptions struct {
	// Route says which Endpoint an opening handshake is for; nil says that it
	// is net/http's, as does an Endpoint without a Loop. It gets the request as
	// a handler would, must not block, and must leave it as it is. What is
	// before srv.Handler's own choice, middleware, does not see a request that
	// is routed here. nil: srv.Handler decides, if it is an Endpoint, or an
	// [http.ServeMux] whose handler for the request is one. What is wrapped is
	// net/http's then.
	Route func(r *http.Request) *Endpoint

	// MaxHeads bounds the connections whose request has not come yet. When one
	// more comes, the one that has been silent for the longest is closed. 0:
	// 4,096. Each may hold a head of 16 KiB.
	MaxHeads int
}

// Serve is srv.Serve(ln) for servers of very many WebSocket connections: their
// opening handshakes cost less, and while a request has not come there is
// neither a goroutine nor a buffer for it.
//
// It accepts the connections itself and reads the first head of each. One that
// is a plain opening handshake for an [Endpoint] with a [Loop] it gives to
// [Accept] and then to that Loop; the answers are the same. All others go to srv
// with every byte that has come, as do those requests that follow on a refused
// one. srv's Shutdown and Close end it, and what is accepted joins srv's
// [wye.Group]; so [wye.Shutdown] ends all of it. It returns what srv.Serve
// does.
//
// A head has srv.ReadHeaderTimeout to come, or ReadTimeout, or 10 seconds; one
// of more than 16 KiB is left to srv. Of an Endpoint served so nothing blocks
// but what AcceptOptions has in Gate, Check and SelectSubprotocol, which run on
// goroutines. srv.ConnState does not learn of its connections, and BaseContext
// is asked once more.
//
// That holds on Linux, for ln as [net.Listen] returns it for TCP, and an srv
// without a ConnContext. Elsewhere it is srv.Serve(ln).
func Serve(srv *http.Server, ln net.Listener, opts *ServeOptions) error {
	tcp, ok := ln.(*net.TCPListener)
	if !ok || !canPoll || srv.ConnContext != nil {
		return srv.Serve(ln)
	}
	if opts == nil {
		opts = new(ServeOptions)
	}
	return serveHeads(srv, tcp, opts)
}

// route returns the Endpoint that r is for, and the handler that leads there and
// runs nothing else; nil: it is for net/http.
func (o *ServeOptions) route(srv *http.Server, r *http.Request) (e *Endpoint, h http.Handler) {
	if o.Route != nil {
		if e = o.Route(r); e == nil {
			return nil, nil
		}
		h = e
	} else {
		h = srv.Handler
		if h == nil {
			h = http.DefaultServeMux
		}
		found := h
		if mux, ok := h.(*http.ServeMux); ok {
			found, _ = mux.Handler(r)
		}
		e, _ = found.(*Endpoint)
	}
	if e == nil || e.opts.Loop == nil {
		return nil, nil
	}
	return e, h
}

// mayBlock reports whether judging a request may take a while.
func (e *Endpoint) mayBlock() bool {
	return e.opts.Gate != nil || e.opts.Check != nil || e.opts.SelectSubprotocol != nil
}

func (o *ServeOptions) maxHeads() int {
	if o.MaxHeads > 0 {
		return o.MaxHeads
	}
	return 4096
}

// headTimeout is how long a head may take.
func headTimeout(srv *http.Server) time.Duration {
	for _, d := range [...]time.Duration{srv.ReadHeaderTimeout, srv.ReadTimeout} {
		if d > 0 {
			return d
		}
	}
	return 10 * time.Second
}

// headLimit is how long a head may be.
func headLimit(srv *http.Server) int {
	if srv.MaxHeaderBytes > 0 {
		return min(srv.MaxHeaderBytes, maxHead)
	}
	return maxHead
}
