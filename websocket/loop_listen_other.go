//go:build !linux

package websocket

import (
	"net"
	"net/http"
)

func serveHeads(srv *http.Server, ln *net.TCPListener, _ *ServeOptions) error { return srv.Serve(ln) }
