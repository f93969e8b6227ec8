package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// showsHistory says that the connection's first message is what the dashboard
// tells a newcomer, and that a sample follows.
func showsHistory(r *raw) {
	r.t.Helper()
	for _, want := range []string{"history", "sample"} {
		var message struct{ Type string }
		if p := r.text(); json.Unmarshal(p, &message) != nil || message.Type != want {
			r.t.Errorf("got %.100q, want a message of the type %q", p, want)
		}
	}
}

// text reads one unfragmented text message. RFC 6455 §5.2
func (r *raw) text() []byte {
	r.t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil || head[0] != 0x81 {
		r.t.Fatalf("a frame begins with % x, %v", head, err)
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var b [2]byte
		io.ReadFull(r.in, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		io.ReadFull(r.in, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(r.in, p); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// startAdmin is start with a second listener, whose address it returns.
func startAdmin(t testing.TB, args ...string) (server *running, admin string) {
	t.Helper()
	server = start(t, append(args, "--admin", "127.0.0.1:0")...)
	server.log.until(t, "admin on ")
	_, admin, _ = strings.Cut(server.log.String(), "admin on http://")
	admin, _, _ = strings.Cut(admin, "\n")
	return server, admin
}

// everythingAdmin is all that the admin listener tells.
func everythingAdmin(t testing.TB, addr string) string {
	t.Helper()
	var said strings.Builder
	for _, path := range []string{"/metrics", "/inspect/refusals", "/inspect/connections?limit=200", "/inspect/connections?limit=200&sort=path", "/livez", "/readyz"} {
		said.WriteString(httpGet(t, "http://"+addr+path))
	}
	for _, path := range []string{"/inspect/live", "/api/live-metrics"} {
		r := dialRaw(t, addr)
		r.send(opening(path))
		if a := r.receive(); a.status != "101 Switching Protocols" {
			t.Fatalf("got\n%v", a)
		}
		said.Write(r.text())
		said.Write(r.text())
		r.c.Close()
	}
	return said.String()
}

func httpGet(t testing.TB, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, resp.Status, err, body)
	}
	return string(body)
}

// The inspector is where nobody else can reach it.
func TestWhereTheInspectorIs(t *testing.T) {
	const forbidden, missing, ok = "403 Forbidden", "404 Not Found", "200 OK"
	tokens := tokenFile(t, "ada:s3same")
	for _, tt := range []struct {
		about  string
		args   []string
		fields []string
		want   string
	}{
		{"on loopback", nil, []string{"Host: localhost"}, ok},
		{"by its address", nil, []string{"Host: 127.0.0.1:1"}, ok},
		{"by another name", []string{"--host", "*"}, []string{"Host: rebound.example"}, forbidden},
		{"through a proxy", nil, []string{"Host: localhost", "X-Forwarded-For: 203.0.113.9"}, forbidden},
		{"through another", nil, []string{"Host: localhost", "Via: 1.1 proxy"}, forbidden},
		{"for a page that may connect to the rest", []string{"--origin", "https://other.example"}, []string{"Host: localhost", "Origin: https://other.example"}, forbidden},
		{"for its own page", nil, []string{"Host: localhost", "Origin: http://localhost"}, ok},
		{"where tokens are asked for", []string{"--token-file", tokens}, []string{"Host: localhost", "Authorization: Bearer s3same"}, missing},
		{"behind a proxy", []string{"--trusted-proxy", "127.0.0.1"}, []string{"Host: localhost"}, missing},
		{"in public", []string{"--public"}, []string{"Host: localhost"}, missing},
		{"where others reach it", []string{"--listen", "0.0.0.0:0", "--public"}, []string{"Host: localhost"}, missing},
	} {
		t.Run(tt.about, func(t *testing.T) {
			server := start(t, tt.args...)
			_, port, _ := net.SplitHostPort(server.addr)
			for _, path := range []string{"/inspect/connections", "/inspect/refusals", "/metrics"} {
				r := dialRaw(t, "127.0.0.1:"+port)
				r.send("GET " + path + " HTTP/1.1\r\n" + strings.Join(tt.fields, "\r\n") + "\r\nConnection: close\r\n\r\n")
				if a := r.receiveHead(); a.status != tt.want {
					t.Errorf("%s:\n%v", path, a)
				}
			}
			// These are anywhere.
			for _, path := range []string{"/livez", "/readyz"} {
				r := dialRaw(t, "127.0.0.1:"+port)
				r.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
				if a := r.receive(); a.status != ok {
					t.Errorf("%s:\n%v", path, a)
				}
			}
		})
	}
}

// receiveHead reads one response, of whatever length.
func (r *raw) receiveHead() reply {
	r.t.Helper()
	resp, err := http.ReadResponse(r.in, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{status: resp.Status, body: string(body)}
}

// The admin listener sees what happens on the other one, and nothing else is on
// it.
func TestAdmin(t *testing.T) {
	server, admin := startAdmin(t, "--token-file", tokenFile(t, "ada:s3same"), "--drain", "0s")
	a, conn := server.answers(t, opening("/echo", "Authorization: Bearer s3same", "Sec-WebSocket-Protocol: chat"))
	if a.status != "101 Switching Protocols" {
		t.Fatalf("got\n%v", a)
	}
	conn.echoes()
	a, lines := server.answers(t, request("GET /", "Connection: upgrade", "Upgrade: foo/2", "Authorization: Bearer s3same"))
	if a.status != "101 Switching Protocols" {
		t.Fatalf("got\n%v", a)
	}
	lines.echoesLines()
	server.answers(t, opening("/echo"))
	server.answers(t, request("GET /", "Connection: upgrade", "Upgrade: foo/2"))
	server.answers(t, opening("/ws/%00", "Authorization: Bearer s3same"))

	var page struct {
		Total       int
		Connections []map[string]any
	}
	if err := json.Unmarshal([]byte(httpGet(t, "http://"+admin+"/inspect/connections?sort=opened")), &page); err != nil || page.Total != 2 {
		t.Fatalf("%+v, %v", page, err)
	}
	echo, token := page.Connections[0], page.Connections[1]
	if echo["endpoint"] != "/echo" || echo["principal"] != "ada" || echo["subprotocol"] != "chat" || echo["client"] != "127.0.0.1" || echo["carrier"] != "h1" || echo["token"] != "websocket" {
		t.Errorf("%v", echo)
	}
	if token["token"] != "foo/2" || token["principal"] != "ada" || token["endpoint"] != "/" || token["path"] != "/" {
		t.Errorf("%v", token)
	}
	refusals := httpGet(t, "http://"+admin+"/inspect/refusals")
	for _, want := range []string{`"total":3`, `"status":401`, `"token":"foo/2"`, `"status":400`, `"path":"/ws/%00"`} {
		if !strings.Contains(refusals, want) {
			t.Errorf("there is no %s in %s", want, refusals)
		}
	}
	metrics := httpGet(t, "http://"+admin+"/metrics")
	for _, want := range []string{
		`wye_connections{carrier="h1",endpoint="/echo",token="websocket"} 1`,
		`wye_connections{carrier="h1",endpoint="/",token="foo/2"} 1`,
		`wye_handshake_total{result="switched"} 2`,
		`wye_handshake_total{result="401"} 2`,
		`wye_handshake_total{result="400"} 1`,
		`wye_messages_received_total{type="text"} 1`,
	} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("there is no %s in\n%s", want, metrics)
		}
	}
	for _, path := range []string{"/echo", "/ws/lobby", "/api/chat/room/lobby", "/ticket"} {
		r := dialRaw(t, admin)
		r.send(opening(path))
		if a := r.receive(); a.status != "404 Not Found" {
			t.Errorf("%s on the admin listener:\n%v", path, a)
		}
	}

	// Closed by hand, with a code.
	resp, err := http.Post(fmt.Sprintf("http://%s/inspect/connections/%v/close", admin, echo["id"]), "application/json", strings.NewReader(`{"code":4001,"reason":"enough"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	conn.gets("\x88\x08\x0f\xa1enough")
}

func TestAdminAsksForTokens(t *testing.T) {
	server, admin := startAdmin(t, "--admin-token-file", tokenFile(t, "root:0pen"))
	for fields, want := range map[string]string{"X: y": "401 Unauthorized", "Authorization: Bearer 0pen": "200 OK", "Authorization: Bearer other": "401 Unauthorized"} {
		for _, path := range []string{"/inspect/connections", "/inspect/refusals", "/metrics"} {
			r := dialRaw(t, admin)
			r.send(request("GET "+path, fields, "Connection: close"))
			if a := r.receiveHead(); a.status != want {
				t.Errorf("%s with %q:\n%v", path, fields, a)
			}
		}
	}
	for fields, want := range map[string]string{"X: y": "401 Unauthorized", "Authorization: Bearer 0pen": "101 Switching Protocols"} {
		for _, path := range []string{"/inspect/live", "/api/live-metrics"} {
			r := dialRaw(t, admin)
			r.send(opening(path, fields))
			if a := r.receive(); a.status != want {
				t.Errorf("%s with %q:\n%v", path, fields, a)
			}
		}
	}
	// A ticket is good for one request, also of those that are not switched.
	r := dialRaw(t, admin)
	r.send(request("POST /ticket?path=/metrics", "Authorization: Bearer 0pen", "Content-Length: 0"))
	var ticket struct{ Ticket string }
	json.Unmarshal([]byte(r.receive().body), &ticket)
	for _, want := range []string{"200 OK", "401 Unauthorized"} {
		r := dialRaw(t, admin)
		r.send(request("GET /metrics?ticket="+ticket.Ticket, "Connection: close"))
		if a := r.receiveHead(); a.status != want {
			t.Errorf("got\n%v", a)
		}
	}
	// Without the main listener's own.
	if a, _ := server.answers(t, opening("/echo")); a.status != "101 Switching Protocols" {
		t.Errorf("got\n%v", a)
	}
}

func TestServeRefusesToStartForItsAdmin(t *testing.T) {
	for _, tt := range []struct {
		about string
		args  []string
		want  string
	}{
		{"reachable by others", []string{"--admin", "0.0.0.0:0"}, "add --admin-token-file"},
		{"in public all the same", []string{"--admin", ":0", "--public"}, "add --admin-token-file"},
		{"with the tokens of everybody", []string{"--admin", ":0", "--token-file", tokenFile(t, "ada:s3same")}, "add --admin-token-file"},
		{"no address", []string{"--admin", "nonsense"}, "--admin nonsense"},
		{"tokens without a listener", []string{"--admin-token-file", tokenFile(t, "ada:s3same")}, "--admin 127.0.0.1:9090"},
		{"no such file", []string{"--admin", "127.0.0.1:0", "--admin-token-file", "/none"}, "--admin-token-file"},
		{"an empty file", []string{"--admin", "127.0.0.1:0", "--admin-token-file", tokenFile(t, "#")}, "nobody could connect"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			code, stderr := refusedStart(t, append(tt.args, "--listen", "127.0.0.1:0")...)
			if code != exitUsage || !strings.Contains(stderr, tt.want) || strings.Contains(stderr, "s3same") {
				t.Errorf("exit code %d with %q; want %d and %q", code, stderr, exitUsage, tt.want)
			}
		})
	}
	// With tokens of its own it may be anywhere.
	server := start(t, "--admin", "0.0.0.0:0", "--admin-token-file", tokenFile(t, "root:0pen"))
	server.log.until(t, "admin on ")
}
