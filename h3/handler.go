package h3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/wye-org/wye"
)

// headTimeout bounds the sending of a response's head.
const headTimeout = 10 * time.Second

// Handler is next for an http3.Server. Behind it an extended CONNECT is accepted
// as an upgrade request over HTTP/1.1 is, by [wye.Accept] and all that stands on
// it; the handler may return before the connection ends. srv is the server that
// the requests are said to come to, as [http.ServerContextKey]: the connections
// join its [wye.GroupOf], so that [Shutdown] ends them with those that come over
// TCP. The Shutdown of an http3.Server alone tells them nothing, and waits for
// them. nil: they join no group.
func Handler(next http.Handler, srv *http.Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if srv != nil {
			r = r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, srv))
		}
		if r.Method == http.MethodConnect && r.ProtoMajor == 3 {
			w = &writer{w, r}
		}
		next.ServeHTTP(w, r)
	})
}

// writer is the ResponseWriter of an extended CONNECT.
type writer struct {
	http.ResponseWriter
	r *http.Request
}

var _ wye.Acceptor = (*writer)(nil)

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// AcceptUpgrade answers with 200 and the fields h beside those that are set
// already, and returns the stream. It fails, and has sent nothing, where token is not what
// the request asked for.
func (w *writer) AcceptUpgrade(token string, h http.Header) (wye.Conn, error) {
	if w.r.Proto != token {
		return nil, fmt.Errorf("h3: the request asks for %q, not for %q", w.r.Proto, token)
	}
	streamer, err := w.streamer()
	if err != nil {
		return nil, err
	}
	header := w.Header()
	for name, values := range h {
		header[name] = values
	}
	rc := http.NewResponseController(w.ResponseWriter)
	rc.SetWriteDeadline(time.Now().Add(headTimeout))
	w.WriteHeader(http.StatusOK)
	s, err := streamer.HTTPStream()
	if err != nil {
		return nil, fmt.Errorf("h3: sending the response's head: %w", err)
	}
	// Where client and server have RESET_STREAM_AT, the head comes through
	// although the stream is reset at once.
	s.QUICStream().SetReliableBoundary()
	if err := errors.Join(s.SetReadDeadline(time.Time{}), s.SetWriteDeadline(time.Time{})); err != nil {
		return nil, err
	}
	c := &conn{stream: s}
	c.local, _ = w.r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	c.remote, _ = w.r.Context().Value(http3.RemoteAddrContextKey).(net.Addr)
	return c, nil
}

// streamer looks for quic-go's ResponseWriter behind wrappers.
func (w *writer) streamer() (http3.HTTPStreamer, error) {
	for outer := w.ResponseWriter; ; {
		switch t := outer.(type) {
		case http3.HTTPStreamer:
			return t, nil
		case interface{ Unwrap() http.ResponseWriter }:
			outer = t.Unwrap()
		default:
			return nil, fmt.Errorf("h3: %w: %T is not quic-go's ResponseWriter, and has no Unwrap that leads to it", wye.ErrNotHijackable, outer)
		}
	}
}
