package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h3"
	"github.com/wye-org/wye/websocket"
)

var untrusting = &tls.Config{InsecureSkipVerify: true}

// --http3 speaks HTTP/3 on the same port, says so over TCP, asks the gate, and
// is drained with the rest.
func TestServeHTTP3(t *testing.T) {
	server := start(t, "--tls-self-signed", "--http3", "--drain", "50ms", "-v")
	_, port, _ := strings.Cut(server.addr, ":")
	over1 := &http.Client{Transport: &http.Transport{TLSClientConfig: untrusting}}
	defer over1.CloseIdleConnections()
	resp, err := over1.Get(server.url + "/api/data")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header["Alt-Svc"]; len(got) != 1 || got[0] != fmt.Sprintf(`h3=":%s"; ma=3600`, port) {
		t.Errorf("announced %q", got)
	}

	// The 101 says nothing of it.
	up, resp, err := websocket.Dial(t.Context(), server.url+"/echo", &websocket.DialOptions{TLSConfig: untrusting})
	if err != nil {
		t.Fatal(err)
	}
	if up.CloseNow(); resp.Header["Alt-Svc"] != nil {
		t.Errorf("the 101 announces %q", resp.Header["Alt-Svc"])
	}

	// A plain client of quic-go's.
	over3 := &http3.Transport{TLSClientConfig: untrusting}
	defer over3.Close()
	resp, err = (&http.Client{Transport: over3}).Get(server.url + "/api/data")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if string(body) != `{"data":"example"}` || resp.Proto != "HTTP/3.0" || resp.Header.Get("Alt-Svc") != "" || err != nil {
		t.Errorf("%s %q %v", resp.Proto, body, err)
	}

	carrier := new(h3.Client)
	dial := func(origin string) (*websocket.Conn, *http.Response, error) {
		return websocket.Dial(t.Context(), server.url+"/echo", &websocket.DialOptions{
			TLSConfig: untrusting, Carriers: []wye.Carrier{carrier}, Header: http.Header{"Origin": {origin}},
		})
	}
	var refused *wye.RefusedError
	if _, _, err := dial("https://evil.example"); !errors.As(err, &refused) || refused.Response.StatusCode != http.StatusForbidden {
		t.Errorf("a page of somebody else: %v", err)
	}
	c, _, err := dial(server.url)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), rawPatience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(ctx); string(p) != "hello" || c.Carrier() != "h3" {
		t.Errorf("%q over %s, %v", p, c.Carrier(), err)
	}
	server.stop()
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Error(err)
	}
	if code := <-server.exit; code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
	server.log.until(t, "clean=1 forced=0 lost=0")
	carrier.Wait()
}

// Without TLS there is no HTTP/3, and without the flag nobody says that there
// is.
func TestServeWithoutHTTP3(t *testing.T) {
	var said strings.Builder
	if code := run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0", "--http3"}, stdio{strings.NewReader(""), io.Discard, &said}); code != exitUsage || !strings.Contains(said.String(), "--http3 needs TLS") {
		t.Errorf("exit code %d, %s", code, &said)
	}
	server := start(t, "--tls-self-signed")
	over1 := &http.Client{Transport: &http.Transport{TLSClientConfig: untrusting}}
	defer over1.CloseIdleConnections()
	resp, err := over1.Get(server.url + "/api/data")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header["Alt-Svc"]; got != nil {
		t.Errorf("announced %q", got)
	}
}
