package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// tokenFile is a file of these lines.
func tokenFile(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// answers sends one request on a connection of its own.
func (s *running) answers(t testing.TB, send string) (reply, *raw) {
	t.Helper()
	r := dialRaw(t, s.addr)
	r.send(send)
	return r.receive(), r
}

// Credentials, by each of their ways, over the wire.
func TestServeTokens(t *testing.T) {
	server := start(t, "--token-file", tokenFile(t, "# who may", "ada:s3same", "bob:0pen"), "--cookie", "sid")
	const (
		switched = "101 Switching Protocols"
		bad      = "400 Bad Request"
		unknown  = "401 Unauthorized"
	)
	for _, tt := range []struct {
		about, send, status string
		fields              []string
		body                string
	}{
		{"none", opening("/echo"), unknown, []string{"WWW-Authenticate", `Bearer realm="wye"`, "Sec-WebSocket-Accept", ""}, "Credentials required"},
		{"none to the chat", opening("/api/chat/room/lobby"), unknown, nil, ""},
		{"none to a room", opening("/ws/lobby"), unknown, nil, ""},
		{"none to a token", request("GET /", "Connection: upgrade", "Upgrade: example/1"), unknown, []string{"WWW-Authenticate", `Bearer realm="wye"`}, ""},
		{"Authorization", opening("/echo", "Authorization: Bearer s3same"), switched, nil, ""},
		{"Authorization to a token", request("GET /", "Connection: upgrade", "Upgrade: foo/2", "Authorization: Bearer 0pen"), switched, nil, ""},
		{"wrong", opening("/echo", "Authorization: Bearer wrong"), unknown, []string{"WWW-Authenticate", `Bearer realm="wye", error="invalid_token"`}, "Credentials not accepted"},
		{"of another scheme", opening("/echo", "Authorization: Basic s3same"), unknown, nil, ""},
		{"the cookie", opening("/echo", "Cookie: a=b; sid=s3same", "Origin: http://localhost"), switched, nil, ""},
		{"the cookie of another page's visitor", opening("/echo", "Cookie: sid=s3same", "Origin: https://evil.example"), "403 Forbidden", nil, ""},
		{"the cookie of a sandboxed page's visitor", opening("/echo", "Cookie: sid=s3same", "Origin: null"), "403 Forbidden", nil, ""},
		{"a subprotocol, and one to speak", opening("/echo", "Sec-WebSocket-Protocol: bearer.s3same, chat"), switched, []string{"Sec-WebSocket-Protocol", "chat"}, ""},
		{"a subprotocol where any is spoken", opening("/ws/lobby", "Sec-WebSocket-Protocol: bearer.s3same, v1"), switched, []string{"Sec-WebSocket-Protocol", "v1"}, ""},
		{"a subprotocol alone", opening("/echo", "Sec-WebSocket-Protocol: bearer.s3same"), bad, nil, "offer an application subprotocol too"},
		{"the query", opening("/echo?token=s3same"), switched, nil, ""},
		{"the same twice", opening("/echo?token=s3same", "Authorization: Bearer s3same"), switched, nil, ""},
		{"two different ones", opening("/echo?token=0pen", "Authorization: Bearer s3same"), bad, nil, "Different credentials"},
		{"the syntax comes first", opening("/echo", "Sec-WebSocket-Key: short"), bad, nil, "Invalid Sec-WebSocket-Key"},
		{"a page needs none", request("GET /"), "200 OK", nil, "/ticket"},
		{"a ticket by GET", request("GET /ticket?path=/echo", "Authorization: Bearer s3same"), "405 Method Not Allowed", []string{"Allow", "POST"}, ""},
		{"a ticket for nobody", request("POST /ticket?path=/echo", "Content-Length: 0"), unknown, nil, ""},
	} {
		t.Run(tt.about, func(t *testing.T) {
			a, _ := server.answers(t, tt.send)
			if a.status != tt.status || !strings.Contains(a.body, tt.body) {
				t.Fatalf("want %s with %q, got\n%v", tt.status, tt.body, a)
			}
			a.has(t, tt.fields...)
		})
	}
	t.Run("a ticket", func(t *testing.T) {
		ticket := ticketOverTheWire(t, server, "/echo", "s3same")
		a, r := server.answers(t, opening("/echo?ticket="+ticket))
		if a.status != switched {
			t.Fatalf("got\n%v", a)
		}
		r.echoes()
		if a, _ := server.answers(t, opening("/echo?ticket="+ticket)); a.status != unknown {
			t.Errorf("a ticket is good twice:\n%v", a)
		}
	})
}

func ticketOverTheWire(t testing.TB, server *running, path, token string) string {
	t.Helper()
	a, _ := server.answers(t, request("POST /ticket?path="+path, "Authorization: Bearer "+token, "Content-Length: 0"))
	var answer struct{ Ticket string }
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || a.status != "200 OK" || len(answer.Ticket) != 43 {
		t.Fatalf("POST /ticket:\n%v", a)
	}
	a.has(t, "Cache-Control", "no-store", "Content-Type", "application/json")
	return answer.Ticket
}

func TestNoTicketsWithoutTokens(t *testing.T) {
	if a, _ := start(t).answers(t, request("POST /ticket?path=/echo", "Content-Length: 0")); a.status != "404 Not Found" {
		t.Errorf("got\n%v", a)
	}
}

// Ten wrong guesses a minute; then the right one does not help either.
func TestServeFailedCredentials(t *testing.T) {
	server := start(t, "--token-file", tokenFile(t, "ada:s3same"))
	r := dialRaw(t, server.addr)
	for range 10 {
		r.send(opening("/echo", "Authorization: Bearer wrong"))
		if a := r.receive(); a.status != "401 Unauthorized" {
			t.Fatalf("got\n%v", a)
		}
	}
	r.send(opening("/echo", "Authorization: Bearer s3same"))
	a := r.receive()
	if seconds, err := strconv.Atoi(strings.Join(a.all("Retry-After"), " ")); a.status != "429 Too Many Requests" || err != nil || seconds < 1 || seconds > 6 {
		t.Errorf("got\n%v", a)
	}
	r.serves()
}

func TestServeRate(t *testing.T) {
	server := start(t, "--rate", "0.1/s,2")
	for range 2 {
		a, r := server.answers(t, opening("/echo"))
		if a.status != "101 Switching Protocols" {
			t.Fatalf("got\n%v", a)
		}
		r.echoes()
	}
	for _, send := range []string{opening("/echo"), opening("/ws/lobby"), request("GET /", "Connection: upgrade", "Upgrade: example/1")} {
		a, r := server.answers(t, send)
		if seconds, err := strconv.Atoi(strings.Join(a.all("Retry-After"), " ")); a.status != "429 Too Many Requests" || err != nil || seconds < 1 || seconds > 10 {
			t.Errorf("got\n%v", a)
		}
		r.serves() // pages are not what is counted
	}
	server.log.until(t, "more than the Rate")
}

// Who is who behind a proxy, and how many connections each may have.
func TestServeMaxConnectionsPerClient(t *testing.T) {
	server := start(t, "--max-connections-per-client", "1", "--trusted-proxy", "127.0.0.1")
	forward := func(client string) string { return opening("/echo", "X-Forwarded-For: 192.0.2.1, "+client) }
	first, conn := server.answers(t, forward("203.0.113.9"))
	other, _ := server.answers(t, forward("203.0.113.10"))
	second, _ := server.answers(t, forward("203.0.113.9"))
	if first.status != "101 Switching Protocols" || other.status != first.status || second.status != "429 Too Many Requests" || len(second.all("Retry-After")) != 1 {
		t.Errorf("got %s, %s of another, and\n%v", first.status, other.status, second)
	}
	// "1000 indicates a normal closure". RFC 6455 §7.4.1
	conn.send("\x88\x82\x00\x00\x00\x00\x03\xe8")
	conn.gets("\x88\x02\x03\xe8")
	conn.ends()
	for {
		if a, _ := server.answers(t, forward("203.0.113.9")); a.status == "101 Switching Protocols" {
			break
		}
	}
}

func TestThisMachinesConnectionsAreNotCounted(t *testing.T) {
	server := start(t, "--max-connections-per-client", "1")
	for range 3 {
		// Nobody vouches for the field.
		if a, _ := server.answers(t, opening("/echo", "X-Forwarded-For: 203.0.113.9")); a.status != "101 Switching Protocols" {
			t.Fatalf("got\n%v", a)
		}
	}
}

// The slot of a switched connection that is no WebSocket.
func TestServeMaxConnectionsOfTokens(t *testing.T) {
	server := start(t, "--max-connections", "1")
	ask := request("GET /", "Connection: upgrade", "Upgrade: example/1")
	_, first := server.answers(t, ask)
	first.echoesLines()
	if a, _ := server.answers(t, ask); a.status != "503 Service Unavailable" {
		t.Errorf("got\n%v", a)
	}
	first.c.Close()
	for {
		if a, _ := server.answers(t, ask); a.status == "101 Switching Protocols" {
			break
		}
	}
}

// A handler that has returned leaves its connection behind, and that counts.
func TestTheConnectionLimitHoldsAfterTheHandlerHasReturned(t *testing.T) {
	g := &gate.Gate{MaxConnections: 1}
	conns, returned := make(chan *websocket.Conn, 2), make(chan struct{}, 2)
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Gate: g}); err == nil {
			conns <- c
		}
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		returned <- struct{}{}
	}))
	defer srv.Close()
	addr := srv.Listener.Addr().String()
	ask := func() (reply, *raw) {
		r := dialRaw(t, addr)
		r.send(opening("/"))
		a := r.receive()
		select {
		case <-returned:
		case <-time.After(rawPatience):
			t.Fatalf("no handler has returned after\n%v", a)
		}
		return a, r
	}
	if a, _ := ask(); a.status != "101 Switching Protocols" {
		t.Fatalf("got\n%v", a)
	}
	for range 3 {
		if a, _ := ask(); a.status != "503 Service Unavailable" {
			t.Fatalf("while the first connection lives, the next is answered\n%v", a)
		}
	}
	first := <-conns
	first.CloseNow()
	<-first.Done()
	if a, _ := ask(); a.status != "101 Switching Protocols" {
		t.Errorf("after it has ended:\n%v", a)
	}
	(<-conns).CloseNow()
}

// Slow handshakes: a client that sends its request byte by byte, or stops in the
// middle, has a bound, and holds no slot while it does.
func TestSlowHandshakes(t *testing.T) {
	server := start(t, "--max-connections", "1")
	for range 5 {
		dialRaw(t, server.addr).send("GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: webso")
	}
	if a, _ := server.answers(t, opening("/echo")); a.status != "101 Switching Protocols" {
		t.Errorf("half requests hold slots:\n%v", a)
	}

	synctest.Test(t, func(t *testing.T) {
		srv := newServer(http.NotFoundHandler(), newLog(serveOptions{}, io.Discard))
		l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }() // ends with srv.Close; received below
		client, conn := net.Pipe()
		l.conns <- conn
		began := time.Now()
		var writer sync.WaitGroup
		writer.Go(func() { // ends when the server has closed the connection
			for _, err := client.Write([]byte("GET /echo HTTP/1.1\r\nX: ")); err == nil; _, err = client.Write([]byte("x")) {
				time.Sleep(time.Second)
			}
		})
		io.Copy(io.Discard, client)
		if took := time.Since(began); took < readHeaderTimeout || took > readHeaderTimeout+2*time.Second {
			t.Errorf("a head that never ends is read for %v", took)
		}
		writer.Wait()
		srv.Close()
		<-served
	})
}

// pipeListener accepts what it is given.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	close(l.closed)
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// DNS rebinding: an attacker's name that resolves to this machine, whose page
// therefore has it as its Origin, and its requests as their Host.
func TestDNSRebinding(t *testing.T) {
	server := start(t)
	for _, path := range []string{"/echo", "/api/chat/room/lobby", "/ws/lobby", "/"} {
		send := strings.Replace(opening(path, "Origin: http://rebound.example"), "Host: localhost", "Host: rebound.example", 1)
		if a, _ := server.answers(t, send); a.status != "403 Forbidden" || strings.Contains(a.String(), "rebound") {
			t.Errorf("%s:\n%v", path, a)
		}
	}
	// Nor does it help to name a host that is allowed where nobody asked for it.
	send := strings.Replace(opening("/echo", "X-Forwarded-Host: localhost"), "Host: localhost", "Host: rebound.example", 1)
	if a, _ := server.answers(t, send); a.status != "403 Forbidden" {
		t.Errorf("with X-Forwarded-Host:\n%v", a)
	}
}

// A token is looked for in everything that comes out of the server, whatever it
// was sent with and whatever came of it.
func TestCanary(t *testing.T) {
	const canary = "c4n4ryT0k3n"
	known, knownAdmin := startAdmin(t, "-v", "--cookie", "sid", "--token-file", tokenFile(t, "ada:"+canary), "--drain", "0s")
	unknown, unknownAdmin := startAdmin(t, "-v", "--cookie", "sid", "--token-file", tokenFile(t, "ada:another"), "--trusted-proxy", "127.0.0.1")
	nobody, nobodyAdmin := startAdmin(t, "-v", "--host", "*", "--drain", "0s")
	admins := map[*running]string{known: knownAdmin, unknown: unknownAdmin, nobody: nobodyAdmin}
	ticket := ticketOverTheWire(t, known, "/echo", canary)
	for _, server := range []*running{known, unknown, nobody} {
		var said strings.Builder
		var live []*raw
		for i, secret := range []struct {
			fields []string
			query  string
		}{
			{[]string{"Authorization: Bearer " + canary}, ""},
			{[]string{"Authorization: " + canary}, ""},
			{[]string{"Proxy-Authorization: Basic " + canary}, ""},
			{[]string{"Cookie: sid=" + canary + "; other=" + canary}, ""},
			{[]string{"Sec-WebSocket-Protocol: bearer." + canary}, ""},
			{[]string{"Sec-WebSocket-Protocol: bearer." + canary + ", chat"}, ""},
			{[]string{"Sec-WebSocket-Protocol: bearer." + canary + ", " + "chat-protocol-v1"}, ""},
			{nil, "?token=" + canary},
			{nil, "?to%6ben=" + canary},
			{nil, "?ticket=" + canary},
			{nil, "?ticket=" + ticket},
			{[]string{"Authorization: Bearer other"}, "?token=" + canary},
			{[]string{"Origin: https://user:" + canary + "@localhost"}, ""},
			{[]string{"Origin: https://evil.example/?token=" + canary}, ""},
			{[]string{"Referer: http://localhost/?token=" + canary, "X-Forwarded-For: " + fmt.Sprint("203.0.113.", 9)}, ""},
		} {
			forwarded := fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i) // no failure of one is another's
			for _, path := range []string{"/echo", "/ws/lobby", "/api/chat/room/lobby", "/none", "/", "//echo", "/a/../echo", "/assets/../echo", "/ticket", "/readyz"} {
				fields := slices.Concat(secret.fields, []string{forwarded})
				for _, send := range []string{
					opening(path+secret.query, fields...),
					request("GET "+path+secret.query, fields...),
					strings.Replace(opening(path+secret.query, fields...), exampleKey, "short", 1),
					strings.Replace(opening(path+secret.query, fields...), "Host: localhost", "Host: user:"+canary+"@localhost", 1),
					request("GET "+path+secret.query, append(fields, "Connection: upgrade", "Upgrade: example/1")...),
					request("POST /ticket"+secret.query, append(fields, "Content-Length: 0")...),
				} {
					r := dialRaw(t, server.addr)
					r.send(send)
					a := r.receive()
					said.WriteString(a.String())
					if strings.HasPrefix(a.status, "101 ") && path != "/ws/lobby" && len(live) < 150 {
						live = append(live, r) // for the inspector to list
						continue
					}
					r.c.Close()
				}
			}
			said.WriteString(everythingAdmin(t, admins[server]))
		}
		for _, r := range live {
			r.c.Close()
		}
		if server != unknown && len(live) == 0 {
			t.Error("no connection was there to be listed")
		}
		said.WriteString(server.log.String())
		for _, s := range []string{canary, ticket} {
			if at := strings.Index(said.String(), s); at >= 0 {
				t.Errorf("the secret is repeated: …%s…", said.String()[max(0, at-300):at+50])
			}
		}
		if !strings.Contains(said.String(), "path=/echo") {
			t.Error("nothing was logged")
		}
	}
}

func TestShowSecrets(t *testing.T) {
	const origin = "https://user:s3same@evil.example"
	for _, show := range []bool{false, true} {
		var out strings.Builder
		newLog(serveOptions{showSecrets: show}, &out).Info("asked", "url", origin)
		if strings.Contains(out.String(), "s3same") != show {
			t.Errorf("--show-secrets=%v: %s", show, out.String())
		}
	}
}

func TestServeTLS(t *testing.T) {
	server := start(t, "--tls-self-signed", "--host", "dev.example")
	if !strings.HasPrefix(server.url, "https://") {
		t.Fatalf("listening on %s", server.url)
	}
	server.log.until(t, "certificate SHA-256 ")
	_, sum, _ := strings.Cut(server.log.String(), "certificate SHA-256 ")
	sum, _, _ = strings.Cut(sum, "\n")

	c, err := tls.Dial("tcp", server.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	state := c.ConnectionState()
	cert := state.PeerCertificates[0]
	if got := fmt.Sprintf("%x", sha256.Sum256(cert.Raw)); got != sum || state.NegotiatedProtocol != "http/1.1" {
		t.Errorf("the certificate is %s, not %s as it was printed; the protocol is %s", got, sum, state.NegotiatedProtocol)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "dev.example"} {
		if err := cert.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	r := rawOver(t, c)
	r.send(opening("/echo", "Origin: http://localhost"))
	if a := r.receive(); a.status != "403 Forbidden" {
		t.Errorf("a page without TLS, over TLS:\n%v", a)
	}
	r.send(opening("/echo", "Origin: https://localhost"))
	if a := r.receive(); a.status != "101 Switching Protocols" {
		t.Fatalf("got\n%v", a)
	}
	r.echoes()
}

func TestServeTLSOfFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir)
	server := start(t, "--tls-cert", cert, "--tls-key", key)
	c, err := tls.Dial("tcp", server.addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	rawOver(t, c).serves()
	if strings.Contains(server.log.String(), "SHA-256") {
		t.Error("the sum of a certificate that an authority may vouch for is printed")
	}
}

// writeCertificate writes a certificate and its key into files of dir.
func writeCertificate(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	cert, err := selfSigned([]string{"localhost"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestServeRefusesToStartForItsGate(t *testing.T) {
	for _, tt := range []struct {
		about string
		args  []string
		want  string
	}{
		{"reachable by others", []string{"--listen", "0.0.0.0:0"}, "add --token-file"},
		{"no such file", []string{"--token-file", "/none"}, "--token-file"},
		{"an empty file", []string{"--token-file", tokenFile(t, "# nobody")}, "nobody could connect"},
		{"a file that is none", []string{"--token-file", tokenFile(t, "s3same")}, "line 1: want name:token"},
		{"a cookie without tokens", []string{"--cookie", "sid"}, "--token-file"},
		{"a cookie for any page", []string{"--cookie", "sid", "--origin", "*", "--token-file", tokenFile(t, "ada:s3same")}, "Origins has `*`"},
		{"a rate without a unit", []string{"--rate", "10"}, "such as 10/s"},
		{"a rate of nothing", []string{"--rate", "0/s"}, "above 0"},
		{"a rate without a burst", []string{"--rate", "1/s,"}, "10/s,50"},
		{"a proxy by name", []string{"--trusted-proxy", "nginx"}, "10.0.0.0/8"},
		{"half of a certificate", []string{"--tls-cert", "cert.pem"}, "--tls-key"},
		{"two certificates", []string{"--tls-cert", "cert.pem", "--tls-key", "key.pem", "--tls-self-signed"}, "leave out"},
		{"a certificate that is not there", []string{"--tls-cert", "/none", "--tls-key", "/none"}, "--tls-cert"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			if !slices.Contains(tt.args, "--listen") {
				tt.args = append(tt.args, "--listen", "127.0.0.1:0")
			}
			code, stderr := refusedStart(t, tt.args...)
			if code != exitUsage || !strings.Contains(stderr, tt.want) || strings.Contains(stderr, "listening on") || strings.Contains(stderr, "s3same") {
				t.Errorf("exit code %d with %q; want %d and %q", code, stderr, exitUsage, tt.want)
			}
		})
	}
}

// Where others can reach it, a file of tokens is enough to start, and there is
// no way in without one.
func TestServeOthersByToken(t *testing.T) {
	server := start(t, "--listen", "0.0.0.0:0", "--token-file", tokenFile(t, "ada:s3same"))
	_, port, _ := net.SplitHostPort(server.addr)
	for fields, want := range map[string]string{"X: y": "401 Unauthorized", "Authorization: Bearer s3same": "101 Switching Protocols"} {
		r := dialRaw(t, "127.0.0.1:"+port)
		r.send(opening("/echo", fields))
		if a := r.receive(); a.status != want {
			t.Errorf("with %q:\n%v", fields, a)
		}
	}
}

func TestRateFlag(t *testing.T) {
	for s, want := range map[string]gate.Rate{"10/s": {PerSecond: 10}, "0.5/s,3": {PerSecond: 0.5, Burst: 3}} {
		var f rateFlag
		if err := f.Set(s); err != nil || gate.Rate(f) != want || f.String() != s {
			t.Errorf("%s is %+v, printed as %s, %v", s, f, &f, err)
		}
	}
	for _, s := range []string{"", "/s", "10", "-1/s", "NaN/s", "Inf/s", "1/m", "1/s,0", "1/s,x", "1/s,2,3"} {
		var f rateFlag
		if err := f.Set(s); err == nil || f != (rateFlag{}) {
			t.Errorf("%q is %+v, %v", s, f, err)
		}
	}
}

func TestProxiesFlag(t *testing.T) {
	var f proxiesFlag
	for _, s := range []string{"10.0.0.0/8", "192.0.2.7", "::ffff:192.0.2.8", "fd00::/8"} {
		if err := f.Set(s); err != nil {
			t.Error(err)
		}
	}
	if got := f.String(); got != "10.0.0.0/8 192.0.2.7/32 192.0.2.8/32 fd00::/8" {
		t.Errorf("got %s", got)
	}
}
