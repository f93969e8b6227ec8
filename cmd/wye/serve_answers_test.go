package main

import (
	"io"
	"strings"
	"testing"
)

const (
	exampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	exampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// request writes a request of its first line and its fields; a Host is added.
func request(first string, fields ...string) string {
	return first + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
}

// opening is a client's opening handshake in good order, but for the fields
// that take the place of others of their name.
func opening(path string, changed ...string) string {
	fields := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + exampleKey}
	for i, f := range fields {
		name, _, _ := strings.Cut(f, ":")
		for _, c := range changed {
			if strings.HasPrefix(c, name+":") {
				fields[i] = ""
			}
		}
	}
	fields = append(fields, changed...)
	var kept []string
	for _, f := range fields {
		if f != "" && !strings.HasSuffix(f, ": -") { // "Name: -" takes it away
			kept = append(kept, f)
		}
	}
	return request("GET "+path, kept...)
}

// The answers on the wire, one by one: what is sent, what comes back, and what
// the connection is good for after that.
func TestAnswers(t *testing.T) {
	server := start(t)
	const (
		switched = "101 Switching Protocols"
		ok       = "200 OK"
		bad      = "400 Bad Request"
		forbid   = "403 Forbidden"
		method   = "405 Method Not Allowed"
		required = "426 Upgrade Required"
		plain    = "text/plain; charset=utf-8"
		badKey   = "WebSocket upgrade failed: Invalid Sec-WebSocket-Key"
	)
	echoes, echoesLines, serves, ends := (*raw).echoes, (*raw).echoesLines, (*raw).serves, (*raw).ends
	for _, tt := range []struct {
		about  string
		send   string
		status string
		fields []string // name, value; an empty value means no such field
		body   string   // what it has to contain
		then   func(*raw)
	}{
		{"the key of RFC 6455", opening("/echo"),
			switched, []string{"Sec-WebSocket-Accept", exampleAccept, "Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "", "Sec-WebSocket-Protocol", "", "Sec-WebSocket-Extensions", "", "Content-Length", "", "Content-Type", ""}, "", echoes},
		{"another key", opening("/echo", "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw=="),
			switched, []string{"Sec-WebSocket-Accept", "HSmrc0sMlYUkAGmm5OPpG2HaGWk=", "Sec-WebSocket-Version", ""}, "", echoes},
		{"the ticker's key", opening("/echo", "Sec-WebSocket-Key: c3RvY2sgdGlja2VyIGtleQ=="),
			switched, []string{"Sec-WebSocket-Accept", "YUXDrcWHxZ5u2E/pucE+XZob0QA=", "Sec-WebSocket-Version", ""}, "", echoes},
		{"the alias /socket", opening("/socket"), switched, []string{"Sec-WebSocket-Accept", exampleAccept}, "", echoes},
		{"the alias /chat", opening("/chat"), switched, []string{"Sec-WebSocket-Accept", exampleAccept}, "", echoes},
		{"the alias /ws", opening("/ws"), switched, []string{"Sec-WebSocket-Accept", exampleAccept}, "", echoes},

		{"the token in another case", opening("/echo", "Upgrade: WebSocket"), switched, []string{"Upgrade", "websocket"}, "", echoes},
		{"the token in capitals", opening("/echo", "Upgrade: WEBSOCKET"), switched, []string{"Upgrade", "websocket"}, "", echoes},
		{"Connection as one of several tokens", opening("/echo", "Connection: keep-alive, UPGRADE"), switched, []string{"Connection", "Upgrade"}, "", echoes},
		{"Connection over two lines", opening("/echo", "Connection: keep-alive", "Connection: upgrade"), switched, []string{"Connection", "Upgrade"}, "", echoes},

		{"several Upgrade lines", opening("/echo", "Upgrade: foo/2", "Upgrade: websocket"), switched, []string{"Upgrade", "websocket"}, "", echoes},
		{"several Upgrade tokens", opening("/echo", "Upgrade: foo/2, websocket"), switched, []string{"Upgrade", "websocket"}, "", echoes},
		{"several Sec-WebSocket-Protocol lines", opening("/echo", "Sec-WebSocket-Protocol: unknown", "Sec-WebSocket-Protocol: superchat, chat"), switched, []string{"Sec-WebSocket-Protocol", "superchat"}, "", echoes},
		{"several Sec-WebSocket-Extensions lines", opening("/echo", "Sec-WebSocket-Extensions: superspeed", "Sec-WebSocket-Extensions: colormode; depth=16"), switched, []string{"Sec-WebSocket-Extensions", ""}, "", echoes},

		{"Connection: no-upgrade", opening("/echo", "Connection: no-upgrade"),
			required, []string{"Upgrade", "websocket", "Connection", "Upgrade", "Content-Type", plain, "Sec-WebSocket-Accept", ""}, "Connection", serves},
		{"Connection: no-upgrade on a path with an ordinary answer", request("GET /index.html", "Connection: no-upgrade", "Upgrade: example/1"),
			ok, []string{"Upgrade", "", "Content-Type", "text/html; charset=utf-8"}, "<!doctype html>", serves},
		{"Upgrade without Connection", opening("/echo", "Connection: -"),
			required, []string{"Upgrade", "websocket", "Connection", "Upgrade", "Content-Type", plain, "Sec-WebSocket-Accept", ""}, "the Connection header does not list upgrade", serves},
		{"Upgrade without Connection on a path with an ordinary answer", request("GET /api/data", "Upgrade: websocket"),
			ok, []string{"Upgrade", ""}, `{"data":"example"}`, serves},
		{"Connection without Upgrade", opening("/echo", "Upgrade: -"),
			required, []string{"Upgrade", "websocket", "Connection", "Upgrade"}, "no Upgrade: websocket header", serves},
		{"neither", request("GET /echo"),
			required, []string{"Upgrade", "websocket", "Connection", "Upgrade"}, "no Upgrade: websocket header", serves},

		{"no key", opening("/echo", "Sec-WebSocket-Key: -"),
			bad, []string{"Content-Type", plain, "Upgrade", "", "Sec-WebSocket-Accept", ""}, badKey, serves},
		{"two keys", opening("/echo", "Sec-WebSocket-Key: "+exampleKey, "Sec-WebSocket-Key: "+exampleKey),
			bad, []string{"Content-Type", plain}, badKey, serves},
		{"two keys on one line", opening("/echo", "Sec-WebSocket-Key: "+exampleKey+", "+exampleKey),
			bad, []string{"Content-Type", plain}, badKey, serves},
		{"an empty key", opening("/echo", "Sec-WebSocket-Key:"),
			bad, []string{"Content-Type", plain}, badKey, serves},
		{"a key of 20 bytes", opening("/echo", "Sec-WebSocket-Key: ZWFjaCBub25jZSBpcyB1bmlxdWU="),
			bad, []string{"Content-Type", plain}, badKey + ": 20 bytes decoded, want 16", serves},
		{"a key of 15 bytes", opening("/echo", "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1"),
			bad, []string{"Content-Type", plain}, badKey + ": 15 bytes decoded, want 16", serves},
		{"a key that is no base64", opening("/echo", "Sec-WebSocket-Key: !GhlIHNhbXBsZSBub25jZQ=="),
			bad, []string{"Content-Type", plain}, badKey, serves},

		{"version 8", opening("/echo", "Sec-WebSocket-Version: 8"),
			required, []string{"Sec-WebSocket-Version", "13", "Upgrade", "websocket", "Connection", "Upgrade", "Content-Type", plain}, "13", serves},
		{"a version that is no number", opening("/echo", "Sec-WebSocket-Version: thirteen"),
			required, []string{"Sec-WebSocket-Version", "13", "Upgrade", "websocket", "Connection", "Upgrade"}, "13", serves},
		{"no version", opening("/echo", "Sec-WebSocket-Version: -"),
			bad, []string{"Sec-WebSocket-Version", "13", "Content-Type", plain}, "Sec-WebSocket-Version", serves},
		{"two versions", opening("/echo", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"),
			bad, []string{"Sec-WebSocket-Version", "13", "Content-Type", plain}, "Sec-WebSocket-Version", serves},

		{"another method", strings.Replace(opening("/echo", "Content-Length: 0"), "GET", "POST", 1),
			method, []string{"Allow", "GET"}, "", serves},
		{"another method to a room", strings.Replace(opening("/ws/lobby", "Content-Length: 0"), "GET", "PUT", 1),
			method, []string{"Allow", "GET"}, "", serves},
		{"another method to the chat", strings.Replace(opening("/api/chat/room/lobby"), "GET", "DELETE", 1),
			method, []string{"Allow", "GET"}, "", serves},

		{"a body", opening("/echo", "Content-Length: 11") + "\x81\x85\x00\x00\x00\x00hello",
			bad, []string{"Connection", "close", "Content-Type", plain}, "body", ends},
		{"a chunked body", opening("/echo", "Transfer-Encoding: chunked") + "b\r\n\x81\x85\x00\x00\x00\x00hello\r\n0\r\n\r\n",
			bad, []string{"Connection", "close", "Content-Type", plain}, "body", ends},

		{"another origin", opening("/echo", "Origin: https://evil.example"),
			forbid, []string{"Content-Type", plain, "Sec-WebSocket-Accept", ""}, "", serves},
		{"the origin null", opening("/echo", "Origin: null"), forbid, nil, "", serves},
		{"the same host's origin", opening("/echo", "Origin: http://localhost"), switched, nil, "", echoes},
		{"another Host", strings.Replace(opening("/echo"), "localhost", "rebound.example", 1),
			forbid, []string{"Content-Type", plain, "Sec-WebSocket-Accept", ""}, "", serves},
		{"another Host to a page", strings.Replace(request("GET /api/data"), "localhost", "rebound.example", 1),
			forbid, nil, "", serves},
		{"a loopback address with another port as Host", strings.Replace(opening("/echo"), "localhost", "127.9.9.9:1234", 1), switched, nil, "", echoes},

		{"a token that nobody handles", request("GET /index.html", "Connection: upgrade", "Upgrade: bar/1"),
			ok, []string{"Content-Type", "text/html; charset=utf-8", "Upgrade", ""}, "<!doctype html>", serves},
		{"websocket where it is not spoken", opening("/api/data"), ok, []string{"Upgrade", ""}, `{"data":"example"}`, serves},
		{"a token that nobody handles, where a switch is required", request("GET /echo", "Connection: upgrade", "Upgrade: bar/1"),
			required, []string{"Upgrade", "websocket", "Connection", "Upgrade"}, "", serves},

		{"example/1, foo/2", request("GET /index.html", "Connection: upgrade", "Upgrade: example/1, foo/2"),
			switched, []string{"Upgrade", "example/1", "Connection", "Upgrade"}, "", echoesLines},
		{"foo/2, example/1", request("GET /", "Connection: upgrade", "Upgrade: foo/2, example/1"),
			switched, []string{"Upgrade", "foo/2", "Connection", "Upgrade"}, "", echoesLines},
		{"a version that the server has not, then one that it has", request("GET /", "Connection: upgrade", "Upgrade: example/2, foo/2"),
			switched, []string{"Upgrade", "foo/2"}, "", echoesLines},
		{"example without a version", request("GET /", "Connection: upgrade", "Upgrade: example"),
			ok, []string{"Upgrade", ""}, "<!doctype html>", serves},
		{"lines that come with the request", request("GET /", "Connection: upgrade", "Upgrade: foo/2") + "early\n",
			switched, nil, "", func(r *raw) { r.gets("early\n"); r.echoesLines() }},

		{"subprotocols in the client's order", opening("/echo", "Sec-WebSocket-Protocol: superchat, chat"), switched, []string{"Sec-WebSocket-Protocol", "superchat"}, "", echoes},
		{"the first subprotocol that the server has", opening("/echo", "Sec-WebSocket-Protocol: unknown, chat"), switched, []string{"Sec-WebSocket-Protocol", "chat"}, "", echoes},
		{"no subprotocol in common", opening("/echo", "Sec-WebSocket-Protocol: unknown"), switched, []string{"Sec-WebSocket-Protocol", ""}, "", echoes},
		{"a room takes any subprotocol", opening("/ws/lobby", "Sec-WebSocket-Protocol: whatever, chat"), switched, []string{"Sec-WebSocket-Protocol", "whatever"}, "", nil},
		{"the chat without its subprotocol", opening("/api/chat/room/lobby"), switched, []string{"Sec-WebSocket-Protocol", ""}, "", nil},
		{"the chat with its subprotocol", opening("/api/chat/room/lobby", "Sec-WebSocket-Protocol: chat-protocol-v1"), switched, []string{"Sec-WebSocket-Protocol", "chat-protocol-v1"}, "", nil},

		{"HTTP/2.0 without its settings", request("GET /", "Connection: Upgrade", "Upgrade: HTTP/2.0"), ok, []string{"Upgrade", ""}, "<!doctype html>", serves},
		{"the token h2", request("GET /", "Connection: Upgrade", "Upgrade: h2"), ok, []string{"Upgrade", ""}, "<!doctype html>", serves},
		{"Upgrade over HTTP/1.0", strings.Replace(request("GET /", "Connection: upgrade", "Upgrade: example/1"), "HTTP/1.1", "HTTP/1.0", 1), ok, []string{"Upgrade", ""}, "<!doctype html>", nil},
		{"WebSocket over HTTP/1.0", strings.Replace(opening("/echo"), "HTTP/1.1", "HTTP/1.0", 1), required, []string{"Sec-WebSocket-Accept", ""}, "HTTP/1.1", nil},

		{"the start page", request("GET /"), ok, []string{"Upgrade", "", "Content-Security-Policy", "default-src 'self'", "X-Content-Type-Options", "nosniff", "Referrer-Policy", "no-referrer"}, "/api/chat/room/{room}", serves},
		{"the start page by its other name", request("GET /index.html"), ok, []string{"Upgrade", ""}, "<!doctype html>", serves},
		{"the chat page", request("GET /chat.html"), ok, []string{"Upgrade", "", "Content-Security-Policy", "default-src 'self'"}, "<!doctype html>", serves},
		{"data", request("GET /api/data"), ok, []string{"Upgrade", "", "Content-Type", "application/json"}, `{"data":"example"}`, serves},
		{"readiness", request("GET /readyz"), ok, []string{"Upgrade", ""}, "ready", serves},
		{"what is not there", request("GET /none"), "404 Not Found", []string{"Upgrade", ""}, "", serves},
		{"what is not there, upgraded", opening("/none"), "404 Not Found", []string{"Upgrade", ""}, "", serves},

		{"a room whose name is too long", opening("/ws/" + strings.Repeat("x", 65)), bad, []string{"Content-Type", plain}, "65 bytes long, want at most 64", serves},
		{"a chat room whose name cannot be shown", opening("/api/chat/room/a%00b"), bad, []string{"Content-Type", plain}, "control character", serves},
	} {
		t.Run(tt.about, func(t *testing.T) {
			r := dialRaw(t, server.addr)
			r.send(tt.send)
			a := r.receive()
			if a.status != tt.status {
				t.Fatalf("want %s, got\n%v", tt.status, a)
			}
			a.has(t, tt.fields...)
			if !strings.Contains(a.body, tt.body) {
				t.Errorf("the body lacks %q:\n%v", tt.body, a)
			}
			if tt.then != nil {
				tt.then(r)
			}
		})
	}
}

// A refusal tells the client nothing that the client did not know, and the log
// all that was compared.
func TestARefusalIsExplainedInTheLog(t *testing.T) {
	server := start(t)
	for _, tt := range []struct{ send, inLog string }{
		{opening("/echo", "Origin: https://evil.example"), "evil.example"},
		{strings.Replace(request("GET /api/data"), "localhost", "rebound.example", 1), "rebound.example"},
		{opening("/echo", "Sec-WebSocket-Key: short"), "Invalid Sec-WebSocket-Key"},
	} {
		r := dialRaw(t, server.addr)
		r.send(tt.send)
		if a := r.receive(); strings.Contains(a.body, "example") {
			t.Errorf("the client is told too much:\n%v", a)
		}
		server.log.until(t, tt.inLog)
	}
}

func TestFull(t *testing.T) {
	server := start(t, "--max-connections", "1")
	first := dialRaw(t, server.addr)
	first.send(opening("/echo"))
	first.receive()
	first.echoes()

	second := dialRaw(t, server.addr)
	for range 2 {
		second.send(opening("/ws/lobby"))
		a := second.receive()
		if a.status != "503 Service Unavailable" || len(a.all("Retry-After")) != 1 {
			t.Fatalf("a full server answers\n%v", a)
		}
		second.serves()
	}
	// A page that asks why is told the same; pages themselves are not counted.
	second.send(request("GET /echo"))
	if a := second.receive(); a.status != "503 Service Unavailable" || !strings.Contains(a.body, "all the connections") {
		t.Errorf("who asks a full server why is answered\n%v", a)
	}
	second.send(request("GET /"))
	if a := second.receive(); a.status != "200 OK" {
		t.Errorf("the start page of a full server:\n%v", a)
	}

	// "1000 indicates a normal closure". RFC 6455 §7.4.1
	first.send("\x88\x82\x00\x00\x00\x00\x03\xe8")
	first.gets("\x88\x02\x03\xe8")
	first.ends()
	for { // the place is free when the server is done with the first
		second.send(opening("/echo"))
		if a := second.receive(); a.status == "101 Switching Protocols" {
			break
		}
	}
	second.echoes()
}

// A well-known conformance test sends 4 MiB in frames of 64 bytes.
func TestEchoOfManyFragments(t *testing.T) {
	const frames = 70_000
	server := start(t)
	r := dialRaw(t, server.addr)
	r.send(opening("/echo"))
	r.receive()

	payload := strings.Repeat("x", 64)
	go func() { // ends with the last byte, or the connection
		var b strings.Builder
		for i := range frames {
			switch i {
			case 0:
				b.WriteString("\x02")
			case frames - 1:
				b.WriteString("\x80")
			default:
				b.WriteString("\x00")
			}
			b.WriteString("\xc0\x00\x00\x00\x00" + payload)
		}
		io.WriteString(r.c, b.String())
	}()
	const size = frames * 64
	r.gets("\x82\x7f" + string([]byte{0, 0, 0, 0, 0, size >> 16, size >> 8 & 0xff, size & 0xff}))
	r.gets(strings.Repeat(payload, frames))
}
