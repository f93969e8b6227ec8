package main

import (
	"net"
	"net/http"
)

// netConnServer switches and then knows no protocol: it sends back the bytes
// that come. It shows what net.Conn itself costs.
func netConnServer(mode deflate) (endpoints, error) {
	if mode != none {
		return endpoints{}, errNoDeflate
	}
	// each reads the bytes of a connection.
	each := func(begin, end func(net.Conn), handle func(c net.Conn, p []byte) error) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			if _, err := c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")); err != nil {
				return
			}
			begin(c)
			defer end(c)
			buf := make([]byte, 4<<10)
			for {
				n, err := c.Read(buf)
				if err != nil || handle(c, buf[:n]) != nil {
					return
				}
			}
		})
	}
	none := func(net.Conn) {}
	var subs group[net.Conn]
	return endpoints{
		echo: each(none, none, func(c net.Conn, p []byte) error {
			_, err := c.Write(p)
			return err
		}),
		sub: each(subs.add, subs.remove, func(net.Conn, []byte) error { return nil }),
		pub: each(none, none, func(_ net.Conn, p []byte) error {
			for c := range subs.all() {
				_, _ = c.Write(p) // who is gone is removed by its own handler
			}
			return nil
		}),
	}, nil
}
