package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/wye-org/wye/websocket"
)

// Chromium's own WebSocket against our server: what the interop run asks of the
// other clients, as far as a page can.
func TestInteropWithChromium(t *testing.T) {
	b := newBrowser(t)
	type ended struct {
		compressed bool
		received   int64
		code       websocket.StatusCode
		reason     string
	}
	conns := make(chan ended, 8)
	endpoint := func(d websocket.Deflate) http.Handler {
		d.Enabled = true
		return websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
			var err error
			for err == nil {
				var m *websocket.Message
				if m, err = c.ReadPooled(ctx); err == nil {
					if string(m.Data) == "ping me" {
						if _, err = c.Ping(ctx); err != nil {
							t.Errorf("ping: %v", err)
						}
					}
					if string(m.Data) == "close me" {
						return c.Close(ctx, 4003, "as you wish")
					}
					err = c.Write(ctx, m.Type, m.Data)
					m.Release()
				}
			}
			closed := c.Err().(*websocket.CloseError)
			conns <- ended{c.Compressed(), c.Stats().MessagesReceived, closed.Code, closed.Reason}
			return nil
		}, &websocket.AcceptOptions{Subprotocols: []string{"beta"}, Options: websocket.Options{Deflate: d, MaxMessage: 2 << 20}})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<!doctype html><title>interop</title>"))
	})
	mux.Handle("/takeover", endpoint(websocket.Deflate{}))
	mux.Handle("/none", endpoint(websocket.Deflate{ServerNoTakeover: true, ClientNoTakeover: true}))
	mux.Handle("/small", endpoint(websocket.Deflate{ServerMaxWindowBits: 9, ClientMaxWindowBits: 9}))
	srv := httptest.NewServer(mux)
	defer srv.Close()

	p := b.open("interop", srv.URL)
	for path, extensions := range map[string]string{
		"/takeover": "permessage-deflate",
		"/none":     "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
		"/small":    "permessage-deflate; client_max_window_bits=9",
	} {
		got := eval[string](p, `new Promise((resolve) => {
			const ws = new WebSocket(location.origin.replace("http", "ws") + "`+path+`", ["alpha", "beta"]);
			ws.binaryType = "arraybuffer";
			const text = "0123456789 ".repeat(2000);
			const big = new Uint8Array(1 << 20).map((_, i) => i * i >> 7);
			const asks = ["hello", "", text, text, "ping me", new Uint8Array(0), big];
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
			ws.onclose = (e) => resolve([ws.protocol, ws.extensions, e.code, e.reason, e.wasClean].join("|"));
		})`)
		// Our answer to a Close echoes the code, RFC 6455 §5.5.1; the reason was the page's own.
		if want := "beta|" + extensions + "|4001||true"; got != want {
			t.Errorf("%s: the page saw %s, want %s", path, got, want)
		}
		if e := <-conns; e != (ended{true, 7, 4001, "enough"}) {
			t.Errorf("%s: the server saw %+v", path, e)
		}
	}
	got := eval[string](p, `new Promise((resolve) => {
		const ws = new WebSocket(location.origin.replace("http", "ws") + "/none");
		ws.onopen = () => ws.send("close me");
		ws.onclose = (e) => resolve([ws.protocol, e.code, e.reason, e.wasClean].join("|"));
	})`)
	if got != "|4003|as you wish|true" {
		t.Errorf("the page saw %s", got)
	}
}
