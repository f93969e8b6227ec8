package interop

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h2"
	_ "github.com/wye-org/wye/h2/announce"
	"github.com/wye-org/wye/websocket"
)

var (
	//go:embed node/http2_client.mjs
	nodeClient []byte
	//go:embed node/http2_server.mjs
	nodeServer []byte

	nodeVersion = []string{"node", "--version"}
)

// overHTTP2 is WebSocket over HTTP/2, RFC 8441.
var overHTTP2 = []Check{
	{"node:http2", nodeVersion, "WebSocket over HTTP/2, its client", []string{"node"}, nodeToUs},
	{"node:http2", nodeVersion, "WebSocket over HTTP/2, its server", []string{"node"}, usToNode},
}

// script puts one of the scripts into dir.
func script(dir, name string, source []byte) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, source, 0o644)
}

func nodeToUs(ctx context.Context, dir string) (string, error) {
	carrier := make(chan string, 1)
	srv := httptest.NewUnstartedServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		carrier <- c.Carrier()
		for m, err := range c.Messages(ctx) {
			if err != nil {
				break
			}
			c.Write(ctx, m.Type, m.Data)
		}
		return nil
	}, &websocket.AcceptOptions{Subprotocols: []string{"chat"}, Options: websocket.Options{Logger: slog.New(slog.DiscardHandler)}}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	path, err := script(dir, "client.mjs", nodeClient)
	if err != nil {
		return "", err
	}
	out, err := output(ctx, "node", path, srv.Listener.Addr().String())
	if err != nil {
		return "", err
	}
	if got := strings.TrimSpace(out); got != "810548656c6c6f880203e8" { // Hello, and Close with 1000
		return "", fmt.Errorf("it received %q", got)
	}
	if got := <-carrier; got != "h2" {
		return "", fmt.Errorf("the server saw %s", got)
	}
	return "", nil
}

func usToNode(ctx context.Context, dir string) (string, error) {
	path, err := script(dir, "server.mjs", nodeServer)
	if err != nil {
		return "", err
	}
	_, port, address, err := freeAddress()
	if err != nil {
		return "", err
	}
	d, err := startDaemon(ctx, address, "node", path, port)
	if err != nil {
		return "", err
	}
	defer d.stop()
	var transport h2.Transport
	defer transport.Close()
	for range 2 { // on one connection
		c, _, err := websocket.Dial(ctx, "ws://"+address, &websocket.DialOptions{Carriers: []wye.Carrier{&transport}})
		if err != nil {
			return "", err
		}
		defer c.CloseNow()
		big := bytes.Repeat([]byte("0123456789"), 30_000)
		if err := c.Write(ctx, websocket.MessageBinary, big); err != nil {
			return "", err
		}
		if _, p, err := c.Read(ctx); err != nil || !bytes.Equal(p, big) {
			return "", fmt.Errorf("%d bytes came back, %w", len(p), err)
		}
		if err := c.Close(ctx, websocket.StatusNormalClosure, ""); err != nil {
			return "", err
		}
	}
	return "", nil
}
