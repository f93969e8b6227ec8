package main

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h2"
	"github.com/wye-org/wye/websocket"
)

// The suite's frames over streams of HTTP/2, those that take long aside.
func TestConformOverHTTP2(t *testing.T) {
	s := start(t, "--tls-self-signed")
	code, out, errs := conforms(t, "wss://"+s.addr+"/echo", "--carrier", "h2", "--insecure", "--json", "--quick")
	var last struct {
		Summary struct{ Cases, Pass, Informational int }
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n := last.Summary
	if code != 0 || n.Pass+n.Informational != n.Cases || n.Pass < 500 || n.Informational > 60 {
		t.Errorf("exit code %d, %+v, %s", code, n, errs)
	}
	if code, _, errs := conforms(t, "ws://127.0.0.1:1/echo", "--carrier", "h9"); code != exitUsage || !strings.Contains(errs, "neither h1 nor h2") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	if code, _, errs := conforms(t, "--listen", "127.0.0.1:0", "--carrier", "h2"); code != exitUsage || !strings.Contains(errs, "for testing a server") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	if code, _, errs := conforms(t, "wss://192.0.2.1/echo", "--carrier", "h2"); code != exitUsage || !strings.Contains(errs, "--authorized 192.0.2.1") {
		t.Errorf("somebody else's server: exit code %d, %s", code, errs)
	}
}

// On the TLS port HTTP/2 is spoken, and WebSocket over it: judged as over
// HTTP/1.1, and told when the server ends.
func TestServeHTTP2(t *testing.T) {
	s := start(t, "--tls-self-signed")
	transport := new(h2.Transport)
	defer transport.Close()
	dial := func(path, origin string) (*websocket.Conn, error) {
		c, _, err := websocket.Dial(t.Context(), s.url+path, &websocket.DialOptions{
			Carriers: []wye.Carrier{transport}, TLSConfig: &tls.Config{InsecureSkipVerify: true},
			Header: http.Header{"Origin": {origin}}, Subprotocols: []string{"superchat"},
		})
		return c, err
	}
	c, err := dial("/echo", s.url)
	if err != nil {
		t.Fatal(err)
	}
	if c.Carrier() != "h2" || c.Subprotocol() != "superchat" {
		t.Errorf("carrier %s, subprotocol %s", c.Carrier(), c.Subprotocol())
	}
	c.Write(t.Context(), websocket.MessageText, []byte("hello"))
	if _, p, err := c.Read(t.Context()); string(p) != "hello" {
		t.Errorf("%q, %v", p, err)
	}
	if _, err := dial("/echo", "https://evil.example"); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("another origin: %v", err)
	}
	// To the client a 2xx would be a connection.
	for _, path := range []string{"/", "/api/data", "/healthz", "/nothing-there"} {
		if _, err := dial(path, s.url); err == nil {
			t.Errorf("%s takes an extended CONNECT", path)
		}
	}
	s.stop()
	_, _, err = c.Read(t.Context())
	if ce, ok := err.(*websocket.CloseError); !ok || ce.Code != websocket.StatusServiceRestart {
		t.Error(err)
	}
	if code := <-s.exit; code != 0 {
		t.Errorf("exit code %d", code)
	}
}
