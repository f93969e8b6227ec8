package connect

import (
	"net/http"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// Full jitter: from nothing to a bound that doubles up to the most; what the
// server said moves it.
func TestBackoff(t *testing.T) {
	const rounds = 2000
	for _, x := range []struct {
		why       string
		attempt   int
		e         ending
		low, high time.Duration
	}{
		{"first", 0, ending{}, 0, 500 * time.Millisecond},
		{"second", 1, ending{}, 0, time.Second},
		{"sixth", 5, ending{}, 0, 16 * time.Second},
		{"seventh", 6, ending{}, 0, 30 * time.Second},
		{"thousandth", 999, ending{}, 0, 30 * time.Second},
		{"service restart", 0, ending{code: websocket.StatusServiceRestart}, 5 * time.Second, 30 * time.Second},
		{"try again later", 3, ending{code: websocket.StatusTryAgainLater}, 15 * time.Second, time.Minute},
		{"Retry-After", 0, ending{retryAfter: 7 * time.Second}, 7 * time.Second, 7500 * time.Millisecond},
	} {
		low, high := time.Hour, time.Duration(0)
		for range rounds {
			b := backoff{attempt: x.attempt}
			d := b.next(&x.e)
			low, high = min(low, d), max(high, d)
		}
		// With so many rounds nearly all of the range was seen.
		slack := (x.high - x.low) / 50
		if low < x.low || high >= x.high || low > x.low+slack || high < x.high-slack {
			t.Errorf("%s: from %v to %v, want from %v to %v", x.why, low, high, x.low, x.high)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "999999999": time.Hour, "99999999999999999999": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestAgain(t *testing.T) {
	failed := func(code int) *Failure { return fail(code, errInput, "x") }
	for _, x := range []struct {
		why  string
		e    ending
		want bool
	}{
		{"clean", ending{code: 1000}, false},
		{"going away", ending{code: websocket.StatusGoingAway}, true},
		{"TCP", ending{failure: failed(ExitConnect)}, true},
		{"time-out", ending{failure: failed(ExitTimeOut)}, true},
		{"broken off", ending{failure: failed(ExitAbnormal)}, true},
		{"a bad 101", ending{failure: fail(ExitAbnormal, &wye.HandshakeError{}, "x")}, false},
		{"bad frames", ending{failure: fail(ExitAbnormal, &wire.Violation{}, "x")}, false},
		{"TLS", ending{failure: failed(ExitTLS)}, false},
		{"usage", ending{failure: failed(ExitUsage)}, false},
		{"403", ending{failure: failed(ExitRefused), status: 403}, false},
		{"429", ending{failure: failed(ExitRefused), status: 429}, true},
		{"503", ending{failure: failed(ExitRefused), status: 503}, true},
		{"1008", ending{failure: failed(ExitErrorCode), code: websocket.StatusPolicyViolation}, false},
		{"1011", ending{failure: failed(ExitErrorCode), code: websocket.StatusInternalError}, true},
		{"1012", ending{failure: failed(ExitErrorCode), code: websocket.StatusServiceRestart}, true},
		{"1013", ending{failure: failed(ExitErrorCode), code: websocket.StatusTryAgainLater}, true},
		{"4000", ending{failure: failed(ExitErrorCode), code: 4000}, false},
	} {
		if got := x.e.again(); got != x.want {
			t.Errorf("%s: %v", x.why, got)
		}
	}
}
