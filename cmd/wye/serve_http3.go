package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h3"
)

// altSvcAge is how long a client may remember that HTTP/3 is here, in seconds.
const altSvcAge = 3600

// checkHTTP3 finds flags that contradict each other.
func checkHTTP3(o serveOptions) error {
	if o.http3 && o.tlsCert == "" && !o.tlsSelfSigned {
		return errors.New("--http3 needs TLS: add --tls-cert and --tls-key, or --tls-self-signed")
	}
	return nil
}

// listenBoth is listen, and for HTTP/3 a socket on the same port of UDP; nil:
// none is asked for.
func listenBoth(ctx context.Context, o serveOptions) (net.Listener, net.PacketConn, error) {
	var failed error
	for range 10 { // a free port of TCP need not be one of UDP
		listener, err := listen(ctx, o)
		if err != nil || !o.http3 {
			return listener, nil, err
		}
		var lc net.ListenConfig
		socket, err := lc.ListenPacket(ctx, "udp", listener.Addr().String())
		if err == nil {
			return listener, socket, nil
		}
		listener.Close()
		failed = &exitError{exitFail, fmt.Errorf("--http3: %w", err)}
		if _, port, err := net.SplitHostPort(o.listen); err != nil || port != "0" {
			break
		}
	}
	return nil, nil, failed
}

// over3 is HTTP/3 beside an http.Server. A nil one is none.
type over3 struct {
	server    *http3.Server
	transport *quic.Transport
	listener  *boundedListener
	socket    net.PacketConn
	served    chan error // has how serving ended
}

// newOver3 makes the server, and lets srv tell its clients. socket is over3's to
// close; nil: it returns nil.
func newOver3(o serveOptions, srv *http.Server, socket net.PacketConn, config *tls.Config, log *slog.Logger) (*over3, error) {
	if socket == nil {
		return nil, nil
	}
	s := &over3{socket: socket, transport: &quic.Transport{Conn: socket}, served: make(chan error, 1), server: &http3.Server{
		Handler:        h3.Handler(timed(srv.Handler), srv),
		MaxHeaderBytes: maxHead,
		IdleTimeout:    idleTimeout,
		Logger:         log,
	}}
	listener, err := s.transport.Listen(http3.ConfigureTLSConfig(config), &quic.Config{
		// While there is a stream, silence is no end.
		KeepAlivePeriod: 15 * time.Second,
		MaxIdleTimeout:  30 * time.Second,
	})
	if err != nil {
		socket.Close()
		return nil, &exitError{exitFail, fmt.Errorf("--http3: %w", err)}
	}
	s.listener = &boundedListener{Listener: listener, most: int64(o.maxConnections)}
	srv.Handler = announce(srv.Handler, socket.LocalAddr().(*net.UDPAddr).Port)
	go func() { s.served <- s.server.ServeListener(s.listener) }() // ends with close; received there
	return s, nil
}

// shutdown ends srv and the HTTP/3 beside it.
func (s *over3) shutdown(ctx context.Context, srv *http.Server, d wye.Drain) (wye.DrainCounts, error) {
	if s == nil {
		return wye.Shutdown(ctx, srv, d)
	}
	return h3.Shutdown(ctx, s.server, srv, d)
}

// close ends what is left.
func (s *over3) close() {
	if s == nil {
		return
	}
	s.listener.Close()
	s.transport.Close()
	s.socket.Close()
	<-s.served
}

// announce tells clients in each response that HTTP/3 is to be had on the port.
// RFC 7838 §3, RFC 9114 §3.1.1
func announce(next http.Handler, port int) http.Handler {
	value := fmt.Sprintf(`h3=":%d"; ma=%d`, port, altSvcAge)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(wye.Requested(r)) == 0 {
			w.Header().Set("Alt-Svc", value)
		}
		next.ServeHTTP(w, r)
	})
}

// timed has the bounds of a request's body and its response that http.Server has
// over TCP. An upgrade takes them off.
func timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		end := time.Now().Add(exchangeTimeout)
		rc.SetReadDeadline(end)
		rc.SetWriteDeadline(end)
		next.ServeHTTP(w, r)
	})
}

// boundedListener turns away the QUIC connections that are too many.
type boundedListener struct {
	*quic.Listener
	most int64
	open atomic.Int64
}

// Accept returns the next connection that there is room for.
func (l *boundedListener) Accept(ctx context.Context) (*quic.Conn, error) {
	for {
		c, err := l.Listener.Accept(ctx)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(c.Context(), func() { l.open.Add(-1) })
		if l.open.Add(1) <= l.most {
			return c, nil
		}
		c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeExcessiveLoad), "too many connections")
	}
}
