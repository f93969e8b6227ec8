package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/wye-org/wye/h2c"
	"github.com/wye-org/wye/tlsupgrade"
)

const askH2C = "GET /api/data HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAQAAP__\r\n\r\n"
const askTLS = "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n"

// On a loopback address both upgrades are there, and the plain port speaks
// HTTP/2 at once too.
func TestServeUpgrades(t *testing.T) {
	s := start(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/data", nil)
	if err != nil {
		t.Fatal(err)
	}
	c, resp, err := h2c.Dial(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if body, _ := io.ReadAll(resp.Body); resp.Proto != "HTTP/2.0" || string(body) != `{"data":"example"}` {
		t.Errorf("h2c: got %s with %q", resp.Proto, body)
	}
	if resp, err = c.RoundTrip(r); err != nil || resp.StatusCode != 200 {
		t.Errorf("h2c, a second request: got %v, %v", resp, err)
	}
	// The Host is judged there too.
	other := r.Clone(t.Context())
	other.Host = "evil.example"
	if resp, err = c.RoundTrip(other); err != nil || resp.StatusCode != 403 {
		t.Errorf("h2c, another Host: got %v, %v", resp, err)
	}

	atOnce := &http.Transport{Protocols: new(http.Protocols)}
	atOnce.Protocols.SetUnencryptedHTTP2(true)
	defer atOnce.CloseIdleConnections()
	if resp, err := atOnce.RoundTrip(r); err != nil || resp.Proto != "HTTP/2.0" || resp.StatusCode != 200 {
		t.Errorf("HTTP/2 at once: got %v, %v", resp, err)
	}

	// The certificate is the one whose SHA-256 was printed.
	var sum string
	over := &http.Transport{DialContext: (&tlsupgrade.Dialer{TLSConfig: &tls.Config{
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			sum = sumOf(tls.Certificate{Certificate: [][]byte{state.PeerCertificates[0].Raw}})
			return state.PeerCertificates[0].VerifyHostname("127.0.0.1")
		},
	}}).DialContext}
	defer over.CloseIdleConnections()
	resp, err = over.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); string(body) != `{"data":"example"}` {
		t.Errorf("TLS: got %s with %q", resp.Status, body)
	}
	s.log.until(t, "certificate SHA-256 behind Upgrade: TLS "+sum+"\n")
}

// Elsewhere, and with the flag, what it says; never to a trusted proxy.
func TestServeUpgradesWhereAskedFor(t *testing.T) {
	for _, tt := range []struct {
		args     string
		h2c, tls bool
		sum      bool // a certificate is printed
	}{
		{"", true, true, true},
		{"--upgrade none", false, false, false},
		{"--upgrade h2c", true, false, false},
		{"--upgrade tls", false, true, true},
		{"--public --listen 0.0.0.0:0", false, false, false},
		{"--public --listen 0.0.0.0:0 --upgrade h2c,tls", true, true, true},
		{"--trusted-proxy 127.0.0.1", false, false, true},
		{"--trusted-proxy 127.0.0.0/8 --upgrade h2c --upgrade tls", false, false, true},
		{"--trusted-proxy 10.0.0.0/8", true, true, true},
	} {
		t.Run(tt.args, func(t *testing.T) {
			s := start(t, strings.Fields(tt.args)...)
			addr := strings.Replace(s.addr, "0.0.0.0", "127.0.0.1", 1)
			addr = strings.Replace(addr, "[::]", "127.0.0.1", 1)
			for _, asked := range []struct {
				request string
				want    bool
			}{{askH2C, tt.h2c}, {askTLS, tt.tls}} {
				p := dialRaw(t, addr)
				p.send(asked.request)
				a := p.receive()
				if got := strings.HasPrefix(a.status, "101 "); got != asked.want {
					t.Errorf("%.20q: got %s, want a switch: %t", asked.request, a.status, asked.want)
				}
			}
			if tt.sum {
				s.log.until(t, "behind Upgrade: TLS")
			}
			s.stop()
			<-s.exit
			if !tt.sum && strings.Contains(s.log.String(), "behind Upgrade: TLS") {
				t.Error("a certificate is printed")
			}
		})
	}
}

// answersInHTTP2 says that behind a 101 to h2c the server has its SETTINGS, and
// the response to the request that upgraded.
func (r *raw) answersInHTTP2() {
	r.t.Helper()
	r.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	for first := true; ; first = false {
		head := make([]byte, 9) // of a frame: length, type, flags, stream
		if _, err := io.ReadFull(r.in, head); err != nil {
			r.t.Fatal(err)
		}
		if first && head[3] != 4 {
			r.t.Errorf("the server's first frame is of type %d, want SETTINGS", head[3])
		}
		if head[3] == 1 { // HEADERS
			if head[8] != 1 {
				r.t.Errorf("a response came on stream %d, want 1", head[8])
			}
			return
		}
		if _, err := r.in.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2])); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestServeUpgradeUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--upgrade h3":                    `--upgrade "h3": want h2c, tls, both`,
		"--upgrade none,h2c":              "--upgrade none goes with nothing else",
		"--upgrade h2c --tls-self-signed": "--upgrade h2c is for connections without TLS",
	} {
		var stderr strings.Builder
		code := run(t.Context(), append([]string{"serve", "--listen", "127.0.0.1:0"}, strings.Fields(args)...), stdio{strings.NewReader(""), io.Discard, &stderr})
		if code != exitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: exit code %d, %q", args, code, stderr.String())
		}
	}
	s := start(t, "--tls-self-signed", "--upgrade", "none")
	if strings.Contains(s.log.String(), "behind Upgrade") {
		t.Error("a port with TLS has the upgrade")
	}
}
