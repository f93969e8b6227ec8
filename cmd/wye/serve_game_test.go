package main

import (
	"io"
	"slices"
	"strings"
	"testing"
)

// The game's request as a well-known explanation prints it, and with a key that
// is one. The printed one decodes to 20 bytes, where RFC 6455 §4.1 wants 16.
func TestTheGameRequestAsItIsPrinted(t *testing.T) {
	server := start(t, "--host", "*")
	printed := []string{
		"GET /game/session/456 HTTP/1.1",
		"Host: game.example.com",
		"Connection: Upgrade",
		"Upgrade: websocket",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: ZWFjaCBub25jZSBpcyB1bmlxdWU=",
		"Sec-WebSocket-Protocol: game-state-sync",
	}
	without := func(line string, fields []string) []string {
		return slices.DeleteFunc(slices.Clone(fields), func(field string) bool { return strings.HasPrefix(field, line) })
	}
	mended := append(without("Sec-WebSocket-Key", printed), "Sec-WebSocket-Key: "+exampleKey)
	const switched, bad = "101 Switching Protocols", "400 Bad Request"
	for _, tt := range []struct {
		about  string
		send   []string
		status string
		fields []string
		body   string
		then   func(*raw)
	}{
		{"as it is printed", printed, bad, []string{"Content-Type", "text/plain; charset=utf-8", "Sec-WebSocket-Accept", ""},
			"WebSocket upgrade failed: Invalid Sec-WebSocket-Key: 20 bytes decoded, want 16", (*raw).serves},
		{"without the subprotocol", without("Sec-WebSocket-Protocol", printed), bad, []string{"Sec-WebSocket-Accept", ""}, "20 bytes decoded, want 16", (*raw).serves},
		{"with a key of 16 bytes", mended, switched, []string{"Sec-WebSocket-Accept", exampleAccept, "Sec-WebSocket-Protocol", "game-state-sync"}, "", (*raw).greetsPlayer},
		{"with such a key and no subprotocol", without("Sec-WebSocket-Protocol", mended), switched, []string{"Sec-WebSocket-Accept", exampleAccept, "Sec-WebSocket-Protocol", ""}, "", (*raw).greetsPlayer},
		{"with another subprotocol", append(without("Sec-WebSocket-Protocol", mended), "Sec-WebSocket-Protocol: chat-protocol-v1"), switched, []string{"Sec-WebSocket-Protocol", ""}, "", (*raw).greetsPlayer},
		{"without Connection", without("Connection", mended), "426 Upgrade Required", []string{"Upgrade", "websocket", "Connection", "Upgrade"}, "Connection", (*raw).serves},
		{"a session whose name is too long", append([]string{"GET /game/session/" + strings.Repeat("x", 65) + " HTTP/1.1"}, mended[1:]...), bad, nil, "65 bytes long, want at most 64", (*raw).serves},
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

// greetsPlayer says that the connection is one to a game: it begins with a hello
// of docs/game.md in a binary message.
func (r *raw) greetsPlayer() {
	r.t.Helper()
	r.gets("\x82\x06\x01\x01")
	r.in.Discard(4) // the member
}

// A game ends with the server, and is told so.
func TestGameDrains(t *testing.T) {
	server := start(t, "--drain", "0s")
	r := upgraded(t, server.addr, opening("/game/session/456"))
	r.greetsPlayer()
	server.stop()
	for op := byte(0x82); op == 0x82; { // states, up to the Close frame
		var head [4]byte
		io.ReadFull(r.in, head[:2])
		op = head[0]
		n := int(head[1])
		if n == 126 {
			io.ReadFull(r.in, head[2:])
			n = int(head[2])<<8 | int(head[3])
		}
		p := make([]byte, n)
		if _, err := io.ReadFull(r.in, p); err != nil {
			t.Fatal(err)
		}
		if op == 0x88 && string(p) != "\x03\xf4" || op != 0x88 && op != 0x82 {
			t.Fatalf("a frame %#x %q", op, p)
		}
	}
	r.send("\x88\x82\x00\x00\x00\x00\x03\xf4")
	r.ends()
	if code := <-server.exit; code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
	server.log.until(t, "clean=1 forced=0 lost=0")
}

func TestASessionOfTheGameIsFull(t *testing.T) {
	server := start(t, "--public")
	for i := range 101 {
		r := dialRaw(t, server.addr)
		r.send(opening("/game/session/full"))
		a := r.receive()
		if want := []string{"101 Switching Protocols", "503 Service Unavailable"}[i/100]; a.status != want {
			t.Fatalf("number %d: want %s, got\n%v", i+1, want, a)
		}
		if i == 100 && (len(a.all("Retry-After")) != 1 || !strings.Contains(a.body, "full")) {
			t.Errorf("answered with\n%v", a)
		}
		if i < 100 {
			r.greetsPlayer() // who was greeted has a seat
		}
	}
}
