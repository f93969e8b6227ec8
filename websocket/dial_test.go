package websocket_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

// acceptOf computes what RFC 6455 §4.2.2 asks for without the code under test.
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

const serverHead = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"

// RFC 6455 §4.1: what the client has to fail the connection for.
func TestDialJudges101(t *testing.T) {
	for _, x := range []struct{ name, answer, want string }{
		{"no accept", serverHead + "\r\n", "0 Sec-WebSocket-Accept"},
		{"wrong accept", serverHead + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", `"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="`},
		{"accept twice", serverHead + "Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n", "2 Sec-WebSocket-Accept"},
		{"subprotocol not offered", serverHead + "Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: beta\r\n\r\n", `"beta", which was not offered`},
		{"subprotocol in another case", serverHead + "Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: Alpha\r\n\r\n", "not offered"},
		{"two subprotocols in a line", serverHead + "Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: alpha, alpha\r\n\r\n", "not offered"},
		{"two subprotocol lines", serverHead + "Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: alpha\r\nSec-WebSocket-Protocol: alpha\r\n\r\n", "several Sec-WebSocket-Protocol"},
		{"extension not offered", serverHead + "Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "not offered"},
		{"another token", strings.Replace(serverHead, "websocket", "h2c", 1) + "Sec-WebSocket-Accept: ACCEPT\r\n\r\n", `"h2c"`},
		{"no Connection", strings.Replace(serverHead, "Connection: Upgrade\r\n", "", 1) + "Sec-WebSocket-Accept: ACCEPT\r\n\r\n", "Connection"},
	} {
		t.Run(x.name, func(t *testing.T) {
			closed := make(chan error, 1)
			url := rawServer(t, x.answer, func(nc net.Conn) {
				_, err := nc.Read(make([]byte, 1))
				closed <- err
			})
			_, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"alpha"}})
			var bad *wye.HandshakeError
			if !errors.As(err, &bad) || !strings.Contains(bad.Reason, x.want) || resp == nil {
				t.Errorf("%v", err)
			}
			if err := <-closed; err == nil {
				t.Error("the client sent something after a bad 101")
			}
		})
	}
}

func TestDialRequest(t *testing.T) {
	got := make(chan *http.Request, 1)
	url := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got <- r.Clone(context.Background()) }))
	seen := map[string]bool{}
	for range 3 {
		websocket.Dial(t.Context(), url+"?a=b", &websocket.DialOptions{
			Subprotocols: []string{"alpha", "beta"},
			Header: http.Header{"Origin": {"http://example.com"}, "sec-websocket-key": {"mine"}, "Sec-WebSocket-Version": {"8"},
				"Upgrade": {"h2c"}},
		})
		r := <-got
		for name, want := range map[string][]string{
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Protocol": {"alpha, beta"}, "Origin": {"http://example.com"},
		} {
			if !slices.Equal(r.Header[name], want) {
				t.Errorf("%s: %q, want %q", name, r.Header[name], want)
			}
		}
		if r.RequestURI != "/?a=b" {
			t.Errorf("asked for %q", r.RequestURI)
		}
		key := r.Header["Sec-Websocket-Key"]
		if len(key) != 1 || len(key[0]) != 24 || seen[key[0]] {
			t.Errorf("key %q: want one, of 16 bytes, never twice", key)
		}
		seen[key[0]] = true
	}
}

func TestDialRefusesBadSubprotocols(t *testing.T) {
	for _, bad := range [][]string{{""}, {"a b"}, {"a,b"}, {"a", "a"}, {"ä"}, {"a/b"}} {
		_, _, err := websocket.Dial(t.Context(), "ws://127.0.0.1:1/", &websocket.DialOptions{Subprotocols: bad})
		var de *wye.DialError
		if !errors.As(err, &de) || de.Stage != wye.StageRequest {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A server that does not switch is a response with a status and a body.
func TestDialRefused(t *testing.T) {
	url := rawServer(t, "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8, 7\r\nContent-Type: text/plain\r\n\r\nold\nlines", nil)
	_, resp, err := websocket.Dial(t.Context(), url, nil)
	var refused *wye.RefusedError
	if !errors.As(err, &refused) || resp == nil || resp.StatusCode != 426 {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); string(body) != "old\nlines" || !strings.Contains(err.Error(), `426 Upgrade Required: "old"`) {
		t.Errorf("%q, %v", body, err)
	}
	if v := resp.Header["Sec-Websocket-Version"]; strings.Join(v, ", ") != "13, 8, 7" {
		t.Errorf("versions: %q", v)
	}
}

// Frames that come in the same segment as the 101 are the first messages.
func TestFramesBehind101(t *testing.T) {
	url := rawServer(t, serverHead+"Sec-WebSocket-Accept: ACCEPT\r\n\r\n\x81\x05hello\x81\x03", func(nc net.Conn) {
		io.WriteString(nc, "two")
		io.Copy(io.Discard, nc)
	})
	c := dial(t, url, nil)
	for _, want := range []string{"hello", "two"} {
		if _, p, err := c.Read(t.Context()); string(p) != want {
			t.Errorf("%q, %v", p, err)
		}
	}
}
