package connect

import (
	"context"
	"net/http"
	"time"

	"github.com/wye-org/wye/websocket"
)

// Bounds of the wait before a next attempt, as in websocket.ReconnectOptions: a
// person may be watching.
const (
	firstBackoff = time.Second
	mostBackoff  = 30 * time.Second
)

// reconnecting makes connections until one ends for good.
func (s *session) reconnecting(ctx context.Context) *Failure {
	var last ending
	attempts := 0
	handle := func(_ context.Context, c *websocket.Conn) error {
		if last = s.converse(ctx, c); last.done {
			return nil
		}
		return c.Err() // the end came by itself
	}
	err := websocket.Reconnect(ctx, s.o.URL, handle, &websocket.ReconnectOptions{
		DialOptions: *s.websocketOptions(),
		Dial: func(ctx context.Context, _ string, _ *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
			attempts++
			c, resp, err := s.dialWebSocket(ctx)
			if err != nil {
				last = s.noConnection(err, resp)
			}
			return c, resp, err
		},
		BackoffBase: firstBackoff,
		BackoffMax:  mostBackoff,
		Retry: func(err error) bool {
			// A certificate does not get better by asking again.
			return websocket.ShouldReconnect(err) && (last.failure == nil || last.failure.Code != ExitTLS)
		},
		OnWait: func(_ error, delay time.Duration) {
			why := "the server closed"
			if last.failure != nil {
				why = last.failure.Error()
			}
			s.display.event(event{Event: "retry", Error: why, Attempt: attempts, Delay: float64(delay) / float64(time.Millisecond)})
		},
	})
	if last.failure == nil && err != nil && ctx.Err() == nil && attempts == 0 {
		return fail(ExitUsage, err, "%v", err) // it did not come to an attempt
	}
	return last.failure
}
