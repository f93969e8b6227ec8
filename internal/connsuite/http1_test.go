package connsuite_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
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

// So do those whose connections never were net/http's.
func TestConnOfListener(t *testing.T) {
	connsuite.Run(t, connsuite.Carrier{Name: "h1", Callbacks: true, Serve: serveOwn})
}

// What has no Loop passes on to net/http.
func TestConnThroughListener(t *testing.T) {
	connsuite.Run(t, connsuite.Carrier{Name: "h1", Serve: serveOwn})
}

func serveOwn(t *testing.T, e *websocket.Endpoint) connsuite.Server {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: e}
	served := make(chan struct{})
	go func() { // ends with Close
		defer close(served)
		websocket.Serve(srv, ln, nil)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	return connsuite.Server{
		URL: "http://" + ln.Addr().String(),
		Shutdown: func(ctx context.Context, d wye.Drain) (wye.DrainCounts, error) {
			return wye.Shutdown(ctx, srv, d)
		},
	}
}

func TestConnOverTLS(t *testing.T) {
	connsuite.Run(t, connsuite.Carrier{Name: "h1", Serve: serveTLS, Dial: dialTLS})
}

// The ends that are parked while they are idle do, too.
func TestConnOfLoopOverTLS(t *testing.T) {
	connsuite.Run(t, connsuite.Carrier{Name: "h1", Callbacks: true, Serve: serveTLS, Dial: dialTLS})
}

func serveTLS(t *testing.T, e *websocket.Endpoint) connsuite.Server {
	return suiteServer(t, httptest.NewTLSServer(e))
}

func dialTLS(ctx context.Context, url string, opts *websocket.DialOptions) (*websocket.Conn, error) {
	var own websocket.DialOptions
	if opts != nil {
		own = *opts
	}
	own.TLSConfig = &tls.Config{InsecureSkipVerify: true}
	c, _, err := websocket.Dial(ctx, url, &own)
	return c, err
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
