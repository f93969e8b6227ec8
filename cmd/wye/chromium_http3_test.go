package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/wye-org/wye/websocket"
)

// Chromium's WebSocket over HTTP/3, which it has to be told to use: a
// subprotocol, compression, 300 KB either way, and a clean close.
func TestChromiumOverHTTP3(t *testing.T) {
	type seen struct {
		carrier, subprotocol string
		compressed           bool
		code                 websocket.StatusCode
	}
	conns := make(chan seen, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<!doctype html><title>" + r.Proto + "</title>"))
	})
	mux.Handle("/ws", websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		err := echoAll(ctx, c)
		conns <- seen{c.Carrier(), c.Subprotocol(), c.Compressed(), websocket.CloseStatus(c.Err())}
		return err
	}, &websocket.AcceptOptions{Subprotocols: []string{"beta"}, Options: websocket.Options{Deflate: websocket.Deflate{Enabled: true}}}))
	srv := httptest.NewUnstartedServer(mux)
	srv.StartTLS()
	defer srv.Close()
	besides(t, srv)

	host := srv.Listener.Addr().String()
	key := sha256.Sum256(srv.Certificate().RawSubjectPublicKeyInfo)
	b := newBrowser(t,
		chromedp.Flag("disable-quic", false), chromedp.Flag("enable-quic", true),
		chromedp.Flag("enable-features", "EnableWebsocketsOverHttp3"),
		chromedp.Flag("origin-to-force-quic-on", host),
		chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(key[:])),
	)
	p := b.open("HTTP/3", "https://"+host+"/")
	if title := eval[string](p, "document.title"); title != "HTTP/3.0" {
		t.Fatalf("the page came over %s", title)
	}
	got := eval[string](p, `new Promise((resolve) => {
		const ws = new WebSocket(location.origin.replace("http", "ws") + "/ws", ["alpha", "beta"]);
		ws.binaryType = "arraybuffer";
		const big = new Uint8Array(300 << 10).map((_, i) => i * i >> 7);
		ws.onerror = () => resolve("error");
		ws.onopen = () => ws.send(big);
		ws.onmessage = (e) => {
			const back = new Uint8Array(e.data);
			if (back.length !== big.length || !back.every((x, i) => x === big[i])) return resolve("another answer");
			ws.close(4001, "enough");
		};
		ws.onclose = (e) => resolve([ws.protocol, ws.extensions, e.code, e.wasClean].join("|"));
	})`)
	if want := "beta|permessage-deflate|4001|true"; got != want {
		t.Errorf("the page saw %s, want %s", got, want)
	}
	if s := <-conns; s != (seen{"h3", "beta", true, 4001}) {
		t.Errorf("the server saw %+v", s)
	}
}
