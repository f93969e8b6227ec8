package gate

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
)

func TestHostIsJudgedBeforeOrigin(t *testing.T) {
	g := &Gate{Hosts: []string{"example.com"}}
	bad := request("evil.example", "https://another.example")
	wantRefused(t, g, bad, ErrHost)

	if _, err := g.Admit(bad); !errors.Is(err, ErrHost) {
		t.Errorf("Admit: want %v, got %v", ErrHost, err)
	}
	pass, err := g.Admit(request("example.com", "https://evil.example"))
	if err != nil {
		t.Fatalf("Admit judged more than the Host: %v", err)
	}
	if err := pass.Authorize(request("example.com", "https://evil.example")); !errors.Is(err, ErrOrigin) {
		t.Errorf("Authorize: want %v, got %v", ErrOrigin, err)
	}
}

func TestNobodyIsThePrincipalOfARequestThatDoesNotSay(t *testing.T) {
	pass, err := new(Gate).Check(request("example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if pass.Principal != "" || !pass.Expires.IsZero() {
		t.Errorf("got the principal %q until %v", pass.Principal, pass.Expires)
	}
}

func TestARefusedPassIsReleased(t *testing.T) {
	pass, err := (*Gate)(nil).Admit(request("example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if err := pass.Authorize(request("example.com", "null")); !errors.Is(err, ErrOrigin) {
		t.Fatal(err)
	}
	wantReleased(t, pass)
}

func TestReleaseAnyOrderAnyNumber(t *testing.T) {
	var none *Pass
	none.Release()
	none.Release()
	if err := none.Authorize(request("example.com", "https://evil.example")); !errors.Is(err, ErrOrigin) {
		t.Errorf("a nil pass authorized another origin: %v", err)
	}
	if err := none.Authorize(request("example.com", "https://example.com")); err != nil {
		t.Errorf("a nil pass is that of a nil Gate: %v", err)
	}
	if err := new(Pass).Authorize(request("example.com", "https://example.com")); err != nil {
		t.Errorf("the zero pass is that of a zero Gate: %v", err)
	}

	pass, err := new(Gate).Check(request("example.com"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(pass.Release)
	}
	wg.Wait()
	wantReleased(t, pass)
}

// wantReleased also says that using a released pass is a mistake of the server,
// which the client cannot mend.
func wantReleased(t *testing.T, pass *Pass) {
	t.Helper()
	err := pass.Authorize(request("example.com", "https://example.com"))
	var rejection *Rejection
	if !errors.As(err, &rejection) || rejection.Status != http.StatusInternalServerError {
		t.Errorf("want the pass to be released, got %v", err)
	}
}

func TestOneGateManyRequests(t *testing.T) {
	g := &Gate{Hosts: LoopbackHosts(), Origins: []string{"https://*.example.com"}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			wantAllowed(t, g, request("localhost:8080", "https://a.example.com"))
			wantRefused(t, g, request("localhost:8080", "https://evil.example"), ErrOrigin)
		})
	}
	wg.Wait()
}

func TestWhatTheClientIsTold(t *testing.T) {
	g := &Gate{Hosts: []string{"example.com"}}
	for text, r := range map[string]*http.Request{
		"Host not allowed":   request("evil.example", "https://evil.example"),
		"Origin not allowed": request("example.com", "https://evil.example"),
	} {
		_, err := g.Check(r)
		var answer interface {
			Answer() (int, http.Header, string)
		}
		if !errors.As(err, &answer) {
			t.Fatalf("%v is no answer", err)
		}
		status, header, got := answer.Answer()
		if status != http.StatusForbidden || len(header) != 0 || got != text {
			t.Errorf("want 403 %q, got %d %v %q", text, status, header, got)
		}
	}
}

func TestWhatTheLogIsTold(t *testing.T) {
	for _, tt := range []struct {
		why  string
		g    *Gate
		r    *http.Request
		want []string
	}{
		{"both values and the setting", &Gate{}, request("own.example:80", "https://EVIL.example"),
			[]string{"origin not allowed", `"https://EVIL.example"`, `"own.example:80"`, `add "https://evil.example" to Origins`}},
		{"a port that is not the default", &Gate{}, request("own.example", "https://evil.example:8443"),
			[]string{`add "https://evil.example:8443" to Origins`}},
		{"a Host", &Gate{Hosts: []string{"a.example", "b.example"}}, request("c.example:8080"),
			[]string{"host not allowed", `"c.example:8080"`, `"a.example b.example"`, `add "c.example"`, "Hosts"}},
		{"a Host that is none", &Gate{Hosts: []string{"a.example"}}, request("a.example:0"),
			[]string{`"a.example:0"`, "1 to 65535"}},
		{"null", &Gate{}, request("own.example", "null"), []string{`"null"`, `"own.example"`, "sandboxed"}},
		{"http over TLS", &Gate{}, overTLS(request("own.example", "http://own.example")), []string{`"http://own.example"`, "https"}},
		{"a path", &Gate{}, request("own.example", "https://own.example/"), []string{`'/' does not belong there`}},
		{"a forged line of log", &Gate{}, request("own.example\r\nfine", "https://evil.example\nlevel=INFO all is well\x1b[2J"),
			[]string{`"own.example\r\nfine"`, `\nlevel=INFO`, `\x1b[2J`}},
		{"a look-alike", &Gate{}, request("own.example", "https://оwn.example"), []string{`"https://\u043ewn.example"`, `add "https://xn--wn-emc.example"`}},
		{"entries that are not understood", &Gate{Hosts: []string{"::1", "::2"}, Origins: []string{"null"}}, request("own.example"), []string{"Hosts[0]"}},
		{"a flood in bytes that grow", &Gate{Hosts: []string{strings.Repeat("\xdc", 1<<20)}}, request("own.example"), []string{`\xdc"…`}},
		{"a flood", &Gate{}, request(strings.Repeat("h", 1<<20), "https://"+strings.Repeat("o", 1<<20)), []string{`hhh"…`, `ooo"…`}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			_, err := tt.g.Check(tt.r)
			if err == nil {
				t.Fatal("want a refusal, got a pass")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %s in: %v", want, err)
				}
			}
			wantLoggable(t, err)
		})
	}
}

// wantLoggable: one line of printable ASCII, apart from the sign of a cut.
func wantLoggable(t *testing.T, err error) {
	t.Helper()
	s := strings.ReplaceAll(err.Error(), "…", "")
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
		t.Errorf("%q does not belong into a log: %q", s[i:], s)
	}
	// Up to five values of 256 bytes are quoted, each byte as four at most.
	if len(s) > 6000 {
		t.Errorf("%d bytes for one refusal: %s", len(s), s)
	}
}

func TestARejectionIsSafeWhenZero(t *testing.T) {
	e := new(Rejection)
	if status, _, text := e.Answer(); status != http.StatusForbidden || text != "Forbidden" {
		t.Errorf("got %d %q", status, text)
	}
	if e.Error() != "gate: Forbidden" || errors.Is(e, ErrOrigin) {
		t.Errorf("got %v", e)
	}
	e = &Rejection{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}}, Text: "Too many"}
	if status, header, text := e.Answer(); status != 429 || header.Get("Retry-After") != "7" || text != "Too many" {
		t.Errorf("got %d %v %q", status, header, text)
	}
}
