package main

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/wye-org/wye/internal/needs"
)

// The requests of two well-known explanations of the Upgrade header, as they are
// printed there, on a server that answers to any Host. Only a Host is added
// where the text has none, because HTTP/1.1 wants one (RFC 9112 §3.2).
func TestRequestsAsTheyArePrinted(t *testing.T) {
	server := start(t, "--host", "*")
	for _, tt := range []struct {
		about  string
		send   []string
		status string
		fields []string
		body   string
		then   func(*raw)
	}{
		{"a client requests an upgrade", []string{
			"GET /chat HTTP/1.1",
			"Host: example.com",
			"Connection: Upgrade",
			"Upgrade: websocket",
			"Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		}, "101 Switching Protocols", []string{
			"Connection", "Upgrade",
			"Upgrade", "websocket",
			"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
		}, "", (*raw).echoes},

		{"with subprotocols and an Origin", []string{
			"GET /socket HTTP/1.1",
			"Host: example.com",
			"Connection: Upgrade",
			"Upgrade: websocket",
			"Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
			"Sec-WebSocket-Protocol: chat, superchat",
			"Origin: https://example.com",
		}, "101 Switching Protocols", []string{
			"Connection", "Upgrade",
			"Upgrade", "websocket",
			"Sec-WebSocket-Accept", "HSmrc0sMlYUkAGmm5OPpG2HaGWk=",
			"Sec-WebSocket-Protocol", "chat",
		}, "", (*raw).echoes},

		{"the chat application", []string{
			"GET /api/chat/room/123 HTTP/1.1",
			"Host: chat.example.com",
			"Connection: Upgrade",
			"Upgrade: websocket",
			"Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
			"Sec-WebSocket-Protocol: chat-protocol-v1",
		}, "101 Switching Protocols", []string{
			"Connection", "Upgrade",
			"Upgrade", "websocket",
			"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
			"Sec-WebSocket-Protocol", "chat-protocol-v1",
		}, "", func(r *raw) {
			r.send("\x81\x9f\x00\x00\x00\x00" + `{"type":"join","name":"a name"}`)
			r.gets("\x81")
		}},

		{"the real-time dashboard", []string{
			"GET /api/live-metrics HTTP/1.1",
			"Host: dashboard.example.com",
			"Connection: Upgrade",
			"Upgrade: websocket",
			"Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
		}, "101 Switching Protocols", []string{
			"Connection", "Upgrade",
			"Upgrade", "websocket",
			"Sec-WebSocket-Accept", "HSmrc0sMlYUkAGmm5OPpG2HaGWk=",
			"Sec-WebSocket-Protocol", "",
		}, "", showsHistory},

		{"the real-time dashboard, with its subprotocol", []string{
			"GET /api/live-metrics HTTP/1.1",
			"Host: dashboard.example.com",
			"Connection: Upgrade",
			"Upgrade: websocket",
			"Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
			"Sec-WebSocket-Protocol: other, metrics-v1",
		}, "101 Switching Protocols", []string{
			"Upgrade", "websocket",
			"Sec-WebSocket-Protocol", "metrics-v1",
		}, "", showsHistory},

		{"the stock ticker", []string{
			"GET /api/stocks/stream HTTP/1.1",
			"Host: trading.example.com",
			"Connection: Upgrade",
			"Upgrade: websocket",
			"Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: c3RvY2sgdGlja2VyIGtleQ==",
		}, "101 Switching Protocols", []string{
			"Connection", "Upgrade",
			"Upgrade", "websocket",
			"Sec-WebSocket-Accept", "YUXDrcWHxZ5u2E/pucE+XZob0QA=",
			"Sec-WebSocket-Protocol", "",
		}, "", (*raw).ticks},

		{"the stock ticker, with its subprotocol", []string{
			"GET /api/stocks/stream HTTP/1.1",
			"Host: trading.example.com",
			"Connection: Upgrade",
			"Upgrade: websocket",
			"Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: c3RvY2sgdGlja2VyIGtleQ==",
			"Sec-WebSocket-Protocol: ticker-v1",
		}, "101 Switching Protocols", []string{
			"Connection", "Upgrade",
			"Upgrade", "websocket",
			"Sec-WebSocket-Accept", "YUXDrcWHxZ5u2E/pucE+XZob0QA=",
			"Sec-WebSocket-Protocol", "ticker-v1",
		}, "", (*raw).ticks},

		{"a list of tokens", []string{
			"GET /index.html HTTP/1.1",
			"Host: example.com", // added
			"Connection: upgrade",
			"Upgrade: example/1, foo/2",
		}, "101 Switching Protocols", []string{"Connection", "Upgrade", "Upgrade", "example/1"}, "", (*raw).echoesLines},

		{"an Upgrade without Connection", []string{
			"GET /socket HTTP/1.1",
			"Host: example.com", // added
			"Upgrade: websocket",
		}, "426 Upgrade Required", []string{"Upgrade", "websocket", "Connection", "Upgrade"}, "Connection", (*raw).serves},

		{"both, but none of WebSocket's own fields", []string{
			"GET /socket HTTP/1.1",
			"Host: example.com", // added
			"Connection: Upgrade",
			"Upgrade: websocket",
		}, "400 Bad Request", []string{"Sec-WebSocket-Version", "13"}, "Sec-WebSocket-Version", (*raw).serves},

		{"a wrong key", []string{
			"GET /socket HTTP/1.1",
			"Host: example.com",
			"Connection: Upgrade",
			"Upgrade: websocket",
			"Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: ZWFjaCBub25jZSBpcyB1bmlxdWU=",
		}, "400 Bad Request", []string{"Content-Type", "text/plain; charset=utf-8"},
			"WebSocket upgrade failed: Invalid Sec-WebSocket-Key", (*raw).serves},

		{"an h2c upgrade", []string{
			"GET / HTTP/1.1",
			"Host: example.com",
			"Connection: Upgrade, HTTP2-Settings",
			"Upgrade: h2c",
			"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
		}, "101 Switching Protocols", []string{"Connection", "Upgrade", "Upgrade", "h2c"}, "", (*raw).answersInHTTP2},

		{"plain HTTP", []string{
			"GET /api/data HTTP/1.1",
			"Host: localhost",
		}, "200 OK", []string{"Content-Type", "application/json"}, `{"data":"example"}`, (*raw).serves},
	} {
		t.Run(tt.about, func(t *testing.T) {
			r := dialRaw(t, server.addr)
			r.send(strings.Join(tt.send, "\r\n") + "\r\n\r\n")
			a := r.receive()
			if a.status != tt.status {
				t.Fatalf("want %s, got\n%v", tt.status, a)
			}
			a.has(t, tt.fields...)
			if !strings.Contains(a.body, tt.body) {
				t.Errorf("the body lacks %q:\n%v", tt.body, a)
			}
			tt.then(r)
		})
	}
}

// The line for curl, which does complete the handshake.
func TestCurl(t *testing.T) {
	curl := needs.Program(t, "curl")
	server := start(t)
	// On a terminal -i shows the head at once. Into a pipe it does not, so that
	// the test reads what -v says.
	cmd := exec.Command(curl, "--silent", "-v", "-i", "-N",
		"-H", "Connection: Upgrade",
		"-H", "Upgrade: websocket",
		"-H", "Sec-WebSocket-Version: 13",
		"-H", "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
		fmt.Sprintf("http://%s/socket", server.addr))
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var head []string
	for lines := bufio.NewScanner(out); lines.Scan() && strings.TrimSpace(lines.Text()) != "<"; {
		head = append(head, lines.Text())
	}
	cmd.Process.Kill() // it would wait for messages
	cmd.Wait()
	got := strings.Join(head, "\n")
	for _, want := range []string{"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk="} {
		if !strings.Contains(got, want) {
			t.Errorf("curl was not told %q:\n%s", want, got)
		}
	}

	page, err := exec.Command(curl, "--silent", "--fail", "-i", fmt.Sprintf("http://%s/", server.addr)).Output()
	if err != nil || !strings.Contains(string(page), "curl -i -N -H &#39;Connection: Upgrade&#39;") {
		t.Errorf("curl got the start page as %v\n%s", err, page)
	}
}
