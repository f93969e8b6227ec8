package h2_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h2"
	_ "github.com/wye-org/wye/h2/announce"
	"github.com/wye-org/wye/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// insecure is for the certificates of httptest.
var insecure = &tls.Config{InsecureSkipVerify: true}

// newServer serves h over TLS, HTTP/2 and HTTP/1.1.
func newServer(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	// The default lets one stream that nobody reads use up the connection's
	// window.
	srv.Config.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10, MaxReceiveBufferPerConnection: 2 << 20}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

// newTransport returns a Transport that ends with the test.
func newTransport(t *testing.T) *h2.Transport {
	transport := new(h2.Transport)
	t.Cleanup(func() { transport.Close() })
	return transport
}

// dialOver is websocket.Dial over transport.
func dialOver(ctx context.Context, transport wye.Carrier, url string, opts *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	var own websocket.DialOptions
	if opts != nil {
		own = *opts
	}
	own.Carriers, own.TLSConfig = []wye.Carrier{transport}, insecure
	return websocket.Dial(ctx, url, &own)
}
