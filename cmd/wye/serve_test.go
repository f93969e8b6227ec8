package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/wye-org/wye/cmd/wye/echo"
)

// refusedStart runs a command line that must not come to serve.
func refusedStart(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // should it come to serve after all, it ends
	var b bytes.Buffer
	code = run(ctx, append([]string{"serve"}, args...), stdio{strings.NewReader(""), io.Discard, &b})
	return code, b.String()
}

func TestServeRefusesToStart(t *testing.T) {
	for _, tt := range []struct {
		about, args string
		want        string
	}{
		{"on every address", "--listen 0.0.0.0:0", "add --public"},
		{"on every address, for short", "--listen :0", "add --public"},
		{"on every IPv6 address", "--listen [::]:0", "add --public"},
		{"without a port", "--listen 127.0.0.1", "--listen 127.0.0.1"},
		{"with an origin that has no scheme", "--listen 127.0.0.1:0 --origin example.com", `write "https://example.com"`},
		{"with a host pattern that means nothing", "--listen 127.0.0.1:0 --host a*.example.com", "a*"},
		{"with a duration of no unit", "--drain 5", "--drain"},
		{"with arguments", "now", "now"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			code, stderr := refusedStart(t, strings.Fields(tt.args)...)
			if code != exitUsage || !strings.Contains(stderr, tt.want) || strings.Contains(stderr, "listening on") {
				t.Errorf("exit code %d with %q; want %d and %q", code, stderr, exitUsage, tt.want)
			}
		})
	}
	t.Run("on a port that is taken", func(t *testing.T) {
		server := start(t)
		if code, stderr := refusedStart(t, "--listen", server.addr); code != exitFail || !strings.Contains(stderr, server.addr) {
			t.Errorf("exit code %d with %q", code, stderr)
		}
	})
}

func TestServeListens(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "localhost:0", "127.8.8.8:0", "[::1]:0"} {
		t.Run(listen, func(t *testing.T) {
			server := start(t, "--listen", listen)
			r := dialRaw(t, server.addr)
			r.send(strings.Replace(opening("/echo"), "localhost", server.addr, 1))
			r.receive()
			r.echoes()
		})
	}
}

// In public the demos are capped, and a Host is as good as another unless some
// are named.
func TestServePublic(t *testing.T) {
	server := start(t, "--listen", "0.0.0.0:0", "--public")
	_, port, _ := strings.Cut(server.addr, "]:")
	if port == "" {
		_, port, _ = strings.Cut(server.addr, ":")
	}
	r := dialRaw(t, "127.0.0.1:"+port)
	r.send(strings.Replace(opening("/echo"), "localhost", "any.example", 1))
	r.receive()
	r.echoes()
	// The head of a message of 4,097 bytes is enough.
	r.send("\x82\xfe\x10\x01\x00\x00\x00\x00")
	// "1009 indicates that an endpoint is terminating the connection because
	// it has received a message that is too big". RFC 6455 §7.4.1
	r.gets("\x88")
	r.in.Discard(1)
	r.gets("\x03\xf1")
}

func TestBounds(t *testing.T) {
	public := boundsFor(serveOptions{public: true})
	if public.rooms.Rooms != 1000 || public.rooms.Seats != 100 || public.rooms.Linger.Seconds() != 60 {
		t.Errorf("rooms in public: %+v", public.rooms)
	}
	if public.echoMessage != 4<<10 || public.roomMessage != 4<<10 || public.rate != 10 {
		t.Errorf("bounds in public: %+v", public)
	}
	local := boundsFor(serveOptions{})
	if local.echoMessage != echo.MaxMessage || local.rooms.Rooms != 1000 || local.rooms.Seats == 0 || local.roomMessage == 0 {
		t.Errorf("bounds on loopback: %+v", local)
	}
	for _, b := range []bounds{public, local} {
		if b.chat.History != 50 || b.chat.TextBytes != 4<<10 || b.chat.Rate != 10 || b.chat.JoinWithin == 0 {
			t.Errorf("bounds of the chat: %+v", b.chat)
		}
	}
	if own := boundsFor(serveOptions{public: true, maxMessage: 9}); own.echoMessage != 9 || own.roomMessage != 9 {
		t.Errorf("--max-message 9 gives %+v", own)
	}
}

func TestVerboseLogsEveryConnection(t *testing.T) {
	quiet, verbose := start(t, "--upgrade", "none"), start(t, "-v")
	for _, server := range []*running{quiet, verbose} {
		dialRaw(t, server.addr).serves()
	}
	verbose.log.until(t, "path=/api/data")
	if text := quiet.log.String(); text != "" {
		t.Errorf("without -v an ordinary request is logged:\n%s", text)
	}
}

func TestKeepaliveFlags(t *testing.T) {
	server := start(t, "--ping-interval", "20ms", "--pong-timeout", "20ms")
	r := dialRaw(t, server.addr)
	r.send(opening("/echo"))
	r.receive()
	r.gets("\x89") // a ping; without an answer the connection is given up
	if _, err := io.Copy(io.Discard, r.in); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a silent peer is kept")
	}
}
