package websocket_test

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/wye-org/wye/websocket"
)

// What an opening handshake costs a server with a listener of its own, and one
// behind net/http. It is the client's time, too.
func BenchmarkHandshake(b *testing.B) {
	for _, way := range []struct {
		name  string
		serve func(srv *http.Server, ln net.Listener) error
	}{
		{"Serve", func(srv *http.Server, ln net.Listener) error { return websocket.Serve(srv, ln, nil) }},
		{"http", (*http.Server).Serve},
	} {
		b.Run(way.name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			srv := &http.Server{Handler: websocket.Handler(nil, &websocket.AcceptOptions{Loop: &websocket.Loop{DropRequest: true}})}
			defer srv.Close()
			go way.serve(srv, ln) // ends with Close
			head := make([]byte, 129)
			b.ReportAllocs()
			for b.Loop() {
				nc, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				io.WriteString(nc, clientHead)
				if err := readFull(nc, head); err != nil {
					b.Fatal(err)
				}
				nc.(*net.TCPConn).SetLinger(0)
				nc.Close()
			}
		})
	}
}
