package site_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wye-org/wye/cmd/wye/site"
)

func newSite(t *testing.T) *site.Site {
	t.Helper()
	s, err := site.New([]site.Endpoint{{
		Paths: []string{"/echo", "/socket"},
		Title: "Echo",
		Text:  "Comes <back>.",
		Lines: []site.Line{
			{Tool: "websocat", Text: "websocat ws://HOST/echo"},
			{Tool: "nc", Text: `printf 'Host: HOST' | nc NAME PORT`},
		},
	}, {
		Paths: []string{"/chat"},
		Title: "Chat",
		Page:  "/chat.html",
	}}, "wye test")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(h http.Handler, r *http.Request) (*http.Response, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	return w.Result(), string(body)
}

func mounted(s *site.Site) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", s.Index)
	s.Mount(mux)
	return mux
}

// Whoever adds a page names it in one place.
func TestEveryPageLeadsToEveryOther(t *testing.T) {
	mux := mounted(newSite(t))
	for path, want := range map[string]string{
		"/":          `<a href="/chat.html">Chat</a></nav>`,
		"/chat.html": `<a href="/chat.html" aria-current="page">Chat</a></nav>`,
	} {
		if _, page := get(mux, httptest.NewRequest("GET", path, nil)); !strings.Contains(page, want) {
			t.Errorf("%s lacks %s", path, want)
		}
	}
	if _, err := site.New([]site.Endpoint{{Page: "/none.html"}}, ""); err == nil {
		t.Error("a page that there is not was no error")
	}
}

func TestIndexHasLinesForTheHostItWasAskedFor(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct {
		host string
		tls  bool
		want []string
	}{
		{"localhost:8080", false, []string{"websocat ws://localhost:8080/echo", "nc localhost 8080", "Host: localhost:8080"}},
		{"chat.example.com", false, []string{"ws://chat.example.com/echo", "nc chat.example.com 80"}},
		{"chat.example.com", true, []string{"wss://chat.example.com/echo", "nc chat.example.com 443"}},
		{"", false, []string{"ws://localhost/echo"}},
		{"<script>", false, []string{"ws://&lt;script&gt;/echo"}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = tt.host
		if tt.tls {
			r.TLS = new(tls.ConnectionState)
		}
		_, page := get(http.HandlerFunc(s.Index), r)
		page = strings.ReplaceAll(page, "&#39;", "'")
		for _, want := range append(tt.want, "<code>/echo</code><code>/socket</code>", "Comes &lt;back&gt;.", "wye test") {
			if !strings.Contains(page, want) {
				t.Errorf("for %q the page lacks %q", tt.host, want)
			}
		}
	}
}

func TestEveryResponseIsProtected(t *testing.T) {
	mux := mounted(newSite(t))
	for path, typ := range map[string]string{
		"/":                 "text/html; charset=utf-8",
		"/chat.html":        "text/html; charset=utf-8",
		"/assets/chat.js":   "text/javascript; charset=utf-8",
		"/assets/base.css":  "text/css; charset=utf-8",
		"/assets/mark.svg":  "image/svg+xml",
		"/assets/socket.js": "text/javascript; charset=utf-8",
	} {
		res, body := get(mux, httptest.NewRequest("GET", path, nil))
		if res.StatusCode != 200 || body == "" || res.Header.Get("Content-Type") != typ {
			t.Errorf("%s: %s, %q, %d bytes", path, res.Status, res.Header.Get("Content-Type"), len(body))
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'self'",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
			"X-Frame-Options":         "DENY",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}

		again := httptest.NewRequest("GET", path, nil)
		again.Header.Set("If-None-Match", res.Header.Get("ETag"))
		if res, body := get(mux, again); res.StatusCode != 304 || body != "" {
			t.Errorf("%s asked for again: %s with %d bytes, want 304", path, res.Status, len(body))
		}
		if res, body := get(mux, httptest.NewRequest("HEAD", path, nil)); res.StatusCode != 200 || body != "" {
			t.Errorf("HEAD %s: %s with %d bytes", path, res.Status, len(body))
		}
		if res, _ := get(mux, httptest.NewRequest("POST", path, nil)); res.StatusCode != 405 || res.Header.Get("Allow") == "" {
			t.Errorf("POST %s: %s, Allow %q", path, res.Status, res.Header.Get("Allow"))
		}
	}
}

func TestAssetsAreOnlyTheAssets(t *testing.T) {
	mux := mounted(newSite(t))
	for _, path := range []string{"/assets/none.js", "/assets/..%2fpages%2findex.html", "/assets/", "/assets/%00"} {
		if res, _ := get(mux, httptest.NewRequest("GET", path, nil)); res.StatusCode != 404 {
			t.Errorf("%s: %s, want 404", path, res.Status)
		}
	}
}

// The policy forbids scripts and styles in the page itself: such a page would
// not work, and nothing but a browser would notice.
func TestPagesHaveNothingInline(t *testing.T) {
	mux := mounted(newSite(t))
	for _, path := range []string{"/", "/chat.html"} {
		_, page := get(mux, httptest.NewRequest("GET", path, nil))
		for _, inline := range []string{"<style", " style=", "<script>", "javascript:", " onclick=", " onload="} {
			if strings.Contains(page, inline) {
				t.Errorf("%s has %q in it", path, inline)
			}
		}
	}
}
