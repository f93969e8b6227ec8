package h2_test

import (
	"context"
	"testing"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/internal/connsuite"
	"github.com/wye-org/wye/websocket"
)

func TestConnOverHTTP2(t *testing.T) {
	transport := newTransport(t)
	connsuite.Run(t, connsuite.Carrier{
		Name: "h2",
		Serve: func(t *testing.T, e *websocket.Endpoint) connsuite.Server {
			srv := newServer(t, e)
			return connsuite.Server{
				URL: srv.URL,
				Shutdown: func(ctx context.Context, d wye.Drain) (wye.DrainCounts, error) {
					return wye.Shutdown(ctx, srv.Config, d)
				},
				Kill: func() { srv.Config.Close() },
			}
		},
		Dial: func(ctx context.Context, url string, opts *websocket.DialOptions) (*websocket.Conn, error) {
			c, _, err := dialOver(ctx, transport, url, opts)
			return c, err
		},
	})
}
