package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// request is a WebSocket handshake for host, with one Origin line for each of
// origins.
func request(host string, origins ...string) *http.Request {
	return &http.Request{
		Method: "GET", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: host,
		Header: http.Header{"Origin": origins, "Upgrade": {"websocket"}, "Connection": {"Upgrade"}},
	}
}

func overTLS(r *http.Request) *http.Request {
	r.TLS = &tls.ConnectionState{}
	return r
}

// extendedConnect is r as it looks over HTTP/2. RFC 8441 section 4.
func extendedConnect(r *http.Request) *http.Request {
	r = r.Clone(context.Background())
	r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor = "CONNECT", "HTTP/2.0", 2, 0
	r.Header.Del("Upgrade")
	r.Header.Del("Connection")
	r.Header[":protocol"] = []string{"websocket"}
	return r
}

// wantAllowed and wantRefused judge r as it is, and as the extended CONNECT of
// the same page.
func wantAllowed(t *testing.T, g *Gate, r *http.Request) {
	t.Helper()
	for range 2 {
		pass, err := g.Check(r)
		if err != nil {
			t.Errorf("%s: want a pass, got %v", r.Proto, err)
		} else if pass == nil {
			t.Errorf("%s: got neither a pass nor an error", r.Proto)
		}
		pass.Release()
		r = extendedConnect(r)
	}
}

func wantRefused(t *testing.T, g *Gate, r *http.Request, fact error) {
	t.Helper()
	for range 2 {
		pass, err := g.Check(r)
		var rejection *Rejection
		switch {
		case err == nil:
			t.Errorf("%s: Host %q, Origin %q: want %v, got a pass", r.Proto, r.Host, r.Header["Origin"], fact)
		case pass != nil:
			t.Errorf("%s: got a pass and an error: %v", r.Proto, err)
		case !errors.As(err, &rejection) || !errors.Is(err, fact) || rejection.Status != http.StatusForbidden:
			t.Errorf("%s: want a 403 for %v, got %#v", r.Proto, fact, err)
		}
		r = extendedConnect(r)
	}
}

// longName is as long as a domain name may be.
var longName = strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("a", 61)

func TestSameHost(t *testing.T) {
	for _, tt := range []struct{ why, host, origin string }{
		{"the page's own server", "example.com", "http://example.com"},
		{"with a port", "example.com:8080", "http://example.com:8080"},
		{"TLS ends in front of us", "example.com", "https://example.com"},
		{"the default port said on one side", "example.com:443", "https://example.com"},
		{"and on the other", "example.com", "https://example.com:443"},
		{"port 80 likewise", "example.com:80", "http://example.com"},
		{"the scheme of the socket instead of the page's", "example.com", "ws://example.com"},
		{"and of the one over TLS", "example.com:443", "wss://example.com"},
		{"upper case in the Origin", "example.com", "HTTPS://EXAMPLE.COM"},
		{"upper case in the Host", "EXAMPLE.com:8443", "https://example.com:8443"},
		{"a name of one label", "localhost:3000", "http://localhost:3000"},
		{"an underscore, which IDNA refuses", "my_app.example", "https://my_app.example"},
		{"two hyphens where IDNA has its prefix, which it refuses", "r3---sn-x.example", "https://r3---sn-x.example"},
		{"a domain in ASCII", "xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"a domain in Unicode on one side", "xn--bcher-kva.example", "https://bücher.example"},
		{"a domain in Unicode capitals", "xn--bcher-kva.example", "https://BÜCHER.example"},
		{"an underscore next to a label in Unicode", "my_app.xn--bcher-kva.example", "https://my_app.bücher.example"},
		{"sharp s is not ss", "xn--fa-hia.example", "https://faß.example"},
		{"full-width letters", "example.com", "https://ｅｘａｍｐｌｅ．com"},
		{"a dot at the end on both sides", "example.com.", "https://example.com."},
		{"as long as a name may be", longName, "https://" + longName},
		{"and a dot", longName + ".", "https://" + longName + "."},
		{"letters after 0x", "0xyz", "http://0xyz"},
		{"IPv4", "192.0.2.1:8080", "http://192.0.2.1:8080"},
		{"IPv6", "[2001:db8::1]", "https://[2001:db8::1]"},
		{"IPv6 with a port, in another form", "[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			wantAllowed(t, nil, request(tt.host, tt.origin))
			wantAllowed(t, &Gate{}, request(tt.host, tt.origin))
			if origin := strings.ToLower(tt.origin); strings.HasPrefix(origin, "https:") || strings.HasPrefix(origin, "wss:") {
				wantAllowed(t, nil, overTLS(request(tt.host, tt.origin)))
			}
		})
	}
}

func TestAnotherOriginIsRefused(t *testing.T) {
	for _, tt := range []struct{ why, host, origin string }{
		{"cross-site WebSocket hijacking", "bank.example", "https://evil.example"},
		{"a sandboxed frame", "example.com", "null"},
		{"in any case", "example.com", "NULL"},
		{"null for a host of that name", "null", "null"},
		{"empty", "example.com", ""},
		{"empty for an empty Host", "", ""},
		{"no Host", "", "https://example.com"},
		{"another port", "example.com:8080", "http://example.com:8081"},
		{"another scheme's default port", "example.com:80", "https://example.com"},
		{"a subdomain", "example.com", "https://a.example.com"},
		{"a parent domain", "a.example.com", "https://example.com"},
		{"our name at the front", "example.com", "https://example.com.evil.example"},
		{"our name at the end", "example.com", "https://evilexample.com"},
		{"our name as the user", "example.com", "https://example.com@evil.example"},
		{"our name as the host of another user", "example.com", "https://evil@example.com"},
		{"an empty user", "example.com", "https://@example.com"},
		{"a path", "example.com", "https://example.com/"},
		{"our name as a path", "example.com", "https://evil.example/example.com"},
		{"a query", "example.com", "https://example.com?x"},
		{"a fragment", "example.com", "https://example.com#x"},
		{"a backslash, which browsers read as a slash", "example.com", `https://evil.example\example.com`},
		{"escaped letters", "example.com", "https://ex%61mple.com"},
		{"an escaped dot", "example.com", "https://example%2ecom"},
		{"two values in one line", "example.com", "https://example.com https://evil.example"},
		{"two values with a comma", "example.com", "https://example.com,https://evil.example"},
		{"space before", "example.com", " https://example.com"},
		{"space after", "example.com", "https://example.com "},
		{"no scheme", "example.com", "example.com"},
		{"no slashes", "example.com", "https:example.com"},
		{"one slash", "example.com", "https:/example.com"},
		{"three slashes", "example.com", "https:///example.com"},
		{"a scheme that starts with a digit", "example.com", "1http://example.com"},
		{"no host", "example.com", "https://"},
		{"no host but a port", ":443", "https://:443"},
		{"an extension of the same name", "example.com", "chrome-extension://example.com"},
		{"ftp with the same port", "example.com:21", "ftp://example.com:21"},
		{"a file", "example.com", "file://"},
		{"an empty port", "example.com", "https://example.com:"},
		{"an empty port on both sides", "example.com:", "https://example.com:"},
		{"port 0", "example.com:0", "https://example.com:0"},
		{"leading zeros", "example.com:443", "https://example.com:0443"},
		{"a sign", "example.com:443", "https://example.com:+443"},
		{"a port too large", "example.com:65979", "https://example.com:65979"},
		{"a port that wraps to ours", "example.com:443", "https://example.com:65979"},
		{"letters for a port", "example.com:https", "https://example.com:https"},
		{"two ports", "example.com:443:443", "https://example.com:443:443"},
		{"a dot at the end, which is another origin to browsers", "example.com", "https://example.com."},
		{"two dots at the end", "example.com..", "https://example.com.."},
		{"a dot alone", ".", "https://."},
		{"an empty label", "a..example", "https://a..example"},
		{"a dot before", ".example.com", "https://.example.com"},
		{"a label too long", strings.Repeat("a", 64), "https://" + strings.Repeat("a", 64)},
		{"a name too long", longName + "a", "https://" + longName + "a"},
		{"hexadecimal without digits", "127.0.0.0x", "http://127.0.0.0x"},
		{"a hexadecimal last part", "127.0.0.0xa1", "http://127.0.0.0xa1"},
		{"a star on both sides", "*.example.com", "https://*.example.com"},
		{"a look-alike: Cyrillic а", "example.com", "https://exаmple.com"},
		{"a letter that maps to a/c", "a/c.example", "https://℀.example"},
		{"a letter that maps to a/c, cut", "a", "https://℀.example"},
		{"not UTF-8", "example.com\xff", "https://example.com\xff"},
		{"a NUL", "example.com\x00", "https://example.com\x00"},
		{"another IPv4 address", "192.0.2.1", "http://192.0.2.2"},
		{"a short IPv4 address", "127.0.0.1", "http://127.1"},
		{"an IPv4 address as one number", "2130706433", "http://2130706433"},
		{"in hexadecimal", "0x7f.0.0.1", "http://0x7f.0.0.1"},
		{"in octal", "0177.0.0.1", "http://0177.0.0.1"},
		{"an IPv4 address with a dot at the end", "127.0.0.1.", "http://127.0.0.1."},
		{"five numbers", "1.2.3.4.5", "http://1.2.3.4.5"},
		{"the same IPv4 address inside an IPv6 one", "127.0.0.1", "http://[::ffff:127.0.0.1]"},
		{"an IPv4 address in brackets", "[127.0.0.1]", "http://[127.0.0.1]"},
		{"an IPv6 zone", "[fe80::1%eth0]", "http://[fe80::1%eth0]"},
		{"an escaped IPv6 zone", "[fe80::1%25eth0]", "http://[fe80::1%25eth0]"},
		{"IPv6 without brackets", "::1", "http://::1"},
		{"a bracket left open", "[::1", "http://[::1"},
		{"brackets around a name", "[example.com]", "https://[example.com]"},
		{"letters after a bracket", "[::1]a", "http://[::1]a"},
		{"a port without colon after a bracket", "[::1]80", "http://[::1]80"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			wantRefused(t, nil, request(tt.host, tt.origin), ErrOrigin)
			wantRefused(t, &Gate{}, request(tt.host, tt.origin), ErrOrigin)
			wantRefused(t, &Gate{}, overTLS(request(tt.host, tt.origin)), ErrOrigin)
			wantRefused(t, &Gate{Origins: []string{"https://app.example"}}, request(tt.host, tt.origin), ErrOrigin)
		})
	}
}

func TestSeveralOriginLines(t *testing.T) {
	wantRefused(t, nil, request("example.com", "https://example.com", "https://evil.example"), ErrOrigin)
	wantRefused(t, nil, request("example.com", "https://evil.example", "https://example.com"), ErrOrigin)
	wantRefused(t, nil, request("example.com", "https://example.com", "https://example.com"), ErrOrigin)
	wantRefused(t, nil, request("example.com", "", "https://example.com"), ErrOrigin)
}

func TestNoOrigin(t *testing.T) {
	wantAllowed(t, nil, request("example.com"))
	wantAllowed(t, &Gate{Origins: []string{"https://app.example"}}, overTLS(request("example.com")))
	if _, err := new(Gate).Check(&http.Request{}); err != nil { // not even a Host or a Header
		t.Error(err)
	}
}

func TestOverTLSThePageMustBeToo(t *testing.T) {
	g := &Gate{Origins: []string{"http://example.com", "http://plain.example", "ws://plain.example", "https://app.example", "capacitor://localhost"}}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, g, overTLS(request("example.com", "https://example.com")))
	wantAllowed(t, g, overTLS(request("example.com", "wss://example.com")))
	wantAllowed(t, g, overTLS(request("example.com", "https://app.example")))
	wantAllowed(t, g, overTLS(request("example.com", "capacitor://localhost")))

	wantRefused(t, g, overTLS(request("example.com", "http://example.com")), ErrOrigin)
	wantRefused(t, g, overTLS(request("example.com:443", "http://example.com:443")), ErrOrigin)
	wantRefused(t, g, overTLS(request("example.com", "ws://example.com")), ErrOrigin)
	wantRefused(t, g, overTLS(request("example.com", "http://plain.example")), ErrOrigin)
	wantRefused(t, g, overTLS(request("example.com", "ws://plain.example")), ErrOrigin)

	wantAllowed(t, g, request("example.com", "http://plain.example"))
}

func TestOrigins(t *testing.T) {
	g := &Gate{Origins: []string{
		"https://app.example",
		"https://*.example.com:8443",
		"https://*.cdn.*.example.net",
		"http://localhost:3000",
		"https://bücher.example",
		"HTTPS://Shouting.Example",
		"https://192.0.2.7",
		"http://[2001:db8::7]:8080",
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop",
		"capacitor://localhost",
		"wss://socket.example",
	}}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, origin := range []string{
		"https://own.example",
		"https://app.example", "https://app.example:443", "https://APP.example",
		"https://a.example.com:8443", "https://xn--bcher-kva.example.com:8443", "https://a_b.example.com:8443",
		"https://a.cdn.b.example.net",
		"http://localhost:3000",
		"https://xn--bcher-kva.example", "https://bücher.example",
		"https://shouting.example",
		"https://192.0.2.7",
		"http://[2001:DB8::7]:8080",
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop",
		"capacitor://localhost",
		"wss://socket.example",
	} {
		t.Run("allows "+origin, func(t *testing.T) { wantAllowed(t, g, request("own.example", origin)) })
	}
	for _, origin := range []string{
		"http://app.example", "https://app.example:8443", "https://sub.app.example", "wss://app.example",
		"https://a.example.com", "https://example.com:8443", "https://a.b.example.com:8443", "https://aexample.com:8443",
		"https://.example.com:8443", "https://*.example.com:8443", "https://a.example.com.:8443",
		"https://cdn.b.example.net", "https://a.cdn.example.net", "https://a.x.cdn.b.example.net",
		"http://localhost", "http://localhost:3001", "https://localhost:3000",
		"https://192.0.2.70", "http://[2001:db8::8]:8080",
		"chrome-extension://abcdefghijklmnopabcdefghijklmnoq", "moz-extension://abcdefghijklmnopabcdefghijklmnop",
		"capacitor://localhost:80", "capacitor://other",
		"https://socket.example", "null", "",
	} {
		t.Run("refuses "+origin, func(t *testing.T) { wantRefused(t, g, request("own.example", origin), ErrOrigin) })
	}
}

// An address of this machine or network in the Origin says only where the page
// came from: another service there, a router's page, whatever a user opened. It
// earns nothing. GHSA-cf66-xwfp-gvc4 is a server that let any address pass.
func TestIPOriginsHaveNoPrivilege(t *testing.T) {
	origins := []string{
		"http://127.0.0.1", "http://127.0.0.1:8081", "http://localhost", "http://[::1]", "http://[::1]:8080",
		"http://0.0.0.0", "http://0.0.0.0:8080", "http://[::]", "http://192.168.1.10:8080", "http://10.0.0.1",
		"http://169.254.169.254", "http://[fe80::1]:8080", "https://203.0.113.9", "http://[::ffff:127.0.0.1]:8080",
	}
	hosts := []string{"127.0.0.1:8080", "localhost:8080", "192.168.1.20:8080", "[2001:db8::1]:8080", "example.com"}
	for _, g := range []*Gate{nil, {Origins: []string{"https://*.example.com"}}} {
		for _, host := range hosts {
			for _, origin := range origins {
				wantRefused(t, g, request(host, origin), ErrOrigin)
			}
		}
	}
}

func TestEveryOrigin(t *testing.T) {
	g := &Gate{Hosts: []string{"example.com"}, Origins: []string{"https://app.example", "*"}}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, origin := range []string{"https://evil.example", "null", "http://evil.example", "nonsense", ""} {
		wantAllowed(t, g, overTLS(request("example.com", origin)))
	}
	wantRefused(t, g, request("evil.example", "https://evil.example"), ErrHost)
}

func TestAnEntryThatIsNotUnderstoodAllowsNothing(t *testing.T) {
	for entry, origin := range map[string]string{
		"https://*":            "https://localhost",
		"https://example.*":    "https://example.com",
		"https://a*.example":   "https://ab.example",
		"https://example.com/": "https://example.com",
		"example.com":          "https://example.com",
		"null":                 "null",
		"":                     "",
		"http://192.168.*.*":   "http://192.168.evil.example",
		"http://*.168.0.1":     "http://192.168.0.1",
	} {
		g := &Gate{Origins: []string{entry}}
		wantRefused(t, g, request("own.example", origin), ErrOrigin)
		if _, err := g.Check(request("own.example", origin)); err == nil || !strings.Contains(err.Error(), "Origins[0]") {
			t.Errorf("%q: want the log to name the entry, got %v", entry, err)
		}
	}
}
