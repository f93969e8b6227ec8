package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// knows is a Verifier of these tokens, each of a principal of its own name.
func knows(tokens ...string) func(context.Context, string) (Identity, error) {
	return func(_ context.Context, token string) (Identity, error) {
		if slices.Contains(tokens, token) {
			return Identity{Principal: token}, nil
		}
		return Identity{}, fmt.Errorf("%w: %s is unknown", ErrCredentials, token)
	}
}

// expiring is a Verifier that takes any token until then, as ada's.
func expiring(until time.Time) Verifier {
	return VerifierFunc(func(context.Context, string) (Identity, error) {
		return Identity{Principal: "ada", Expires: until}, nil
	})
}

func bearing(r *http.Request, token string) *http.Request {
	return with(r, "Authorization: Bearer "+token)
}

// with is r with further fields, "Name: value", or parameters, "?name=value".
func with(r *http.Request, parts ...string) *http.Request {
	r = r.Clone(context.Background())
	if r.URL == nil {
		r.URL = &url.URL{Path: "/ws"}
	}
	for _, part := range parts {
		if query, isQuery := strings.CutPrefix(part, "?"); isQuery {
			if r.URL.RawQuery != "" {
				r.URL.RawQuery += "&"
			}
			r.URL.RawQuery += query
			continue
		}
		name, value, _ := strings.Cut(part, ": ")
		r.Header.Add(name, value)
	}
	r.RequestURI = r.URL.RequestURI()
	return r
}

func TestCredentials(t *testing.T) {
	for _, tt := range []struct {
		why    string
		parts  []string
		status int // 0: let in as right
		text   string
	}{
		{"none", nil, 401, ""},
		{"Authorization", []string{"Authorization: Bearer right"}, 0, ""},
		{"in another case", []string{"Authorization: bEARER   right "}, 0, ""},
		{"of another scheme", []string{"Authorization: Basic right"}, 401, ""},
		{"of both schemes", []string{"Authorization: Basic other", "Authorization: Bearer right"}, 0, ""},
		{"without a token", []string{"Authorization: Bearer"}, 400, "Authorization"},
		{"wrong", []string{"Authorization: Bearer wrong"}, 401, ""},
		{"twice", []string{"Authorization: Bearer right", "Authorization: Bearer right"}, 0, ""},
		{"two", []string{"Authorization: Bearer right", "Authorization: Bearer wrong"}, 400, "Different"},

		{"a cookie", []string{"Cookie: a=1; sid=right; b=2"}, 0, ""},
		{"in quotes", []string{`Cookie: sid="right"`}, 0, ""},
		{"another cookie", []string{"Cookie: SID=right; xsid=right"}, 401, ""},
		{"an empty cookie", []string{"Cookie: sid="}, 401, ""},
		{"two of a name", []string{"Cookie: sid=right; sid=wrong"}, 400, "Different"},
		{"over lines", []string{"Cookie: a=1", "Cookie: sid=right"}, 0, ""},

		{"a subprotocol", []string{"Sec-WebSocket-Protocol: bearer.right, chat"}, 0, ""},
		{"on a line of its own", []string{"Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: Bearer.right"}, 0, ""},
		{"a subprotocol alone", []string{"Sec-WebSocket-Protocol: bearer.right"}, 400, "offer an application subprotocol too"},
		{"without a token", []string{"Sec-WebSocket-Protocol: bearer., chat"}, 400, "Sec-WebSocket-Protocol"},
		{"two subprotocols", []string{"Sec-WebSocket-Protocol: bearer.right, bearer.wrong, chat"}, 400, "Different"},

		{"a parameter", []string{"?a=1&token=right&b=2"}, 0, ""},
		{"escaped", []string{"?to%6ben=%72ight"}, 0, ""},
		{"wrongly escaped", []string{"?token=%zz"}, 400, "query"},
		{"empty", []string{"?token="}, 400, "query"},
		{"two parameters", []string{"?token=right", "?token=wrong"}, 400, "Different"},
		{"a ticket that is none", []string{"?ticket=right"}, 401, ""},
		{"a ticket and a token", []string{"?ticket=right&token=right"}, 400, "Different"},

		{"the same at two places", []string{"Authorization: Bearer right", "?token=right"}, 0, ""},
		{"different at two places", []string{"Authorization: Bearer right", "?token=wrong"}, 400, "Authorization"},
		{"different at two others", []string{"Cookie: sid=right", "Sec-WebSocket-Protocol: chat, bearer.wrong"}, 400, "cookie"},
		{"what no cookie can hold", []string{`Authorization: Bearer ri"ght`}, 400, "Authorization"},
		{"too long", []string{"Authorization: Bearer " + strings.Repeat("x", maxCredential+1)}, 400, "Authorization"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			g := &Gate{Verifier: VerifierFunc(knows("right")), Cookie: "sid", Realm: "the house"}
			r := with(request("example.com"), tt.parts...)
			pass, err := g.Check(r)
			if tt.status == 0 {
				if err != nil || pass.Principal != "right" {
					t.Errorf("got %+v, %v", pass, err)
				}
				return
			}
			var rejection *Rejection
			if !errors.As(err, &rejection) || !errors.Is(err, ErrCredentials) {
				t.Fatalf("want %d, got %+v, %v", tt.status, pass, err)
			}
			status, header, text := rejection.Answer()
			if status != tt.status || !strings.Contains(text, tt.text) {
				t.Errorf("want %d with %q, got %d %q", tt.status, tt.text, status, text)
			}
			if challenge := header.Get("WWW-Authenticate"); (status == 401) != strings.HasPrefix(challenge, `Bearer realm="the house"`) {
				t.Errorf("%d has the challenge %q", status, challenge)
			}
			for _, said := range []string{err.Error(), text, fmt.Sprint(header)} {
				if strings.Contains(said, "right") || strings.Contains(said, "wrong") {
					t.Errorf("a credential is repeated: %s", said)
				}
			}
			wantLoggable(t, err)
		})
	}
}

// What is taken, and what is left, byte by byte.
func TestCredentialsAreTakenOut(t *testing.T) {
	verifying := func() *Gate { return &Gate{Verifier: VerifierFunc(knows("right")), Cookie: "sid"} }
	for _, tt := range []struct {
		why         string
		g           *Gate
		parts, want []string
	}{
		{"Authorization", verifying(), []string{"Authorization: Basic b", "Authorization: Bearer right"}, []string{"Authorization: Basic b"}},
		{"the cookie", verifying(), []string{"Cookie: a=1;sid=right; b=2", "Cookie: sid=right"}, []string{"Cookie: a=1; b=2"}},
		{"the subprotocol", verifying(), []string{"Sec-WebSocket-Protocol: a, bearer.right,b", "Sec-WebSocket-Protocol: bearer.right", "Sec-WebSocket-Protocol: c"}, []string{"Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c"}},
		{"the parameters", verifying(), []string{"?a=%20&token=right&&b"}, []string{"?a=%20&&b"}},
		{"all parameters", verifying(), []string{"?token=right"}, nil},
		{"after a refusal too", verifying(), []string{"Authorization: Bearer wrong", "?ticket=x&a=1"}, []string{"?a=1"}},
		{"after a refusal for the Origin too", verifying(), []string{"Origin: https://evil.example", "?token=right&a=1"}, []string{"Origin: https://evil.example", "?a=1"}},
		{"only a subprotocol without a Verifier", &Gate{Cookie: "sid"},
			[]string{"Authorization: Bearer right", "Cookie: sid=right", "?token=right", "Sec-WebSocket-Protocol: chat, bearer.right"},
			[]string{"Authorization: Bearer right", "Cookie: sid=right", "?token=right", "Sec-WebSocket-Protocol: chat"}},
		{"nor without a Gate", nil, []string{"Sec-WebSocket-Protocol: chat, bearer.right"}, []string{"Sec-WebSocket-Protocol: chat"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r, want := with(request("example.com"), tt.parts...), with(request("example.com"), tt.want...)
			r.Form = url.Values{"token": {"right"}, "a": {"1"}}
			shallow := *r
			tt.g.Check(r)
			if fmt.Sprint(r.Header) != fmt.Sprint(want.Header) || r.URL.String() != want.URL.String() || r.RequestURI != want.RequestURI {
				t.Errorf("left are\n%v %s %s, want\n%v %s %s", r.Header, r.URL, r.RequestURI, want.Header, want.URL, want.RequestURI)
			}
			if shallow.URL.String() != want.URL.String() {
				t.Errorf("who holds a copy of the request sees %s", shallow.URL)
			}
			if tt.g != nil && tt.g.Verifier != nil && len(tt.parts) > 0 && strings.HasPrefix(tt.parts[0], "?") && r.Form.Has("token") {
				t.Error("the form that was parsed before has the token still")
			}
		})
	}
}

// "bearer.<token>" is never agreed on: alone it is refused, with or without a
// Verifier.
func TestABearerSubprotocolAlone(t *testing.T) {
	for _, g := range []*Gate{nil, {}, {Verifier: VerifierFunc(knows("right"))}} {
		wantStatus(t, g, with(request("example.com"), "Sec-WebSocket-Protocol: bearer.right"), 400, ErrCredentials)
	}
}

// Cross-site WebSocket hijacking: a browser sends the cookie along for whichever
// page asks, and what tells them apart is the Origin.
func TestCrossSiteHijackingByCookie(t *testing.T) {
	cookie := func(origin string) *http.Request {
		return with(request("example.com", origin), "Cookie: sid=right")
	}
	g := &Gate{Verifier: VerifierFunc(knows("right")), Cookie: "sid"}
	wantPass(t, g, cookie("https://example.com"))
	wantStatus(t, g, cookie("https://evil.example"), 403, ErrOrigin)
	wantStatus(t, g, extendedConnect(cookie("https://evil.example")), 403, ErrOrigin)
	wantStatus(t, g, cookie("null"), 403, ErrOrigin)
	wantStatus(t, g, cookie("https://203.0.113.9"), 403, ErrOrigin)

	g.Origins = []string{"*"}
	if err := g.Validate(); err == nil || !strings.Contains(err.Error(), "Cookie") {
		t.Errorf("any page with its visitor's cookies is no error: %v", err)
	}
	wantStatus(t, g, cookie("https://evil.example"), 401, ErrCredentials)
}

func TestTheVerifierHasFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{Verifier: VerifierFunc(func(ctx context.Context, _ string) (Identity, error) {
			<-ctx.Done()
			return Identity{}, ctx.Err()
		})}
		began := time.Now()
		wantStatus(t, g, bearing(request("example.com"), "any"), 503, ErrVerifier)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it had %v", took)
		}
		// Or less, when the client has gone.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		wantStatus(t, g, bearing(request("example.com"), "any").WithContext(ctx), 503, ErrVerifier)
		if took := time.Since(began); took != time.Second {
			t.Errorf("a client that went after 1 s cost %v", took)
		}
	})
}

// What a Verifier says is for the log, and it may say the token.
func TestTheVerifiersErrors(t *testing.T) {
	down := errors.New("down")
	for _, tt := range []struct {
		err    error
		status int
		fact   error
	}{
		{down, 503, ErrVerifier},
		{&url.Error{Op: "Get", URL: "http://auth/?t=s3cr%2Ft", Err: down}, 503, ErrVerifier},
		{fmt.Errorf("asking for %q: %w", "s3cr/t", down), 503, ErrVerifier},
		{fmt.Errorf("%w: s3cr/t is nobody's: %w", ErrCredentials, down), 401, ErrCredentials},
	} {
		g := &Gate{Verifier: VerifierFunc(func(context.Context, string) (Identity, error) { return Identity{}, tt.err })}
		_, err := g.Check(bearing(request("example.com"), "s3cr/t"))
		wantStatus(t, g, bearing(request("example.com"), "s3cr/t"), tt.status, tt.fact)
		if !errors.Is(err, down) || strings.Contains(err.Error(), "s3cr") {
			t.Errorf("the log is told %v", err)
		}
		if unwrapped := (*url.Error)(nil); errors.As(tt.err, &unwrapped) && !errors.As(err, &unwrapped) {
			t.Errorf("a program cannot see that it is %#v", tt.err)
		}
	}
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(time.Minute)
		g := &Gate{Verifier: expiring(until)}
		if pass := wantPass(t, g, bearing(request("example.com"), "any")); !pass.Expires.Equal(until) || pass.Principal != "ada" {
			t.Errorf("got %+v", pass)
		}
		time.Sleep(time.Minute)
		wantStatus(t, g, bearing(request("example.com"), "any"), 401, ErrCredentials)
	})
}

func TestFailedCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := &Gate{Verifier: VerifierFunc(func(ctx context.Context, token string) (Identity, error) {
			asked++
			return knows("right")(ctx, token)
		})}
		ask := func(peer, token string) *http.Request { return bearing(from(request("example.com"), peer), token) }
		// Who says nothing, or is right, is not wrong.
		for range 20 {
			wantStatus(t, g, from(request("example.com"), "203.0.113.9"), 401, ErrCredentials)
			wantPass(t, g, ask("203.0.113.9", "right"))
		}
		for range 10 {
			wantStatus(t, g, ask("203.0.113.9", "wrong"), 401, ErrCredentials)
		}
		asked = 0
		// Now the client learns nothing, not even that it is right.
		wantRetryAfter(t, wantStatus(t, g, ask("203.0.113.9", "wrong"), 429, ErrRate), 6)
		wantRetryAfter(t, wantStatus(t, g, ask("203.0.113.9", "right"), 429, ErrRate), 6)
		if asked != 0 {
			t.Error("and the Verifier is put to the trouble")
		}
		wantPass(t, g, ask("203.0.113.10", "right"))
		time.Sleep(6 * time.Second)
		wantPass(t, g, ask("203.0.113.9", "right"))
		wantStatus(t, g, ask("203.0.113.9", "wrong"), 401, ErrCredentials)
		wantStatus(t, g, ask("203.0.113.9", "right"), 429, ErrRate)
	})
}

// Guesses at the same time are as many as guesses one after another.
func TestFailedCredentialsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{Verifier: VerifierFunc(func(ctx context.Context, token string) (Identity, error) {
			wait := time.Second
			if token == "right" {
				wait *= 2
			}
			time.Sleep(wait)
			return knows("right")(ctx, token)
		})}
		var wg sync.WaitGroup
		var mu sync.Mutex
		statuses := map[int]int{}
		for i := range 100 {
			wg.Go(func() {
				token := "wrong"
				if i == 99 {
					token = "right"
				}
				_, err := g.Check(bearing(from(request("example.com"), "203.0.113.9"), token))
				var rejection *Rejection
				if !errors.As(err, &rejection) {
					t.Errorf("%s was let in", token)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				statuses[rejection.Status]++
			})
		}
		wg.Wait()
		if statuses[401] != 10 || statuses[429] != 90 {
			t.Errorf("the answers were %v, want 10 times 401", statuses)
		}
	})
}

func FuzzCredentials(f *testing.F) {
	f.Add("Bearer c4n4ry", "sid=c4n4ry", "bearer.c4n4ry, chat", "token=c4n4ry")
	f.Add("bearer\tc4n4ry", "a=b; sid=\"c4n4ry\"", "chat,BEARER.c4n4ry", "a=1;token=c4n4ry&ticket=c4n4ry")
	f.Add("", ";;=;", ",,", "&&=%zz&to%6Ben=1")
	f.Fuzz(func(t *testing.T, authorization, cookie, subprotocols, query string) {
		const secret = "c4n4ry"
		asked := ""
		g := &Gate{Cookie: "sid", Verifier: VerifierFunc(func(_ context.Context, token string) (Identity, error) {
			asked = token
			return Identity{Principal: "somebody"}, nil
		})}
		r := from(request("example.com"), "203.0.113.9")
		for name, value := range map[string]string{"Authorization": authorization, "Cookie": cookie, "Sec-Websocket-Protocol": subprotocols} {
			if value != "" {
				r.Header[name] = []string{value}
			}
		}
		r.URL = &url.URL{Path: "/ws", RawQuery: query}
		r.RequestURI = "/ws?" + query
		pass, err := g.Check(r)

		// A request is let in for what was asked about, and no longer has it.
		if err == nil && (pass.Principal != "somebody" || !isCredential(asked)) {
			t.Errorf("let in as %q for %q", pass.Principal, asked)
		}
		again := g.takeCredentials(r)
		if again.from != "" {
			t.Errorf("%q, %q, %q, %q: left in %s is %q", authorization, cookie, subprotocols, query, again.from, again.value)
		}
		if strings.Contains(strings.ToLower(strings.Join(r.Header["Sec-Websocket-Protocol"], ",")), ",bearer.") {
			t.Errorf("the subprotocols left are %q", r.Header["Sec-Websocket-Protocol"])
		}
		if _, after, _ := strings.Cut(r.RequestURI, "?"); after != r.URL.RawQuery {
			t.Errorf("the target %q does not have the query %q", r.RequestURI, r.URL.RawQuery)
		}
		// Nor does the refusal.
		if err != nil {
			wantLoggable(t, err)
			var rejection *Rejection
			errors.As(err, &rejection)
			if status, header, text := rejection.Answer(); strings.Contains(err.Error()+text+fmt.Sprint(header), secret) || status < 400 {
				t.Errorf("%d %v %q repeats the credential: %v", status, header, text, err)
			}
		}
	})
}
