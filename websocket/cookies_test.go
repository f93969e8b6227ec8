package websocket_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

func newJar(t testing.TB) *cookiejar.Jar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jar
}

// cookieServer answers at every path with a cookie, and notes which came.
type cookieServer struct {
	came []string          // path and Cookie lines
	to   map[string]string // path: a place to redirect to
}

func (s *cookieServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.came = append(s.came, r.URL.Path+" "+strings.Join(r.Header["Cookie"], " | "))
	name := strings.Trim(r.URL.Path, "/")
	w.Header().Add("Set-Cookie", name+"=1; Path=/")
	switch to, ok := s.to[r.URL.Path]; {
	case ok:
		http.Redirect(w, r, to, http.StatusFound)
	case name == "refused":
		http.Error(w, "no", http.StatusForbidden)
	default:
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Header: http.Header{"Set-Cookie": {"switched=1; Path=/"}}})
		if err == nil {
			c.Read(r.Context())
		}
	}
}

func (s *cookieServer) wantCame(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.came, want) {
		t.Errorf("came %q, want %q", s.came, want)
	}
	s.came = nil
}

// "The server can also set cookie-related option fields to _set_ cookies", RFC
// 6455 §1.3: what one answer sets, whether it switches or not, the next request
// sends.
func TestCookies(t *testing.T) {
	s := new(cookieServer)
	url := newServer(t, s)
	jar := newJar(t)
	opts := &websocket.DialOptions{Jar: jar, Header: http.Header{"cookie": {"own=a", "own=b"}}}

	if _, _, err := websocket.Dial(t.Context(), url+"/refused", opts); !errors.As(err, new(*wye.RefusedError)) {
		t.Error(err)
	}
	c := dial(t, url+"/open", opts)
	c.Close(t.Context(), websocket.StatusNormalClosure, "")
	opts.Header = nil
	c = dial(t, url, opts)
	c.Close(t.Context(), websocket.StatusNormalClosure, "")
	opts.Jar = nil
	c = dial(t, url+"/none", opts)
	c.Close(t.Context(), websocket.StatusNormalClosure, "")

	// One line, however many there were.
	s.wantCame(t, "/refused own=a; own=b", "/open own=a; own=b; refused=1", "/ refused=1; switched=1", "/none ")
}

// Each hop of a redirect sets cookies and is sent those of its own host: not
// those of the one before.
func TestCookiesAlongRedirects(t *testing.T) {
	a, b := &cookieServer{}, &cookieServer{to: map[string]string{"/b": "/b2"}}
	urlA := newServer(t, a)
	// Cookies know no ports, so the other host is another address.
	urlB := "ws://localhost" + newServer(t, b)[len("ws://127.0.0.1"):]
	a.to = map[string]string{"/": "/a2", "/a2": "http" + strings.TrimPrefix(urlB, "ws") + "/b"}
	jar := newJar(t)
	seed, _ := url.Parse("http" + strings.TrimPrefix(urlA, "ws"))
	jar.SetCookies(seed, []*http.Cookie{{Name: "seed", Value: "a"}})

	c := dial(t, urlA, &websocket.DialOptions{Jar: jar, MaxRedirects: 9, Header: http.Header{"Cookie": {"own=1"}}})
	c.Close(t.Context(), websocket.StatusNormalClosure, "")
	a.wantCame(t, "/ own=1; seed=a", "/a2 own=1; seed=a")
	b.wantCame(t, "/b ", "/b2 b=1")

	// A Jar is not needed to follow a redirect, nor a redirect to need one.
	c = dial(t, urlA+"/a2", &websocket.DialOptions{Jar: jar, MaxRedirects: 9})
	c.Close(t.Context(), websocket.StatusNormalClosure, "")
	a.wantCame(t, "/a2 seed=a; a2=1")
	b.wantCame(t, "/b b=1; switched=1", "/b2 b=1; switched=1")
}

// Cookies of wss: are those of https:, and a Secure one does not come to ws:.
func TestCookiesSecure(t *testing.T) {
	s, plain := new(cookieServer), new(cookieServer)
	server := httptest.NewTLSServer(s)
	defer server.Close()
	address := strings.TrimPrefix(newServer(t, plain), "ws://")
	jar := newJar(t)
	at, _ := url.Parse("https://example.com")
	jar.SetCookies(at, []*http.Cookie{{Name: "safe", Value: "1", Secure: true}})
	opts := &websocket.DialOptions{
		Jar:       jar,
		TLSConfig: server.Client().Transport.(*http.Transport).TLSClientConfig,
		NetDial: func(ctx context.Context, network, name string) (net.Conn, error) {
			to := map[string]string{"example.com:443": server.Listener.Addr().String(), "example.com:80": address}[name]
			return new(net.Dialer).DialContext(ctx, network, to)
		},
	}
	for _, url := range []string{"wss://example.com", "ws://example.com"} {
		c := dial(t, url, opts)
		c.Close(t.Context(), websocket.StatusNormalClosure, "")
	}
	s.wantCame(t, "/ safe=1")
	plain.wantCame(t, "/ switched=1")
}

// What a proxy sets is not the server's.
func TestCookiesAreNotTheProxys(t *testing.T) {
	jar := newJar(t)
	opts := through(t, "http://"+listening(t, (&connectProxy{answer: "HTTP/1.1 403 No\r\nSet-Cookie: proxy=1\r\n\r\n"}).serve))
	opts.Jar = jar
	if _, _, err := websocket.Dial(t.Context(), "ws://target.example/", opts); !errors.As(err, new(*wye.ProxyError)) {
		t.Error(err)
	}
	if at, _ := url.Parse("http://target.example/"); len(jar.Cookies(at)) != 0 {
		t.Errorf("stored %v", jar.Cookies(at))
	}
}

// Redirects are followed as package wye does: credentials stay within the
// origin and never come back, CVE-2024-45336; TLS is not left.
func TestDialRedirects(t *testing.T) {
	var came []string
	to := map[string]string{"/": "on?q#part", "/on": "//OTHER/other", "/back": "/end", "/down": "http://a.example/secret?q", "/odd": "http://u:secret@a:b/", "/ftp": "ftp://a/"}
	serve := func(w http.ResponseWriter, r *http.Request) {
		came = append(came, r.Host[:strings.LastIndexByte(r.Host, ':')]+r.URL.Path+" "+r.Header.Get("Authorization")+r.Header.Get("Cookie")+r.Header.Get("X-Kept"))
		if location, ok := to[r.URL.Path]; ok {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		websocket.Handler(echo, nil).ServeHTTP(w, r)
	}
	first, other := newServer(t, http.HandlerFunc(serve)), newServer(t, http.HandlerFunc(serve))
	to["/on"] = "http://user:pw@" + strings.TrimPrefix(other, "ws://") + "/other"
	to["/other"] = strings.Replace(first, "ws", "http", 1) + "/back"
	opts := &websocket.DialOptions{MaxRedirects: 4, Header: http.Header{
		"authorization": {"Bearer-"}, "Cookie": {"c-"}, "X-Kept": {"kept"}, "Host": {"virtual:1"},
	}}
	wantEcho(t, dial(t, first, opts))
	if got, want := strings.Join(came, "\n"), "virtual/ Bearer-c-kept\nvirtual/on Bearer-c-kept\n127.0.0.1/other kept\n127.0.0.1/back kept\n127.0.0.1/end kept"; got != want {
		t.Errorf("came\n%s\nwant\n%s", got, want)
	}
	if len(opts.Header) != 4 {
		t.Errorf("the caller's Header is %v now", opts.Header)
	}

	// The URL's userinfo goes where Authorization would.
	came = nil
	wantEcho(t, dial(t, strings.Replace(first, "//", "//u:p@", 1), &websocket.DialOptions{MaxRedirects: 4}))
	if want := "127.0.0.1/ Basic dTpw\n127.0.0.1/on Basic dTpw\n127.0.0.1/other \n127.0.0.1/back \n127.0.0.1/end "; strings.Join(came, "\n") != want {
		t.Errorf("came\n%s\nwant\n%s", strings.Join(came, "\n"), want)
	}

	// Where it ends is where MaxRedirects says.
	opts.MaxRedirects = 2
	_, resp, err := websocket.Dial(t.Context(), first, opts)
	var refused *wye.RefusedError
	if !errors.As(err, &refused) || resp.StatusCode != 307 || resp.Request.URL.Path != "/other" {
		t.Error(err)
	}

	for path, text := range map[string]string{"/odd": "redirects to a URL that does not parse", "/ftp": `"ftp"`} {
		_, _, err := websocket.Dial(t.Context(), first+path, opts)
		var failed *wye.DialError
		if !errors.As(err, &failed) || failed.Stage != wye.StageRequest || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", path, err)
		}
	}

	secure := httptest.NewTLSServer(http.HandlerFunc(serve))
	defer secure.Close()
	opts.TLSConfig = secure.Client().Transport.(*http.Transport).TLSClientConfig
	_, resp, err = websocket.Dial(t.Context(), secure.URL+"/down", opts)
	if !strings.Contains(err.Error(), "redirects from TLS to http://a.example/secret, without it") || resp == nil || resp.StatusCode != 307 {
		t.Error(err)
	}
}

// A redirect without a place to go to is an ordinary answer.
func TestDialRedirectToNowhere(t *testing.T) {
	for _, answer := range []string{"300 Many\r\nLocation: /", "302 Found"} {
		url := rawServer(t, "HTTP/1.1 "+answer+"\r\nContent-Length: 0\r\n\r\n", func(nc net.Conn) { io.Copy(io.Discard, nc) })
		if _, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{MaxRedirects: 3}); !errors.As(err, new(*wye.RefusedError)) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
