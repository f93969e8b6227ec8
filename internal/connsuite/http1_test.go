package connsuite_test

import (
	"context"
	"crypto/tls"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/internal/connsuite"
	"github.com/wye-org/wye/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConnOverHTTP1(t *testing.T) {
	connsuite.Run(t, connsuite.Carrier{Name: "h1", Serve: func(t *testing.T, e *websocket.Endpoint) connsuite.Server {
		return suiteServer(t, httptest.NewServer(e))
	}})
}

// The ends of an event loop behave as those that are read from.
func TestConnOfLoop(t *testing.T) {
	connsuite.Run(t, connsuite.Carrier{Name: "h1", Callbacks: true, Serve: func(t *testing.T, e *websocket.Endpoint) connsuite.Server {
		return suiteServer(t, httptest.NewServer(e))
	}})
}

func TestConnOverTLS(t *testing.T) {
	connsuite.Run(t, connsuite.Carrier{
		Name: "h1",
		Serve: func(t *testing.T, e *websocket.Endpoint) connsuite.Server {
			return suiteServer(t, httptest.NewTLSServer(e))
		},
		Dial: func(ctx context.Context, url string, opts *websocket.DialOptions) (*websocket.Conn, error) {
			var own websocket.DialOptions
			if opts != nil {
				own = *opts
			}
			own.TLSConfig = &tls.Config{InsecureSkipVerify: true}
			c, _, err := websocket.Dial(ctx, url, &own)
			return c, err
		},
	})
}

func suiteServer(t *testing.T, srv *httptest.Server) connsuite.Server {
	t.Cleanup(srv.Close)
	return connsuite.Server{
		URL: srv.URL,
		Shutdown: func(ctx context.Context, d wye.Drain) (wye.DrainCounts, error) {
			return wye.Shutdown(ctx, srv.Config, d)
		},
	}
}
