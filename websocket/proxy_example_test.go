package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

// The proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name.
func ExampleDial_proxy() {
	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, "wss://example.com/socket", &websocket.DialOptions{Proxy: http.ProxyFromEnvironment})
	var proxy *wye.ProxyError
	if errors.As(err, &proxy) && proxy.Response != nil && proxy.Response.StatusCode == http.StatusProxyAuthRequired {
		log.Fatalf("%s wants a password", proxy.Proxy)
	}
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
}

// A server behind a unix socket: the URL's host is what the Host field says.
func ExampleDial_unixSocket() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	socket := filepath.Join(folder, "wye.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		log.Fatal(err)
	}
	srv := &http.Server{Handler: websocket.Handler(echo, nil)}
	go srv.Serve(ln)
	defer srv.Close()

	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, "ws://localhost/echo", &websocket.DialOptions{
		NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	c.Write(ctx, websocket.MessageText, []byte("by file"))
	_, p, _ := c.Read(ctx)
	fmt.Printf("%s\n", p)
	c.Close(ctx, websocket.StatusNormalClosure, "")
	// Output: by file
}

// The cookies of a login over HTTP are those of the WebSocket.
func ExampleDial_cookies() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	resp, err := client.Get("https://example.com/login")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()

	c, _, err := websocket.Dial(context.Background(), "wss://example.com/socket", &websocket.DialOptions{Jar: jar})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
}
