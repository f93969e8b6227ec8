package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wye-org/wye/websocket"
)

// The client of package websocket in a page of a real Chromium, on the browser's
// own WebSocket.
func TestWasmClientInChromium(t *testing.T) {
	b := newBrowser(t)
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "test.wasm"), "./testdata/wasm")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	glue := filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec.js")

	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(`<!doctype html><title>running</title><script src="/glue.js"></script><script>
const go = new Go();
WebAssembly.instantiateStreaming(fetch("/test.wasm"), go.importObject).then(r => go.run(r.instance));
</script>`))
	})
	mux.HandleFunc("/glue.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, glue) })
	mux.HandleFunc("/test.wasm", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(dir, "test.wasm"))
	})
	mux.Handle("/echo", websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		if c.Request().URL.RawQuery == "bye" {
			return c.Close(ctx, 4002, "bye")
		}
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}, &websocket.AcceptOptions{Subprotocols: []string{"superchat"}}))
	srv := httptest.NewServer(mux)
	defer srv.Close()

	p := b.open("wasm", srv.URL)
	p.until(`document.title !== "running"`)
	if title := eval[string](p, `document.title`); title != "passed" {
		t.Error(title)
	}
}
