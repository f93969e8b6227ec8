package connect

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// Bounds of the wait before a next attempt.
const (
	firstBackoff = 500 * time.Millisecond
	mostBackoff  = 30 * time.Second
	// steady is how long a connection has to have lived for the next failure
	// to count as a first one.
	steady = 10 * time.Second
)

// backoff spreads attempts over time, so that the clients of a server that fell
// do not come back in the same moment: with full jitter, uniformly from nothing
// to a bound that doubles.
type backoff struct {
	attempt int // since the last steady connection
}

// next returns how long to wait; what the server said about that is heeded.
func (b *backoff) next(e *ending) time.Duration {
	low, high := time.Duration(0), mostBackoff
	if b.attempt < 6 {
		high = firstBackoff << b.attempt
	}
	b.attempt++
	switch {
	case e.code == websocket.StatusServiceRestart:
		// "…should reconnect using a randomized delay of 5 - 30s." as 1012 is
		// registered
		low, high = 5*time.Second, 30*time.Second
	case e.code == websocket.StatusTryAgainLater:
		// It is overloaded: longer than for a restart.
		low, high = 15*time.Second, 60*time.Second
	case e.retryAfter > 0:
		low, high = e.retryAfter, e.retryAfter+high
	}
	return low + rand.N(high-low)
}

// maxRetryAfter bounds how long a server can send us away for.
const maxRetryAfter = time.Hour

// retryAfter reads the field in seconds; dates are not heeded. RFC 9110 section
// 10.2.3.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

// again reports whether a next attempt may end better. A clean close is what the
// server wants; a refusal for what the client is, or an error that is the
// client's, would only come again.
func (e *ending) again() bool {
	switch {
	case e.code == websocket.StatusGoingAway:
		return true // it goes, and another may come
	case e.failure == nil:
		return false
	}
	switch e.failure.Code {
	case ExitConnect, ExitTimeOut:
		return true
	case ExitAbnormal:
		return !brokeRules(e.failure)
	case ExitErrorCode:
		switch e.code {
		case websocket.StatusInternalError, websocket.StatusServiceRestart, websocket.StatusTryAgainLater, websocket.StatusBadGateway:
			return true
		}
	case ExitRefused:
		switch e.status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
	}
	return false
}

// brokeRules reports whether the server's fault is one that it will make again.
func brokeRules(f *Failure) bool {
	return errors.As(f, new(*wye.HandshakeError)) || errors.As(f, new(*wire.Violation))
}
