package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestRedactURL(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "/": "/", "/ws?a=1&b=2": "/ws?a=1&b=2", "https://example.com:80/@scope/a": "https://example.com:80/@scope/a", "*": "*",
		"/ws?token=abc":                              "/ws?token=REDACTED",
		"/ws?a=1&ticket=abc&b":                       "/ws?a=1&ticket=REDACTED&b",
		"/ws?TOKEN=abc":                              "/ws?TOKEN=REDACTED",
		"/ws?to%6ben=abc":                            "/ws?to%6ben=REDACTED",
		"/ws?access_token=abc&X-Api-Key=d":           "/ws?access_token=REDACTED&X-Api-Key=REDACTED",
		"/ws?a=1;token=abc;def&b=2":                  "/ws?a=1;token=REDACTED&b=2",
		"/ws?token=abc#def":                          "/ws?token=REDACTED#REDACTED",
		"/ws#token=abc":                              "/ws#REDACTED",
		"wss://user:abc@example.com/ws":              "wss://REDACTED@example.com/ws",
		"wss://abc@example.com":                      "wss://REDACTED@example.com",
		"wss://a@b:c@example.com":                    "wss://REDACTED@example.com",
		"user:abc@proxy:8080":                        "REDACTED@proxy:8080",
		"//user:abc@example.com":                     "//REDACTED@example.com",
		"/login?next=%2Fws%3Ftoken%3Dabc":            "/login?next=REDACTED",
		"/login?next=/ws?token=abc":                  "/login?next=REDACTED",
		"/login?https%3A%2F%2Fuser%3Aabc%40h":        "/login?REDACTED",
		"/login?n=%252Fws%253Ftoken%253Dabc":         "/login?n=REDACTED",
		"/ws?auth=abc&oauth=def&unsigned=1&assig=2":  "/ws?auth=REDACTED&oauth=def&unsigned=1&assig=2",
		"/ws?user[password]=abc&p=a.bearer.abc%2Cde": "/ws?user[password]=REDACTED&p=REDACTED",
		"/ws?next=%zz%3Ftoken%3Dabc":                 "/ws?next=REDACTED",
		"/ws?%zztoken=abc&a=%":                       "/ws?%zztoken=REDACTED&a=%",
		"/ws?pi=3.14&t=12:30&e=a@b.example":          "/ws?pi=3.14&t=12:30&e=REDACTED",
	} {
		if got := RedactURL(s); got != want {
			t.Errorf("%s\n got %s\nwant %s", s, got, want)
		}
	}
}

func TestRedactField(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"Authorization", "Bearer abc", "Bearer REDACTED"},
		{"authorization", "bearer abc def", "Bearer REDACTED"},
		{"Authorization", "abc def", "REDACTED"},
		{"Authorization", "abc", "REDACTED"},
		{"Proxy-Authorization", "Basic abc", "Basic REDACTED"},
		{"Cookie", "a=b; c=d;  e", "a=REDACTED; c=REDACTED;  REDACTED"},
		{"Set-Cookie", "a=b; Path=/; HttpOnly", "a=REDACTED"},
		{"Sec-WebSocket-Protocol", "chat, bearer.abc,Bearer.def, v1", "chat, bearer.REDACTED,Bearer.REDACTED, v1"},
		{"sec-websocket-protocol", "base64url.bearer.authorization.example.abc", "base64url.bearer.REDACTED"},
		{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="},
		{"WWW-Authenticate", `Bearer realm="wye"`, `Bearer realm="wye"`},
		{"Location", "https://a:b@example.com/?token=abc&c=d", "https://REDACTED@example.com/?token=REDACTED&c=d"},
		{"Referer", "https://example.com/#abc", "https://example.com/#REDACTED"},
		{"Origin", "https://example.com", "https://example.com"},
		{"X-Api-Key", "abc", "REDACTED"},
		{"X-Auth-Token", "abc", "REDACTED"},
		{"X-Original-Url", "/ws?token=abc", "/ws?token=REDACTED"},
		{"Accept", "text/html;q=0.9, */*", "text/html;q=0.9, */*"},
		{"Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=9"},
	} {
		if got := RedactField(tt.name, tt.value); got != tt.want {
			t.Errorf("%s: %s\n got %s\nwant %s", tt.name, tt.value, got, tt.want)
		}
	}
	h := http.Header{"Cookie": {"a=b", "c=d"}, "Host": {"example.com"}}
	got := RedactHeader(h)
	if fmt.Sprint(got) != "map[Cookie:[a=REDACTED c=REDACTED] Host:[example.com]]" || h["Cookie"][0] != "a=b" {
		t.Errorf("got %v of %v", got, h)
	}
	if RedactHeader(nil) != nil {
		t.Error("no header is a header")
	}
}

func TestRedactText(t *testing.T) {
	for s, want := range map[string]string{
		"nothing to hide: a=1, b: 2, 3/s?":                                        "nothing to hide: a=1, b: 2, 3/s?",
		`Get "http://h/ws?token=abc": dial tcp 127.0.0.1:80: refused`:             `Get "http://h/ws?token=REDACTED": dial tcp 127.0.0.1:80: refused`,
		`parse "wss://u:abc@h:x/": invalid port`:                                  `parse "wss://REDACTED@h:x/": invalid port`,
		"GET /ws?ticket=abc HTTP/1.1\r\nAuthorization: Bearer abc\r\nHost: h\r\n": "GET /ws?ticket=REDACTED HTTP/1.1\r\nAuthorization: REDACTED\r\nHost: h\r\n",
		"Cookie: a=b; c=d\nHost: h":                                               "Cookie: REDACTED\nHost: h",
		"map[Authorization:[Bearer abc] Host:[h]]":                                "map[Authorization:REDACTED",
		"Bearer Bearer abc":                                                       "Bearer Bearer REDACTED",
		"sent bearer abc to h":                                                    "sent bearer REDACTED to h",
		"offers chat, bearer.abc, v1":                                             "offers chat, bearer.REDACTED, v1",
		`WWW-Authenticate: Bearer realm="wye"`:                                    `WWW-Authenticate: Bearer realm="wye"`,
		`{"user":"ada","password":"a b\"c","n":1}`:                                `{"user":"ada","password":REDACTED,"n":1}`,
		`token="a b" x=1`:                                                         `token=REDACTED x=1`,
		"level=INFO access_token=abc path=/":                                      "level=INFO access_token=REDACTED path=/",
		"X-Api-Key: abc":                                                          "X-Api-Key: REDACTED",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==":                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	} {
		if got := RedactText(s); got != want {
			t.Errorf("%q\n got %q\nwant %q", s, got, want)
		}
	}
}

// A URL in a URL in a URL is looked into, however deep.
func TestRedactNestedURLs(t *testing.T) {
	for escaped := range 12 {
		inner := "/ws?token=" + canary
		for range escaped {
			inner = "/login?next=" + url.QueryEscape(inner)
		}
		for _, got := range []string{RedactURL(inner), RedactText("asked for " + inner)} {
			if strings.Contains(got, canary) || !strings.Contains(got, Redacted) {
				t.Errorf("%s became %s", inner, got)
			}
		}
		// The same escaped over and over.
		inner = "?token=" + canary
		for range escaped {
			inner = url.QueryEscape(inner)
		}
		if got := RedactURL("/login?next=" + inner); strings.Contains(got, canary) {
			t.Errorf("%s became %s", inner, got)
		}
	}
}

// Looking deeper costs more each time, so there is an end to it: what is beyond
// it is hidden unseen.
func TestRedactBottomlessURL(t *testing.T) {
	s := ""
	for range 40 {
		s = "?a=" + url.QueryEscape(s)
	}
	if got := RedactURL("/" + s); got != "/?a="+Redacted {
		t.Errorf("got %s", got)
	}
}

// stringer is a value that a log prints by its own words.
type stringer struct{ s *string }

func (s *stringer) String() string { return *s.s }

// canary is a secret that is looked for in every output.
const canary = "c4n4ryT0k3n"

// secretRequest has the canary at each place where a secret can be.
func secretRequest() *http.Request {
	return with(request("example.com", "https://user:"+canary+"@example.com"),
		"Authorization: Bearer "+canary, "Proxy-Authorization: Basic "+canary, "Cookie: sid="+canary+"; "+canary, "Set-Cookie: a="+canary,
		"Sec-WebSocket-Protocol: chat, bearer."+canary, "Referer: https://example.com/?token="+canary, "X-Api-Key: "+canary,
		"?token="+canary, "?ticket="+canary)
}

func TestRedactAttr(t *testing.T) {
	r := secretRequest()
	words := "asking for /?token=" + canary
	for _, v := range []any{
		r.Header, r.URL, *r.URL, r, r.URL.String(), r.RequestURI, []byte(words), errors.New(words),
		&url.Error{Op: "Get", URL: "http://h/?token=" + canary, Err: errors.New("no")}, &stringer{&words},
		struct{ Token string }{"token=" + canary}, []string{words}, map[string]string{"token": "bearer." + canary},
		slog.GroupValue(slog.String("password", canary), slog.Any("header", r.Header)),
	} {
		for _, handler := range []func(*bytes.Buffer, *slog.HandlerOptions) slog.Handler{
			func(b *bytes.Buffer, o *slog.HandlerOptions) slog.Handler { return slog.NewTextHandler(b, o) },
			func(b *bytes.Buffer, o *slog.HandlerOptions) slog.Handler { return slog.NewJSONHandler(b, o) },
		} {
			var out bytes.Buffer
			log := slog.New(handler(&out, &slog.HandlerOptions{AddSource: true, ReplaceAttr: RedactAttr}))
			log.With("with", v).WithGroup("group").LogAttrs(context.Background(), slog.LevelInfo, words, slog.Any("v", v), slog.Int("n", 1))
			if strings.Contains(out.String(), canary) || !strings.Contains(out.String(), Redacted) || !strings.Contains(out.String(), "INFO") {
				t.Errorf("%T is logged as %s", v, out.String())
			}
		}
	}
	for _, a := range []slog.Attr{
		slog.String("password", canary), slog.Any("access_token", []byte(canary)), slog.Any("cookie", canary), slog.String("Authorization", "Bearer "+canary),
	} {
		if got := RedactAttr(nil, a); strings.Contains(got.String(), canary) {
			t.Errorf("got %v", got)
		}
	}
	// The rest goes through as it is.
	for _, a := range []slog.Attr{
		slog.Int("n", 1), slog.String("path", "/ws/a"), slog.Any("err", errors.New("no")), slog.Any("nil", nil), slog.Any("url", (*url.URL)(nil)), slog.Any("nobody", (*stringer)(nil)),
	} {
		if got := RedactAttr(nil, a); !got.Equal(a) {
			t.Errorf("%v became %v", a, got)
		}
	}
}

// The canary of secretRequest is in nothing that the gate says of it.
func TestCanary(t *testing.T) {
	for _, g := range []*Gate{
		nil, {}, {Origins: []string{"*"}}, {Hosts: []string{"other.example"}}, {Cookie: "sid"},
		{Verifier: VerifierFunc(knows("other")), Origins: []string{"*"}},
		{Verifier: VerifierFunc(knows(canary)), Origins: []string{"*"}},
		{Verifier: VerifierFunc(func(_ context.Context, token string) (Identity, error) { return Identity{}, errors.New("no " + token) })},
	} {
		for _, parts := range [][]string{
			nil, {"Authorization: Bearer " + canary}, {"Cookie: sid=" + canary}, {"Sec-WebSocket-Protocol: bearer." + canary},
			{"Sec-WebSocket-Protocol: bearer." + canary + ", chat"}, {"?token=" + canary}, {"?ticket=" + canary},
			{"Authorization: Bearer " + canary, "?token=other"}, {"Origin: https://" + canary + "@example.com"}, {"Origin: https://example.com/?token=" + canary},
		} {
			r := secretRequest()
			if parts != nil {
				r = with(request("example.com"), parts...)
			}
			pass, err := g.Check(r)
			said := fmt.Sprintf("%+v", err)
			if rejection := (*Rejection)(nil); errors.As(err, &rejection) {
				status, header, text := rejection.Answer()
				said += fmt.Sprint(status, header, text)
			}
			if strings.Contains(said, canary) {
				t.Errorf("%q: %s", parts, said)
			}
			pass.Release()
			if err == nil && g != nil && g.Verifier != nil && parts != nil && strings.Contains(fmt.Sprint(r.Header, r.URL, r.RequestURI), canary) {
				t.Errorf("%q: a handler sees %v %s", parts, r.Header, r.RequestURI)
			}
		}
	}
}

// The law: a secret does not survive, wherever it stands and whatever stands
// around it.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{"", "&", ";", "#", "%", "%3D", "\"", "\\", "\\\"", " ", "\n", ",", "a=1", "?", "@", "://", "bearer.", "Bearer ", "realm=", "http://h/?", "token=", "[", "\xff", "é"} {
		f.Add(s, s, uint8(0))
		f.Add("a"+s, "", uint8(1))
		f.Add("", s+"b", uint8(2))
	}
	places := []struct {
		before string
		redact []func(string) string
	}{
		{"?token=", []func(string) string{RedactURL, RedactText}},
		{"/ws?a=b&ticket=", []func(string) string{RedactURL, RedactText}},
		{"https://example.com/ws?access%5Ftoken=", []func(string) string{RedactURL, RedactText}},
		{"https://user:", []func(string) string{func(s string) string { return RedactURL(s + "@example.com") }}},
		{"#", []func(string) string{RedactURL}},
		{"\r\nAuthorization: Bearer ", []func(string) string{RedactText}},
		{"\nCookie: a=", []func(string) string{RedactText}},
		{" Bearer ", []func(string) string{RedactText}},
		{"chat, bearer.", []func(string) string{RedactText, func(s string) string { return RedactField("Sec-WebSocket-Protocol", s) }}},
		{"a=", []func(string) string{
			func(s string) string { return RedactField("Cookie", s) },
			func(s string) string { return RedactField("Set-Cookie", s) },
			func(s string) string { return RedactField("Authorization", s) },
			func(s string) string { return RedactField("X-Auth-Token", s) },
			func(s string) string { return RedactAttr(nil, slog.String("password", s)).String() },
		}},
	}
	f.Fuzz(func(t *testing.T, before, after string, place uint8) {
		p := places[int(place)%len(places)]
		if strings.Contains(before+after, canary) {
			return
		}
		for i, redact := range p.redact {
			s := before + p.before + canary + after
			if p.before == "https://user:" {
				// What comes next must not end the authority.
				s = p.before + canary + strings.Map(func(r rune) rune {
					if strings.ContainsRune("/?#", r) {
						return -1
					}
					return r
				}, after)
			}
			got := redact(s)
			if strings.Contains(got, canary) {
				t.Errorf("%d: %q became %q", i, s, got)
			}
			if len(got) > 8*len(s)+64 {
				t.Errorf("%d: %d bytes became %d", i, len(s), len(got))
			}
			redact(got) // does not panic either
		}
	})
}

func BenchmarkRedactText(b *testing.B) {
	for name, s := range map[string]string{
		"plain": "the client went away",
		"url":   `Get "http://h/ws?token=abc": dial tcp 127.0.0.1:80: refused`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				RedactText(s)
			}
		})
	}
}
