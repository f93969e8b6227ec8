package wye

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// hops is a server that redirects, notes what it was asked, and switches at
// /end.
type hops struct {
	mu   sync.Mutex // guards seen
	seen []string
	to   map[string]string // path: status and location
}

func (h *hops) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.seen = append(h.seen, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Cookie")))
	h.mu.Unlock()
	if status, location, ok := strings.Cut(h.to[r.URL.Path], " "); ok {
		w.Header().Set("Location", location)
		w.WriteHeader(map[string]int{"301": 301, "302": 302, "303": 303, "307": 307, "308": 308, "300": 300}[status])
		io.WriteString(w, "elsewhere")
		return
	}
	(&Switch{Protocols: []Offer{{example, greet}}}).ServeHTTP(w, r)
}

func (h *hops) wantSeen(t *testing.T, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if got, want := strings.Join(h.seen, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	h.seen = nil
}

func following(n int) func(*DialOptions) { return func(o *DialOptions) { o.MaxRedirects = n } }

func withSecrets(o *DialOptions) {
	o.MaxRedirects = 10
	o.Header = http.Header{"Authorization": {"Bearer"}, "cookie": {"biscuit"}, "X-Kept": {"yes"}}
}

// Redirects are off by default.
func TestDialFollowsNoRedirect(t *testing.T) {
	h := &hops{to: map[string]string{"/": "302 /end"}}
	_, address := serve(t, h)
	_, resp, err := dial(t, "ws://"+address)
	var refused *RefusedError
	if !errors.As(err, &refused) || resp.StatusCode != 302 || string(refused.Body) != "elsewhere" {
		t.Error(err)
	}
	h.wantSeen(t, "GET /")
}

// Where allowed they are followed within an origin, credentials and all.
func TestDialFollowsRedirects(t *testing.T) {
	h := &hops{to: map[string]string{"/": "301 a?x#fragment", "/a": "302 /b", "/b": "307 ./c", "/c": "308 //HOST/end"}}
	_, address := serve(t, h)
	h.to["/c"] = "308 //" + address + "/end"
	c, resp, err := dial(t, "ws://"+address, withSecrets)
	if err != nil || resp.Request.URL.Path != "/end" || resp.Request.Header.Get("X-Kept") != "yes" {
		t.Fatal(err)
	}
	wantRead(t, c, "this is example/1\n")
	h.wantSeen(t, "GET / Bearer biscuit", "GET /a Bearer biscuit", "GET /b Bearer biscuit", "GET /c Bearer biscuit", "GET /end Bearer biscuit")
}

func TestDialRedirectMethods(t *testing.T) {
	for status, method := range map[string]string{"301": "OPTIONS", "307": "OPTIONS", "303": "GET"} {
		h := &hops{to: map[string]string{"/": status + " /end"}}
		_, address := serve(t, h)
		c, _, err := dial(t, "ws://"+address, following(1), func(o *DialOptions) { o.Method = "OPTIONS" })
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		h.wantSeen(t, "OPTIONS /", method+" /end")
	}
}

// A redirect that is none is the answer.
func TestDialOtherRedirects(t *testing.T) {
	h := &hops{to: map[string]string{"/": "300 /end", "/nowhere": "302 "}}
	_, address := serve(t, h)
	for path, status := range map[string]int{"/": 300, "/nowhere": 302} {
		_, resp, err := dial(t, "ws://"+address+path, following(3))
		var refused *RefusedError
		if !errors.As(err, &refused) || resp.StatusCode != status {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// "Client SHOULD detect and intervene in cyclical redirections". RFC 9110 §15.4
func TestDialRedirectLoop(t *testing.T) {
	h := &hops{to: map[string]string{"/": "302 /"}}
	_, address := serve(t, h)
	_, resp, err := dial(t, "ws://"+address, following(3))
	var refused *RefusedError
	if !errors.As(err, &refused) || resp.StatusCode != 302 {
		t.Error(err)
	}
	h.wantSeen(t, "GET /", "GET /", "GET /", "GET /")
}

// Across origins credentials are dropped, and stay so when it comes back:
// CVE-2024-45336. What Header is written like does not matter.
func TestDialDropsCredentialsAcrossOrigins(t *testing.T) {
	a := &hops{to: map[string]string{"/": "302 /still"}}
	b := &hops{to: map[string]string{"/b": "302 /b2"}}
	_, addressA := serve(t, a)
	_, addressB := serve(t, b)
	a.to["/still"] = "302 http://user:pw@" + addressB + "/b"
	b.to["/b2"] = "302 http://" + addressA + "/end"
	_, resp, err := dial(t, "ws://"+addressA, withSecrets)
	if err != nil {
		t.Fatal(err)
	}
	a.wantSeen(t, "GET / Bearer biscuit", "GET /still Bearer biscuit", "GET /end")
	b.wantSeen(t, "GET /b", "GET /b2")
	if resp.Request.Header.Get("X-Kept") != "yes" || resp.Request.Host != addressA {
		t.Errorf("sent %v to %v", resp.Request.Header, resp.Request.Host)
	}

	// Those of the URL's userinfo too, and a Host that was given.
	a.to["/end"] = "302 http://user:pw@" + addressB + "/end"
	_, resp, err = dial(t, "ws://user:pw@"+addressA+"/end", following(1), func(o *DialOptions) { o.Header = http.Header{"Host": {"virtual.example"}} })
	if err != nil || resp.Request.Host != addressB || resp.Request.URL.User != nil {
		t.Errorf("%v, %+v", err, resp)
	}
	a.wantSeen(t, "GET /end Basic dXNlcjpwdw==")
	b.wantSeen(t, "GET /end")
}

// From TLS to none is refused; to TLS is another origin.
func TestDialRedirectsBetweenSchemes(t *testing.T) {
	h := &hops{to: map[string]string{"/": "302 https://TLS/end"}}
	_, plain := serve(t, h)
	secure := httptest.NewUnstartedServer(h)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	address := secure.Listener.Addr().String()
	h.to = map[string]string{"/": "302 https://" + address + "/end", "/down": "302 http://" + plain + "/secret?q"}
	trusting := func(o *DialOptions) { o.TLSConfig = &tls.Config{InsecureSkipVerify: true} }

	if _, _, err := dial(t, "ws://"+plain, withSecrets, trusting); err != nil {
		t.Error(err)
	}
	h.wantSeen(t, "GET / Bearer biscuit", "GET /end")

	_, resp, err := dial(t, "wss://"+address+"/down", withSecrets, trusting)
	var failed *DialError
	if !errors.As(err, &failed) || failed.Stage != StageRequest || resp.StatusCode != 302 ||
		!strings.Contains(err.Error(), "redirects from TLS to http://"+plain+"/secret, without it") {
		t.Error(err)
	}
	h.wantSeen(t, "GET /down Bearer biscuit")
}

// A redirect leads where a URL may lead, and its error says no secret.
func TestDialRedirectsToAnOddURL(t *testing.T) {
	for location, text := range map[string]string{
		"ftp://a/":                         `the server redirects: the URL's scheme is "ftp"`,
		"http:///":                         "the server redirects: the URL has no host",
		"http://user:secret@a:secretport/": "redirects to a URL that does not parse",
		"http://\u2100.example/":           "the server redirects:",
		"javascript:secret":                `the URL's scheme is "javascript"`,
	} {
		h := &hops{to: map[string]string{"/": "302 " + location}}
		_, address := serve(t, h)
		_, _, err := dial(t, "ws://"+address, following(1))
		var failed *DialError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// The next hop's failure is told of the next hop.
func TestDialRedirectsToNobody(t *testing.T) {
	h := &hops{to: map[string]string{"/": "302 http://other.example/a"}}
	_, address := serve(t, h)
	opened := 0
	_, _, err := dial(t, "ws://"+address, following(1), func(o *DialOptions) {
		o.NetDial = refuseSecond(&opened, address)
	})
	var failed *DialError
	if !errors.As(err, &failed) || failed.Stage != StageConnect || failed.URL != "http://other.example/a" || errors.As(err, new(*RefusedError)) {
		t.Error(err)
	}
}
