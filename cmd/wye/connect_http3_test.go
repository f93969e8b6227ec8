package main

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"github.com/wye-org/wye/h3"
)

// besides serves what s does over HTTP/3 too, on the same port of UDP.
func besides(t testing.TB, s *httptest.Server) {
	t.Helper()
	socket, err := net.ListenPacket("udp", s.Listener.Addr().String())
	if err != nil {
		t.Skipf("the port is taken for UDP: %v", err)
	}
	over3 := &http3.Server{
		Handler:   h3.Handler(s.Config.Handler, s.Config),
		TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: s.TLS.Certificates}),
	}
	served := make(chan struct{})
	go func() { // received below
		defer close(served)
		over3.Serve(socket)
	}()
	t.Cleanup(func() {
		over3.Close()
		socket.Close()
		<-served
	})
}
