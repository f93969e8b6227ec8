package websocket

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/wye-org/wye"
)

// backoff says how long to wait before an attempt. "…the first reconnect attempt
// SHOULD be delayed by a random amount of time. … Should the first reconnect
// attempt fail, subsequent reconnect attempts SHOULD be delayed by increasingly
// longer amounts of time, using a method such as truncated binary exponential
// backoff." RFC 6455 §7.2.3
type backoff struct {
	*ReconnectOptions
	failures int // attempts in a row that came to nothing
	waits    int // since a connection was stable
}

// next returns the wait after a connection that lived so long and ended with
// err; false: no further attempt is to be made.
func (b *backoff) next(lived time.Duration, err error) (time.Duration, bool) {
	if lived >= orDefault(b.StableAfter, 30*time.Second) {
		b.failures, b.waits = 0, 0
	} else {
		b.failures++
	}
	if b.MaxAttempts > 0 && b.failures >= b.MaxAttempts {
		return 0, false
	}
	least, most := time.Duration(0), b.ceiling()
	b.waits++
	switch closed := closeByPeer(err); {
	case closed == StatusServiceRestart:
		most = max(most, orDefault(b.RestartSpread, 10*time.Second))
	case closed == StatusTryAgainLater:
		least = orDefault(b.OverloadDelay, 30*time.Second)
	default:
		least = retryAfter(refusal(err), orDefault(b.MaxRetryAfter, 15*time.Minute))
	}
	jitter := rand.N(most)
	return least + min(jitter, math.MaxInt64-least), true
}

// ceiling is the upper end of the wait. Full jitter, from 0 to there, spreads
// many clients best.
func (b *backoff) ceiling() time.Duration {
	// "…a value chosen randomly between 0 and 5 seconds is a reasonable initial
	// delay". RFC 6455 §7.2.3
	most, limit := orDefault(b.BackoffBase, 5*time.Second), orDefault(b.BackoffMax, time.Minute)
	for range b.waits {
		if most > limit/2 {
			return limit
		}
		most *= 2
	}
	return min(most, limit)
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// refusal returns the response of a server or proxy that err stands for; nil:
// there is none.
func refusal(err error) *http.Response {
	var server *wye.RefusedError
	if errors.As(err, &server) {
		return server.Response
	}
	var proxy *wye.ProxyError
	if errors.As(err, &proxy) {
		return proxy.Response
	}
	return nil
}

// closeByPeer returns the code of the peer's Close frame; 0: it sent none.
func closeByPeer(err error) StatusCode {
	var closed *CloseError
	if errors.As(err, &closed) && closed.Remote && closed.Err == nil {
		return closed.Code
	}
	return 0
}

// retryAfter returns how long resp asks to wait, limit at the most. RFC
// 9110 section 10.2.3. A nil resp asks for nothing.
func retryAfter(resp *http.Response, limit time.Duration) time.Duration {
	if resp == nil || resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusTooManyRequests {
		return 0
	}
	value := resp.Header.Get("Retry-After")
	seconds, err := strconv.ParseUint(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		if seconds >= uint64(limit/time.Second) {
			return limit
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now := time.Now()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		now = date // by the clock that the time was read from
	}
	return min(max(at.Sub(now), 0), limit)
}
