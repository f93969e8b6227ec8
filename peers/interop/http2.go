package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h2"
	_ "github.com/wye-org/wye/h2/announce"
	"github.com/wye-org/wye/internal/interop"
	"github.com/wye-org/wye/websocket"
)

// overHTTP2 is WebSocket over HTTP/2 with what npm has.
var overHTTP2 = []interop.Check{
	{Peer: "undici", Version: nodePackage("undici"), Title: "WebSocket over HTTP/2, its client", Needs: []string{"node"}, Run: undiciToUs},
	{Peer: "ws", Version: nodePackage("ws"), Title: "WebSocket over HTTP/2, its server on node:http2", Needs: []string{"node"}, Run: usToWS},
}

// nodePackage prints a package's version.
func nodePackage(name string) []string {
	return []string{"node", "-p", fmt.Sprintf("require('./node/node_modules/%s/package.json').version", name)}
}

// undiciToUs has undici's client meet our server.
func undiciToUs(ctx context.Context, _ string) (string, error) {
	carrier := make(chan string, 1)
	srv := httptest.NewUnstartedServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		carrier <- c.Carrier()
		for m, err := range c.Messages(ctx) {
			if err != nil {
				break // with the Close frame that is answered already
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}, &websocket.AcceptOptions{Subprotocols: []string{"chat"}, Options: websocket.Options{MaxMessage: 2 << 20, Logger: slog.New(slog.DiscardHandler)}}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	cmd := exec.CommandContext(ctx, "node", "node/http2_client.js", srv.Listener.Addr().String())
	var stderr bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &stderr, time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, &stderr)
	}
	if got := strings.TrimSpace(string(out)); got != "4001" {
		return "", fmt.Errorf("the close came back with %q", got)
	}
	if got := <-carrier; got != "h2" {
		return "", fmt.Errorf("the server saw %s", got)
	}
	return "", nil
}

// usToWS has our client meet ws, twice on one connection.
func usToWS(ctx context.Context, _ string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "node", "node/http2_server.js", port)
	cmd.Stderr, cmd.WaitDelay = os.Stderr, time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		return "", err
	}
	defer cmd.Wait() // it is killed: its exit code says nothing
	defer cancel()
	var transport h2.Transport
	defer transport.Close()
	for range 2 {
		if err := meet(ctx, &transport, address); err != nil {
			return "", err
		}
	}
	return "", nil
}

// meet has a conversation with the echo at address, which may not listen yet.
func meet(ctx context.Context, carrier wye.Carrier, address string) error {
	var c *websocket.Conn
	for {
		var err error
		if c, _, err = websocket.Dial(ctx, "ws://"+address, &websocket.DialOptions{
			Carriers: []wye.Carrier{carrier}, Subprotocols: []string{"chat"}, Options: websocket.Options{MaxMessage: 2 << 20},
		}); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	defer c.CloseNow()
	if c.Carrier() != "h2" || c.Subprotocol() != "chat" {
		return fmt.Errorf("carrier %s, subprotocol %q", c.Carrier(), c.Subprotocol())
	}
	for _, m := range []websocket.Message{
		{Type: websocket.MessageText, Data: []byte("κόσμε")},
		{Type: websocket.MessageBinary, Data: bytes.Repeat([]byte("wye"), 300_000)},
	} {
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
		if typ, p, err := c.Read(ctx); err != nil || typ != m.Type || !bytes.Equal(p, m.Data) {
			return fmt.Errorf("%v of %d bytes came back: %w", typ, len(p), err)
		}
	}
	return c.Close(ctx, 4001, "enough")
}
