package main

import (
	"net"
	"net/http"

	"github.com/wye-org/wye/websocket"
)

// wyeListenerServer serves connections by callbacks that it has accepted itself.
func wyeListenerServer(mode deflate) (endpoints, error) {
	e, err := wyeLoopServer(mode)
	e.listen = func(srv *http.Server, ln net.Listener) error { return websocket.Serve(srv, ln, nil) }
	return e, err
}
