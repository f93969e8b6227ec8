package wye

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// greet is a protocol that says what it was switched to.
var greet = ProtocolFunc(func(_ context.Context, r *Request, c Conn) error {
	_, err := io.WriteString(c, "this is "+r.Token.String()+"\n")
	return err
})

// decline is a protocol that never wants to.
var decline = protocolFunc(func(*http.Request, Token) (*Agreement, error) { return nil, ErrDecline })

// refuse is a protocol that answers with err.
func refuse(err error) Protocol {
	return protocolFunc(func(*http.Request, Token) (*Agreement, error) { return nil, err })
}

func token(s string) Token {
	t, err := ParseToken(s)
	if err != nil {
		panic(err)
	}
	return t
}

// "A client MAY send a list of protocol names … in order of descending
// preference". RFC 9110 §7.8
func TestSwitchTakesTheFirstInTheClientsOrder(t *testing.T) {
	_, address := serve(t, &Switch{Protocols: []Offer{
		{token("foo/2"), greet}, {token("example/1"), greet}, {token("never"), decline}, {token("twice"), decline}, {token("twice"), greet},
		{Token{"TLS", AnyVersion}, greet},
	}})
	for _, tt := range []struct{ upgrade, chosen string }{
		{"example/1, foo/2", "example/1"},
		{"foo/2, example/1", "foo/2"},
		{"example/2, foo/2", "foo/2"},
		{"other, a b,, foo/2", "foo/2"},
		{"never, example/1", "example/1"}, // ErrDecline goes on to the next token
		{"twice", "twice"},                // and to the next offer of the same
		{"Example/1", "example/1"},        // our spelling
		{"tls/1.2, TLS/1.0", "TLS/1.2"},   // our name, the client's version
	} {
		t.Run(tt.upgrade, func(t *testing.T) {
			p := call(t, address)
			p.say(strings.Replace(ask, "example/1", tt.upgrade, 1))
			p.want("HTTP/1.1 101 Switching Protocols\r\nUpgrade: " + tt.chosen + "\r\nConnection: Upgrade\r\n\r\nthis is " + tt.chosen + "\n")
			p.wantEnd() // Serve has returned
		})
	}
}

func TestSwitchFallsBack(t *testing.T) {
	s := &Switch{
		Protocols: []Offer{{token("example/1"), decline}, {Token{"TLS", AnyVersion}, decline}, {token("example/1"), decline}},
		Fallback:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "plain") }),
	}
	_, address := serve(t, s)
	requests := map[string]string{
		"no Upgrade":           "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"another":              strings.Replace(ask, "example/1", "other", 1),
		"declined":             ask,
		"no connection option": strings.Replace(ask, "Connection: Upgrade", "Connection: no-upgrade", 1),
	}
	for why, request := range requests {
		t.Run(why, func(t *testing.T) {
			p := call(t, address)
			p.say(request)
			// An ordinary response advertises nothing unless configured.
			if resp := p.wantAnswer(200, "plain"); resp.Header["Upgrade"] != nil || resp.Header["Connection"] != nil {
				t.Errorf("got %v", resp.Header)
			}
			p.say(request) // the connection goes on
			p.wantAnswer(200, "plain")
		})
	}

	// "A server MAY send an Upgrade header field in any other response to
	// advertise that it implements support for upgrading to the listed
	// protocols". RFC 9110 §7.8
	t.Run("Advertise", func(t *testing.T) {
		s := *s
		s.Advertise = true
		_, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/close" {
				w.Header().Set("Connection", "close") // as a middleware may
			}
			s.ServeHTTP(w, r)
		}))
		p := call(t, address)
		p.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		resp := p.wantAnswer(200, "plain")
		if got := resp.Header["Upgrade"]; !slices.Equal(got, []string{"example/1, TLS"}) || !HasToken(resp.Header["Connection"], "upgrade") {
			t.Errorf("got %v", resp.Header)
		}
		p.say("GET /close HTTP/1.1\r\nHost: a\r\n\r\n")
		answer, err := io.ReadAll(p.in)
		if got := string(answer); err != nil || !strings.Contains(got, "Connection: close\r\nConnection: Upgrade\r\n") {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("Advertise nothing", func(t *testing.T) {
		_, address := serve(t, &Switch{Advertise: true, Fallback: s.Fallback})
		p := call(t, address)
		p.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if resp := p.wantAnswer(200, "plain"); resp.Header["Upgrade"] != nil {
			t.Errorf("got %v", resp.Header)
		}
	})
}

// Without a fallback: "A server that sends a 426 (Upgrade Required) response
// MUST send an Upgrade header field to indicate the acceptable protocols, in
// order of descending preference." RFC 9110 §7.8
func TestSwitchRequires(t *testing.T) {
	_, address := serve(t, &Switch{Protocols: []Offer{
		{token("example/1"), decline}, {Token{"TLS", AnyVersion}, greet}, {token("Foo"), greet}, {token("Foo"), greet}, {Token{"not valid", ""}, greet},
	}})
	for _, tt := range []struct{ why, request, text string }{
		{"no Upgrade", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "the request has no Upgrade header"},
		{"another", strings.Replace(ask, "example/1", "other", 1), "the request's Upgrade header does not list it"},
		{"no connection option", strings.Replace(ask, "Connection: Upgrade", "Connection: no-upgrade", 1), "its Connection header does not list upgrade"},
		{"declined", ask, "lacks what the protocol needs"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			p := call(t, address)
			p.say(tt.request)
			resp := p.wantAnswer(426, "Upgrade to example/1, TLS, Foo required: ")
			body, _ := io.ReadAll(resp.Body)
			if !strings.Contains(string(body), tt.text) {
				t.Errorf("the text is %q, want %q in it", body, tt.text)
			}
			if got := resp.Header["Upgrade"]; !slices.Equal(got, []string{"example/1, TLS, Foo"}) || !HasToken(resp.Header["Connection"], "upgrade") {
				t.Errorf("got %v", resp.Header)
			}
			p.say(strings.Replace(ask, "example/1", "foo", 1)) // the connection goes on
			p.want("HTTP/1.1 101 Switching Protocols\r\nUpgrade: Foo\r\n")
		})
	}
	t.Run("nothing on offer", func(t *testing.T) {
		_, address := serve(t, new(Switch))
		p := call(t, address)
		p.say(ask)
		p.wantAnswer(404, "Nothing is on offer here")
	})
}

func TestSwitchRefuses(t *testing.T) {
	for _, tt := range []struct {
		why    string
		check  Protocol
		status int
		text   string
		logged string
	}{
		{"an Answerer answers", refuse(&Refusal{Status: 429, Header: http.Header{"Retry-After": {"7"}}, Text: "Later", Err: errors.New("detail")}), 429, "Later", "detail"},
		{"a plain error is 500 without details", refuse(errors.New("secret")), 500, "on the server's side", "secret"},
		{"an Agreement without Serve", protocolFunc(func(*http.Request, Token) (*Agreement, error) { return &Agreement{}, nil }), 500, "on the server's side", "Agreement with a Serve"},
		{"neither", refuse(nil), 500, "on the server's side", "Agreement with a Serve"},
		{"fields that cannot be sent", protocolFunc(func(*http.Request, Token) (*Agreement, error) {
			return &Agreement{Header: http.Header{"X": {"\n"}}, Serve: greet}, nil
		}), 500, "on the server's side", "cannot be sent"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			logger, log := logged()
			_, address := serve(t, &Switch{Protocols: []Offer{{example, tt.check}, {example, greet}}, Logger: logger})
			p := call(t, address)
			p.say(ask)
			resp := p.wantAnswer(tt.status, tt.text)
			if body, _ := io.ReadAll(resp.Body); strings.Contains(string(body), tt.logged) {
				t.Errorf("the client is told %q", body)
			}
			if tt.status == 429 && resp.Header.Get("Retry-After") != "7" {
				t.Errorf("got %v", resp.Header)
			}
			eventually(t, "it is logged: "+log(), func() bool {
				return strings.Contains(log(), tt.logged) && strings.Contains(log(), "upgrade=example/1 path=/ remote=127.0.0.1:")
			})
		})
	}
}

// What was agreed on comes to Serve, or is undone.
func TestAgreement(t *testing.T) {
	var mu sync.Mutex
	var cancelled, served int
	protocol := protocolFunc(func(r *http.Request, token Token) (*Agreement, error) {
		return &Agreement{
			Header:    http.Header{"X-Agreed": {token.String()}},
			Principal: "alice",
			Serve: func(ctx context.Context, r *Request, c Conn) error {
				mu.Lock()
				defer mu.Unlock()
				served++
				if r.Principal != "alice" || r.Token != example || r.Header.Get("X-Asked") != "yes" || r.Context() != ctx {
					t.Errorf("got %+v", r)
				}
				_, err := io.Copy(c, c)
				return err
			},
			Cancel: func() {
				mu.Lock()
				defer mu.Unlock()
				cancelled++
			},
		}, nil
	})
	wantCalls := func(t *testing.T, c, s int) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if cancelled != c || served != s {
			t.Errorf("Cancel was called %d times, want %d, and Serve %d times, want %d", cancelled, c, served, s)
		}
		cancelled, served = 0, 0
	}
	s := &Switch{Protocols: []Offer{{example, protocol}}, MaxBody: 4}

	t.Run("served", func(t *testing.T) {
		_, address := serve(t, s)
		p := call(t, address)
		p.say(asking("GET", "X-Asked: yes") + "early")
		p.want(switched[:len(switched)-2] + "X-Agreed: example/1\r\n\r\nearly")
		p.say(" late")
		p.want(" late")
		p.Conn.(interface{ CloseWrite() error }).CloseWrite()
		p.wantEnd()
		wantCalls(t, 0, 1)
	})
	t.Run("the body is too long", func(t *testing.T) {
		_, address := serve(t, s)
		p := call(t, address)
		p.say(asking("POST", "Content-Length: 5") + "12345")
		p.wantAnswer(413, "4 bytes at most")
		wantCalls(t, 1, 0)
	})
	t.Run("the writer cannot be hijacked", func(t *testing.T) {
		_, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(bareWriter{w}, r) }))
		p := call(t, address)
		p.say(ask)
		p.wantAnswer(500, "")
		wantCalls(t, 1, 0)
	})
	t.Run("the server drains", func(t *testing.T) {
		srv, address := serve(t, s)
		GroupOf(srv).Shutdown(t.Context(), Drain{})
		p := call(t, address)
		p.say(ask)
		if resp := p.wantAnswer(503, "The server is going away"); !resp.Close {
			t.Error("the connection is to be used again")
		}
		p.wantEnd()
		wantCalls(t, 1, 0)
	})
}

// Custom tokens, on both ends.
func TestSwitchAndDial(t *testing.T) {
	_, address := serve(t, &Switch{Protocols: []Offer{{token("foo/2"), greet}, {token("example/1"), greet}}})
	for offer, want := range map[string]string{"example/1 foo/2": "example/1", "foo/2 example/1": "foo/2", "bar FOO/2": "foo/2"} {
		var tokens []Token
		for s := range strings.FieldsSeq(offer) {
			tokens = append(tokens, token(s))
		}
		c, resp, err := Dial(t.Context(), "http://"+address, &DialOptions{Tokens: tokens})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); string(got) != "this is "+want+"\n" || err != nil || Chosen(resp).String() != want {
			t.Errorf("%s: got %q, %v, %v", offer, got, err, Chosen(resp))
		}
		c.Close()
	}
}

// A protocol that panics ends its own connection; net/http says so in the log.
func TestServePanics(t *testing.T) {
	logs := make(chan string, 10)
	srv, address := serve(t, &Switch{Protocols: []Offer{{example, ProtocolFunc(func(context.Context, *Request, Conn) error { panic("at the disco") })}}}, func(srv *http.Server) {
		srv.ErrorLog = log.New(writerFunc(func(p []byte) (int, error) { logs <- string(p); return len(p), nil }), "", 0)
	})
	p := call(t, address)
	p.say(ask)
	p.want(switched)
	p.wantEnd()
	if line := receive(t, logs); !strings.Contains(line, "at the disco") {
		t.Errorf("logged %q", line)
	}
	eventually(t, "the group is empty", func() bool { return GroupOf(srv).Len() == 0 })
	p = call(t, address)
	p.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.wantAnswer(426, "") // the server goes on
}

func TestServeFails(t *testing.T) {
	logger, log := logged()
	_, address := serve(t, &Switch{Protocols: []Offer{{example, ProtocolFunc(func(context.Context, *Request, Conn) error { return errors.New("it broke") })}}, Logger: logger})
	p := call(t, address)
	p.say(ask)
	p.want(switched)
	p.wantEnd() // and no word to the client
	eventually(t, "it is logged", func() bool { return strings.Contains(log(), "it broke") })
}

// Serve's context ends with the cause when the Group drains, and when Serve
// returns.
func TestServeIsToldToLeave(t *testing.T) {
	group := new(Group)
	contexts, causes := make(chan context.Context, 1), make(chan error, 1)
	_, address := serve(t, &Switch{Group: group, Protocols: []Offer{{example, ProtocolFunc(func(ctx context.Context, r *Request, c Conn) error {
		contexts <- ctx
		<-ctx.Done()
		causes <- context.Cause(r.Context())
		_, err := io.WriteString(c, "bye")
		return err
	})}}})
	p := call(t, address)
	p.say(ask)
	p.want(switched)
	ctx := receive(t, contexts)
	if ctx.Err() != nil {
		t.Error("the context has ended before")
	}
	counts, err := group.Shutdown(t.Context(), Drain{Restart: true})
	if counts != (DrainCounts{Clean: 1}) || err != nil {
		t.Errorf("got %+v, %v", counts, err)
	}
	if cause := receive(t, causes); cause != ErrRestart {
		t.Errorf("the cause is %v", cause)
	}
	p.want("bye")
	p.wantEnd()
}

func TestServesContextEndsWithIt(t *testing.T) {
	contexts := make(chan context.Context, 1)
	_, address := serve(t, &Switch{Protocols: []Offer{{example, ProtocolFunc(func(ctx context.Context, r *Request, c Conn) error {
		contexts <- ctx
		return nil
	})}}})
	p := call(t, address)
	p.say(ask)
	receive(t, receive(t, contexts).Done())
	p.want(switched)
	p.wantEnd()
}
