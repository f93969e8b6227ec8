package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/wye-org/wye/websocket"
)

// Chromium opens its WebSocket on the connection that it has got the page by.
func TestInteropWithChromiumOverHTTP2(t *testing.T) {
	b := newBrowser(t, chromedp.Flag("ignore-certificate-errors", true))
	type ended struct {
		carrier, proto, version string
		compressed              bool
		received                int64
		code                    websocket.StatusCode
	}
	conns := make(chan ended, 4)
	addrs := make(chan string, 8)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		addrs <- r.RemoteAddr
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<!doctype html><title>interop</title>"))
	})
	mux.Handle("/ws", websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		addrs <- c.Request().RemoteAddr
		for m, err := range c.Messages(ctx) {
			if err != nil {
				break
			}
			if len(m.Data) < 1000 {
				if err := c.Write(ctx, m.Type, m.Data); err != nil {
					return err
				}
				continue
			}
			w, err := c.Writer(ctx, m.Type) // back in fragments
			for rest := m.Data; err == nil && len(rest) > 0; rest = rest[min(len(rest), 20_000):] {
				_, err = w.Write(rest[:min(len(rest), 20_000)])
			}
			if err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
		}
		closed := c.Err().(*websocket.CloseError)
		conns <- ended{c.Carrier(), c.Request().Proto, c.Request().Header.Get("Sec-Websocket-Version"), c.Compressed(), c.Stats().MessagesReceived, closed.Code}
		return nil
	}, &websocket.AcceptOptions{Subprotocols: []string{"beta"}, Options: websocket.Options{Deflate: websocket.Deflate{Enabled: true}}}))
	srv := httptest.NewUnstartedServer(mux)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()

	p := b.open("interop", srv.URL)
	got := eval[string](p, `new Promise((resolve) => {
		const ws = new WebSocket(location.origin.replace("http", "ws") + "/ws", ["alpha", "beta"]);
		ws.binaryType = "arraybuffer";
		const big = new Uint8Array(300000).map((_, i) => i * i >> 7);
		const asks = ["hello", "", big, "0123456789 ".repeat(30000)];
		const same = (a, b) => typeof a === "string" ? a === b
			: b instanceof ArrayBuffer && b.byteLength === a.length && new Uint8Array(b).every((x, i) => x === a[i]);
		let n = 0;
		ws.onerror = () => resolve("error");
		ws.onopen = () => ws.send(asks[0]);
		ws.onmessage = (e) => {
			if (!same(asks[n], e.data)) return resolve("answer " + n + " differs");
			if (++n < asks.length) return ws.send(asks[n]);
			ws.close(4001, "enough");
		};
		ws.onclose = (e) => resolve([ws.protocol, ws.extensions, e.code, e.wasClean].join("|"));
	})`)
	if want := "beta|permessage-deflate|4001|true"; got != want {
		t.Errorf("the page saw %s, want %s", got, want)
	}
	if e := <-conns; e != (ended{"h2", "HTTP/2.0", "13", true, 4, 4001}) {
		t.Errorf("the server saw %+v", e)
	}
	if page, socket := <-addrs, <-addrs; page != socket {
		t.Errorf("the page came over %s, the WebSocket over %s: want one connection", page, socket)
	}
}
