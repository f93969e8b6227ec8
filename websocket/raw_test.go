package websocket_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const clientHead = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// rawDial opens a connection whose frames the test writes itself.
func rawDial(t testing.TB, url string) net.Conn { return rawDialHead(t, url, clientHead) }

func rawDialHead(t testing.TB, url, request string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second)) // a test that hangs says so
	io.WriteString(nc, request)
	head := ""
	for b := make([]byte, 1); !strings.HasSuffix(head, "\r\n\r\n"); {
		if _, err := io.ReadFull(nc, b); err != nil {
			t.Fatal(err)
		}
		head += string(b)
	}
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatal(head)
	}
	return nc
}

func readFull(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	return err
}

// rawServer accepts one connection, reads the opening handshake and answers it
// with answer, in which ACCEPT stands for the right Sec-WebSocket-Accept; then
// it goes on with after, or closes.
func rawServer(t testing.TB, answer string, after func(nc net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-done })
	go func() {
		defer close(done)
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		r, err := http.ReadRequest(bufio.NewReader(nc))
		if err != nil {
			return
		}
		io.WriteString(nc, strings.ReplaceAll(answer, "ACCEPT", acceptOf(r.Header.Get("Sec-WebSocket-Key"))))
		if after != nil {
			after(nc)
		}
	}()
	return "ws://" + ln.Addr().String()
}
