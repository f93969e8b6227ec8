package websocket

import (
	"net/http"
	"time"
)

// Backoff returns what says how long Reconnect waits.
func Backoff(opts *ReconnectOptions) func(lived time.Duration, err error) (time.Duration, bool) {
	return (&backoff{ReconnectOptions: opts}).next
}

// RetryAfter is what reads a refusal's.
func RetryAfter(resp *http.Response, limit time.Duration) time.Duration {
	return retryAfter(resp, limit)
}
