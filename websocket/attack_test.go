package websocket_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
)

// Optimistic data, RFC 9931: what a client sends behind its request without
// waiting for the 101. If the switch comes about it is the first frame. If not,
// it is never taken for a frame, and no handler is asked by what it holds: here
// it holds a request of its own, as an attacker would have it.
func TestOptimisticData(t *testing.T) {
	asked := make(chan string, 4)
	mux := http.NewServeMux()
	mux.Handle("/{$}", websocket.Handler(echo, nil))
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path })
	url := newServer(t, mux)
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	frame := "\x82\xfe\x00\x80\x00\x00\x00\x00" + smuggled + strings.Repeat(" ", 128-len(smuggled))

	connect := func(request string) (net.Conn, *bufio.Reader) {
		nc, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(nc, request+frame)
		return nc, bufio.NewReader(nc)
	}

	_, br := connect(clientHead)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	if b := make([]byte, 4+128); readFull(br, b) != nil || !strings.HasPrefix(string(b[4:]), smuggled) {
		t.Errorf("the echo is %q", b)
	}

	_, br = connect(strings.Replace(clientHead, "Version: 13", "Version: 12", 1))
	resp, err = http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusUpgradeRequired {
		t.Fatal(resp, err)
	}
	io.Copy(io.Discard, resp.Body)
	rest, _ := io.ReadAll(br)
	if resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(rest))), nil); err != nil || resp.StatusCode != http.StatusBadRequest || !resp.Close {
		t.Errorf("what follows the refusal: %q, want 400 and the end", rest)
	}
	select {
	case path := <-asked:
		t.Errorf("%s was asked for", path)
	default:
	}
}

// CVE-2026-48779: a message of very many fragments; CVE-2020-27813: a length near
// 2^63. Both fail at the limits that hold by default, and cost next to nothing.
func TestDefaultLimits(t *testing.T) {
	for name, send := range map[string]string{
		"131,072 fragments of a byte": "\x02\x81\x00\x00\x00\x00x" + strings.Repeat("\x00\x81\x00\x00\x00\x00x", 131_071),
		"a length of 2^63-1":          "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
		"a message of 1 MiB and one":  "\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			raw := rawDial(t, newServer(t, websocket.Handler(echo, nil)))
			go io.WriteString(raw, send) // ends with the connection
			if b := make([]byte, 4); readFull(raw, b) != nil || b[0] != 0x88 || string(b[2:]) != "\x03\xf1" {
				t.Errorf("% x, want a Close with 1009", b)
			}
		})
	}
}

// Masking keys that can be predicted let a page write what it likes on the wire
// past proxies. RFC 6455 §10.3.
func TestMaskingKeysDiffer(t *testing.T) {
	const n = 2000
	keys := make(chan map[string]bool, 1)
	url := rawServer(t, serverHead+"Sec-WebSocket-Accept: ACCEPT\r\n\r\n", func(nc net.Conn) {
		seen := make(map[string]bool)
		br := bufio.NewReader(nc)
		for b := make([]byte, 7); len(seen) < n && readFull(br, b) == nil; {
			seen[string(b[2:6])] = true
		}
		keys <- seen
	})
	c := dial(t, url, nil)
	for range n + 5 { // by chance two may be the same
		if err := c.Write(context.Background(), websocket.MessageText, []byte("x")); err != nil {
			break
		}
	}
	if seen := <-keys; len(seen) < n {
		t.Errorf("%d different keys in %d frames", len(seen), n)
	}
}
