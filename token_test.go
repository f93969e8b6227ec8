package wye

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseToken(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Token
	}{
		{"websocket", Token{"websocket", ""}},
		{"TLS/1.2", Token{"TLS", "1.2"}},
		{"HTTP/2.0", Token{"HTTP", "2.0"}},
		{"!#$%&'*+-.^_`|~09azAZ/!#$%&'*+-.^_`|~09azAZ", Token{"!#$%&'*+-.^_`|~09azAZ", "!#$%&'*+-.^_`|~09azAZ"}},
	} {
		if got, err := ParseToken(tt.in); got != tt.want || err != nil || got.String() != tt.in {
			t.Errorf("%q: %v (%v), %v", tt.in, got, got.String(), err)
		}
	}
	for _, in := range []string{
		"", "/", "/1", "a/", "a/b/c", "a b", " a", "a ", "a/ 1", "a,b", "a;q=1", "a\r\nb", "a\x00", "é", "websoc\u212aet", `"a"`, "a=b", "a:b", "a@b", "a\x7f",
	} {
		if got, err := ParseToken(in); err == nil || got != (Token{}) {
			t.Errorf("%q is taken for a token: %v", in, got)
		}
	}
}

// "…recipients SHOULD use case-insensitive comparison when matching each
// protocol-name to supported protocols." RFC 9110 §7.8. Of versions it does not
// speak.
func TestTokenEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b Token
		want bool
	}{
		{Token{"websocket", ""}, Token{"WebSocket", ""}, true},
		{Token{"a", "1"}, Token{"A", "1"}, true},
		{Token{"a", "x"}, Token{"a", "X"}, false},
		{Token{"a", "1"}, Token{"a", ""}, false},
		{Token{"a", "1"}, Token{"a", "1.0"}, false},
		{Token{"a", AnyVersion}, Token{"a", "1"}, false},
	} {
		if tt.a.Equal(tt.b) != tt.want || tt.b.Equal(tt.a) != tt.want {
			t.Errorf("%v and %v: want %v", tt.a, tt.b, tt.want)
		}
	}
}

func TestAnyVersion(t *testing.T) {
	tls := Token{"TLS", AnyVersion}
	for _, asked := range []string{"TLS/1.0", "tls/1.3", "TLS"} {
		if token, _ := ParseToken(asked); !tls.matches(token) {
			t.Errorf("%v does not match %v", tls, token)
		}
	}
	if tls.matches(Token{"SSL", "3"}) {
		t.Error("the name does not count")
	}
	if (Token{"TLS", ""}).matches(Token{"TLS", "1.2"}) {
		t.Error("no version matches one")
	}
}

// get is a GET request with the Connection lines and Upgrade lines.
func get(proto string, connection, upgrade []string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Proto = proto
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(proto)
	r.Header["Connection"], r.Header["Upgrade"] = connection, upgrade
	return r
}

func TestRequested(t *testing.T) {
	yes := []string{"upgrade"}
	for _, tt := range []struct {
		why, proto          string
		connection, upgrade []string
		want                string
	}{
		{"one", "HTTP/1.1", yes, []string{"websocket"}, "websocket"},
		{"in the client's order", "HTTP/1.1", yes, []string{"foo/2, example/1, bar"}, "foo/2 example/1 bar"},
		{"several lines are one list", "HTTP/1.1", yes, []string{"a", "b, c", "d"}, "a b c d"},
		{"empty elements", "HTTP/1.1", yes, []string{", ,a,,\t b ,", "", ","}, "a b"},
		{"the case as sent", "HTTP/1.1", yes, []string{"WebSocket"}, "WebSocket"},
		{"what is no token is skipped", "HTTP/1.1", yes, []string{`a b, "c", d/, /e, f/1/2, g`}, "g"},
		{"the option in any case", "HTTP/1.1", []string{"UPGRADE"}, []string{"a"}, "a"},
		{"the option among others", "HTTP/1.1", []string{"keep-alive", "x, ,Upgrade ,y"}, []string{"a"}, "a"},
		{"a later minor version", "HTTP/1.2", yes, []string{"a"}, "a"},

		{"RFC 9110 §7.8: HTTP/1.0", "HTTP/1.0", yes, []string{"a"}, ""},
		{"HTTP/0.9", "HTTP/0.9", yes, []string{"a"}, ""},
		{"RFC 9113 §8.6: HTTP/2", "HTTP/2.0", yes, []string{"a"}, ""},
		{"HTTP/3", "HTTP/3.0", yes, []string{"a"}, ""},
		{"RFC 9110 §7.8: no connection option", "HTTP/1.1", nil, []string{"a"}, ""},
		{"another option", "HTTP/1.1", []string{"keep-alive"}, []string{"a"}, ""},
		{"a part of an option", "HTTP/1.1", []string{"no-upgrade"}, []string{"a"}, ""},
		{"the beginning of an option", "HTTP/1.1", []string{"upgrade-insecure"}, []string{"a"}, ""},
		{"a quoted option", "HTTP/1.1", []string{`"upgrade"`}, []string{"a"}, ""},
		{"no Upgrade", "HTTP/1.1", yes, nil, ""},
		{"an empty Upgrade", "HTTP/1.1", yes, []string{"", " , "}, ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var got []string
			for _, token := range Requested(get(tt.proto, tt.connection, tt.upgrade)) {
				got = append(got, token.String())
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
}

// "…but not so much that they could be used as a denial-of-service mechanism."
// RFC 9110 §5.6.1.2
func TestRequestedIsBounded(t *testing.T) {
	all := strings.Repeat("x, ", 31) + "last, over"
	got := Requested(get("HTTP/1.1", []string{"upgrade"}, []string{all, "over"}))
	if len(got) != 32 || got[31].Name != "last" {
		t.Errorf("%d tokens, the last is %v", len(got), got[len(got)-1])
	}
}

func TestHasToken(t *testing.T) {
	if !HasToken([]string{"a, Keep-Alive"}, "keep-alive") {
		t.Error("not found")
	}
	// U+212A, the kelvin sign, folds to k.
	if HasToken([]string{"\u212aeep-alive"}, "keep-alive") {
		t.Error("another letter is taken for k")
	}
	if HasToken([]string{"", ", ,"}, "") || HasToken(nil, "a") {
		t.Error("an empty element is taken for one")
	}
}

// What is parsed is what is written, and nothing else parses.
func FuzzToken(f *testing.F) {
	for _, s := range []string{"websocket", "TLS/1.2", "a/b/c", "/", "", "a/", "h2c", "a b", "é", "*/*", "A\r\nB", "a,b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token, err := ParseToken(s)
		if err != nil {
			if token != (Token{}) {
				t.Errorf("%q: %v beside an error", s, token)
			}
			return
		}
		if token.String() != s || !token.valid() || !token.Equal(token) {
			t.Errorf("%q becomes %q", s, token)
		}
		if again, err := ParseToken(strings.ToUpper(s)); err != nil || !again.Equal(Token{token.Name, strings.ToUpper(token.Version)}) {
			t.Errorf("in upper case %v, %v", again, err)
		}
		if strings.ContainsAny(s, ", \t\r\n\";=") {
			t.Errorf("%q could end the list element", s)
		}
	})
}

// Requested returns elements of the field, in its order, however the field is
// broken into lines; and what it returns is requested again when it is sent.
func FuzzRequested(f *testing.F) {
	f.Add("upgrade", "websocket, example/1,,foo/2", uint8(10))
	f.Add("keep-alive, Upgrade", "a b, c/1/2, , /d, e/", uint8(3))
	f.Add("no-upgrade", "websocket", uint8(0))
	f.Add("Upgrade", strings.Repeat("x,", 40), uint8(33))
	f.Fuzz(func(t *testing.T, connection, upgrade string, cut uint8) {
		r := get("HTTP/1.1", []string{connection}, []string{upgrade})
		tokens := Requested(r)

		option := slices.ContainsFunc(strings.Split(connection, ","), func(s string) bool {
			s = strings.Trim(s, " \t")
			return len(s) == len("upgrade") && strings.EqualFold(s, "upgrade")
		})
		if len(tokens) > 0 && !option {
			t.Errorf("%q without the option, in %q", tokens, connection)
		}
		if len(tokens) > maxTokens {
			t.Errorf("%d tokens", len(tokens))
		}
		rest := strings.Split(upgrade, ",")
		for _, token := range tokens {
			i := slices.IndexFunc(rest, func(s string) bool { return strings.Trim(s, " \t") == token.String() })
			if i < 0 {
				t.Fatalf("%q is not in %q, or not in this order", token, upgrade)
			}
			rest = rest[i+1:]
		}

		// Another line at a comma changes nothing.
		if i := strings.IndexByte(upgrade[min(int(cut), len(upgrade)):], ','); i >= 0 {
			i += min(int(cut), len(upgrade))
			r.Header["Upgrade"] = []string{upgrade[:i], upgrade[i+1:]}
			if got := Requested(r); !reflect.DeepEqual(got, tokens) {
				t.Errorf("over two lines %q, over one %q", got, tokens)
			}
		}

		var names []string
		for _, token := range tokens {
			names = append(names, token.String())
		}
		again := Requested(get("HTTP/1.1", []string{"Upgrade"}, []string{strings.Join(names, ", ")}))
		if !reflect.DeepEqual(again, tokens) {
			t.Errorf("sent on, %q becomes %q", tokens, again)
		}
	})
}
