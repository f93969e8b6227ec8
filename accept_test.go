package wye

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestAcceptAnswersWithTheTokenAndTheFields(t *testing.T) {
	a := newAcceptor(&AcceptOptions{Header: http.Header{"X-A": {"1", "2"}, "x-lower": {"kept as written"}, "X-Obs": {"bl\xe9"}}})
	a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
		w.Header().Set("Set-Cookie", "a=b")
		return w, r
	}
	_, address := serve(t, a)
	p := call(t, address)
	p.say(ask)
	p.want("HTTP/1.1 101 Switching Protocols\r\nUpgrade: example/1\r\nConnection: Upgrade\r\n" +
		"Set-Cookie: a=b\r\nX-A: 1\r\nX-A: 2\r\nX-Obs: bl\xe9\r\nx-lower: kept as written\r\n\r\n")
	a.conn(t)
}

// "If multiple protocol layers are being switched, the sender MUST list the
// protocols in layer-ascending order." RFC 9110 §7.8
func TestAcceptNamesTheLayersAbove(t *testing.T) {
	a := newAcceptor(&AcceptOptions{Above: []Token{{"HTTP", "1.1"}, {"foo", ""}}})
	_, address := serve(t, a)
	p := call(t, address)
	p.say(ask)
	p.want("HTTP/1.1 101 Switching Protocols\r\nUpgrade: example/1, HTTP/1.1, foo\r\nConnection: Upgrade\r\n\r\n")
	a.conn(t)
}

func TestAcceptRefusesALayerThatIsNoToken(t *testing.T) {
	a := newAcceptor(&AcceptOptions{Above: []Token{{"a\r\nb", ""}}})
	_, address := serve(t, a)
	p := call(t, address)
	p.say(ask)
	if err := receive(t, a.errs); err == nil || !strings.Contains(err.Error(), "not an upgrade token") {
		t.Errorf("want an error about the token, got %v", err)
	}
}

// The fields that the switch itself is made of, and those of a body, come from
// nobody, in whatever case they are written. "A server MUST NOT send a
// Content-Length header field in any response with a status code of 1xx".
// RFC 9110 §8.6; Transfer-Encoding: RFC 9112 §6.1.
func TestAcceptKeepsTheFieldsOfTheSwitchToItself(t *testing.T) {
	odd := func() http.Header {
		h := make(http.Header)
		for _, name := range []string{"Upgrade", "Connection", "Content-Length", "Content-Type", "Transfer-Encoding", "Trailer"} {
			h[name] = []string{"5"}
			h[strings.ToLower(name)] = []string{"6"}
		}
		return h
	}
	a := newAcceptor(&AcceptOptions{Header: odd()})
	a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
		for name, values := range odd() {
			w.Header()[name] = values
		}
		return w, r
	}
	_, address := serve(t, a)
	p := call(t, address)
	p.say(ask + "early")
	p.want(switched)
	wantRead(t, a.conn(t), "early")
	if !reflect.DeepEqual(a.opts.Header, odd()) {
		t.Errorf("the options were changed: %v", a.opts.Header)
	}
}

func TestAcceptOptionsReplaceWhatWasWritten(t *testing.T) {
	a := newAcceptor(&AcceptOptions{Header: http.Header{"x-a": {"options"}}})
	a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
		w.Header()["X-A"] = []string{"written"}
		w.Header()["X-a"] = []string{"written"}
		return w, r
	}
	_, address := serve(t, a)
	p := call(t, address)
	p.say(ask)
	p.want(switched[:len(switched)-2] + "x-a: options\r\n\r\n")
	a.conn(t)
}

// What could end a line or the head is an error before anything is sent.
func TestAcceptRefusesHeaderInjection(t *testing.T) {
	for _, header := range []http.Header{
		{"X-A": {"a\r\nX-B: b"}},
		{"X-A": {"a\nb"}},
		{"X-A": {"a\rb"}},
		{"X-A": {"fine", "a\x00b"}},
		{"X-A": {"a\x7fb"}},
		{"X-A\r\nX-B": {"b"}},
		{"X A": {"b"}},
		{"X-A:": {"b"}},
		{"": {"b"}},
		{"\u00c4": {"b"}},
	} {
		t.Run(fmt.Sprintf("%q", header), func(t *testing.T) {
			a := newAcceptor(&AcceptOptions{Header: header})
			srv, address := serve(t, a)
			p := call(t, address)
			p.say(ask)
			resp := p.wantAnswer(500, "on the server's side")
			if resp.Header.Get("X-B") != "" {
				t.Errorf("injected: %v", resp.Header)
			}
			if err := receive(t, a.errs); !strings.Contains(err.Error(), "cannot be sent in a 101") {
				t.Error(err)
			}
			if n := GroupOf(srv).Len(); n != 0 {
				t.Errorf("%d in the group", n)
			}
		})
	}
}

// "A server MUST NOT switch to a protocol that was not indicated by the client
// in the corresponding request's Upgrade header field." RFC 9110 §7.8
func TestAcceptOfATokenThatWasNotRequested(t *testing.T) {
	a := newAcceptor(nil)
	_, address := serve(t, a)
	for _, tt := range []struct{ why, request, text string }{
		{"another", strings.Replace(ask, "example/1", "foo/2", 1), "the request's Upgrade header does not list it"},
		{"another version", strings.Replace(ask, "example/1", "example/2", 1), "does not list it"},
		{"no Upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n", "has no Upgrade header"},
		{"no connection option", strings.Replace(ask, "Connection: Upgrade", "Connection: keep-alive", 1), "its Connection header does not list upgrade"},
		{"a part of an option", strings.Replace(ask, "Connection: Upgrade", "Connection: no-upgrade", 1), "its Connection header does not list upgrade"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			p := call(t, address)
			p.say(tt.request)
			resp := p.wantAnswer(426, tt.text)
			// "The server MUST send an Upgrade header field in a 426 response
			// to indicate the required protocol(s)". RFC 9110 §15.5.22
			if got := resp.Header["Upgrade"]; !slices.Equal(got, []string{"example/1"}) {
				t.Errorf("Upgrade: %q", got)
			}
			// "A sender of Upgrade MUST also send an "Upgrade" connection
			// option". RFC 9110 §7.8
			if !HasToken(resp.Header["Connection"], "upgrade") {
				t.Errorf("Connection: %q", resp.Header["Connection"])
			}
			receive(t, a.errs)
			p.say(ask) // the connection goes on
			p.want(switched)
			a.conn(t)
		})
	}
}

func TestAcceptTakesTheTokenInAnyCase(t *testing.T) {
	a := newAcceptor(nil)
	_, address := serve(t, a)
	p := call(t, address)
	p.say(strings.Replace(ask, "example/1", "other, EXAMPLE/1", 1))
	p.want(switched)
	a.conn(t)
}

func TestDetach(t *testing.T) {
	requests := make(chan *Request, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/room/{room}", func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(context.Background(), http.LocalAddrContextKey, "not looked at")
		requests <- Detach(ctx, r, example)
		r.Header.Set("X-A", "changed")
		r.URL.Path = "/changed"
	})
	_, address := serve(t, mux)
	p := call(t, address)
	p.say("POST /room/7?q=1 HTTP/1.1\r\nHost: wye.example\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
	p.wantAnswer(200, "")
	r := receive(t, requests)
	if r.PathValue("room") != "7" || r.URL.Path != "/room/7" || r.URL.RawQuery != "q=1" || r.Host != "wye.example" ||
		r.Header.Get("X-A") != "b" || r.RemoteAddr != p.LocalAddr().String() || r.LocalAddr.String() != address || r.Token != example {
		t.Errorf("got %+v of %+v", r, r.Request)
	}
	if r.Body != http.NoBody || r.ContentLength != 0 || r.TransferEncoding != nil {
		t.Error("it has a body")
	}
	if r.Context().Value(http.LocalAddrContextKey) != "not looked at" {
		t.Error("it has another context")
	}
	if r := Detach(context.Background(), httptest.NewRequest("GET", "/", nil), example); r.LocalAddr != nil {
		t.Errorf("a local address from nowhere: %v", r.LocalAddr)
	}
}

func TestAnswer(t *testing.T) {
	for _, tt := range []struct {
		why    string
		err    error
		status int
		body   string
	}{
		{"a plain error says nothing", errors.New("secret"), 500, "The upgrade failed on the server's side\n"},
		{"none", nil, 500, "The upgrade failed on the server's side\n"},
		{"the zero Refusal", &Refusal{}, 400, "Bad Request\n"},
		{"a text", &Refusal{Status: 403, Text: "Go away", Err: errors.New("secret")}, 403, "Go away\n"},
		{"wrapped", fmt.Errorf("secret: %w", &Refusal{Status: 404}), 404, "Not Found\n"},
		{"a status of one's own", &Refusal{Status: 799, Text: "Odd"}, 799, "Odd\n"},
		{"an interim status ends nothing", &Refusal{Status: 101, Text: "secret"}, 500, "The upgrade failed on the server's side\n"},
		{"no status", &Refusal{Status: 99}, 500, "The upgrade failed on the server's side\n"},
		{"a status that panics", &Refusal{Status: 1000}, 500, "The upgrade failed on the server's side\n"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Set("Content-Length", "100")
			Answer(w, tt.err)
			if w.Code != tt.status || w.Body.String() != tt.body || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
			}
			if w.Header().Get("Content-Length") != "" {
				t.Error("the length of another body")
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	cause := errors.New("the cause")
	err := &Refusal{Status: 403, Text: "Go away", Err: cause}
	if err.Error() != "wye: refused with 403: the cause" || !errors.Is(err, cause) {
		t.Error(err)
	}
	if err := (&Refusal{Text: "Go away"}); err.Error() != "wye: refused with 400: Go away" || err.Unwrap() != nil {
		t.Error(err)
	}
	w := httptest.NewRecorder()
	Answer(w, &Refusal{Status: 401, Header: http.Header{"Www-Authenticate": {"Bearer", "Basic"}, "Content-Type": {"text/html"}}})
	if got := w.Header()["Www-Authenticate"]; len(got) != 2 || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("got %v", w.Header())
	}
}

// HEAD has no body, and 426 to it no less a head.
func TestARefusalOfHEAD(t *testing.T) {
	_, address := serve(t, newAcceptor(nil))
	p := call(t, address)
	p.say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(p.in, &http.Request{Method: "HEAD"})
	if err != nil || resp.StatusCode != 426 || resp.Header.Get("Upgrade") != "example/1" {
		t.Errorf("got %v, %v", resp, err)
	}
	p.say(ask)
	p.want(switched)
}

// A ResponseWriter whose Hijack gives no buffers is as good as one with empty
// ones.
func TestAcceptBesideNetHTTP(t *testing.T) {
	ours, theirs := pair(t)
	r := get("HTTP/1.1", []string{"Upgrade"}, []string{"example/1"})
	c, err := Accept(besideNetHTTP{httptest.NewRecorder(), ours}, r, example, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := newPeer(t, theirs)
	p.want(switched)
	p.say("on")
	wantRead(t, c, "on")
}
