package h2c

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/wye-org/wye/internal/talk"
)

// H2c smuggling, golang/go#80416: a reverse proxy that passes Upgrade on becomes
// a tunnel through which HTTP/2 passes by its rules. Whatever a client names in
// Connection, httputil.ReverseProxy passes on "Connection: Upgrade" alone.
func TestH2CSmugglingThroughReverseProxy(t *testing.T) {
	_, address := serve(t, nil, nil)
	backend := &url.URL{Scheme: "http", Host: address}
	for _, proxy := range []struct {
		name string
		*httputil.ReverseProxy
	}{
		{"NewSingleHostReverseProxy", httputil.NewSingleHostReverseProxy(backend)},
		{"Rewrite", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(backend) }}},
	} {
		front := httptest.NewServer(proxy)
		defer front.Close()
		for _, fields := range []string{
			asking,
			strings.Replace(asking, ", HTTP2-Settings", "", 1),
			strings.Replace(asking, "Connection: Upgrade, HTTP2-Settings", "Connection: Upgrade\r\nConnection: HTTP2-Settings", 1),
			strings.Replace(asking, "h2c", "HTTP/2.0", 1),
		} {
			p := talk.To(t, front.Listener.Addr().String())
			p.Say("GET /allowed HTTP/1.1\r\nHost: host.example\r\n" + fields + "\r\n")
			if _, body := p.WantResponse("GET", http.StatusOK); !strings.HasPrefix(body, "HTTP/1.1 GET /allowed") {
				t.Errorf("%s, %q: got %q", proxy.name, fields, body)
			}
		}
	}
}

// A proxy that passes on all of Connection is found by what it says of itself.
func TestH2CSmugglingThroughAProxyThatPassesAllOn(t *testing.T) {
	_, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say("GET /allowed HTTP/1.1\r\nHost: host.example\r\nX-Forwarded-For: 192.0.2.1\r\n" + asking + "\r\n")
	p.WantResponse("GET", http.StatusOK)
}
