package h3

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/wye-org/wye"
)

// Shutdown is [wye.Shutdown] for srv, which may have listeners of its own or
// none, and for the http3.Server beside it, whose Handler is a [Handler] of srv:
// upgraded connections over both are asked to leave. Clients are told by a
// GOAWAY, and their QUIC connections end a second after the last upgraded one at
// the latest. It does not wait for handlers that do not end with their stream.
func Shutdown(ctx context.Context, s *http3.Server, srv *http.Server, d wye.Drain) (wye.DrainCounts, error) {
	quicCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(quicCtx) }() // ends with quicCtx and its handlers
	counts, err := wye.Shutdown(ctx, srv, d)
	wait := func() bool {
		timer := time.NewTimer(lastWords)
		defer timer.Stop()
		select {
		case e := <-done:
			if e != nil && !errors.Is(e, context.Canceled) && !errors.Is(err, e) {
				err = errors.Join(err, e)
			}
			return true
		case <-timer.C:
			return false
		}
	}
	if !wait() {
		cancel() // clients that keep their connection
		wait()
	}
	return counts, err
}
