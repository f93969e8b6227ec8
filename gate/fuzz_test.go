package gate

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/idna"
)

// authority is what net/url and idna make of a URL's host and port: another
// reading than the gate's own, and a more lenient one.
func authority(rawURL string, port int) (string, bool) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	name := strings.ToLower(u.Hostname())
	if addr, err := netip.ParseAddr(name); err == nil {
		name = addr.String()
	} else {
		name, _ = idna.New(idna.MapForLookup(), idna.StrictDomainName(false)).ToASCII(name)
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil {
			return "", false
		}
	}
	return name + " " + strconv.Itoa(port), true
}

// sameHost is the oracle: may a page of origin connect to host?
func sameHost(origin, host string) bool {
	scheme, _, _ := strings.Cut(origin, ":")
	port := map[string]int{"http": 80, "ws": 80, "https": 443, "wss": 443}[strings.ToLower(scheme)]
	a, aOK := authority(origin, port)
	b, bOK := authority("http://"+host, port)
	return port != 0 && aOK && bOK && a == b
}

func FuzzOrigin(f *testing.F) {
	for _, origin := range []string{
		"", "null", "https://example.com", "http://example.com:80", "HTTPS://EXAMPLE.COM", "https://example.com.",
		"https://bücher.example", "https://my_app.bücher.example", "https://ｅｘａｍｐｌｅ。com", "https://℀.example",
		"https://xn--bcher-kva.example", "https://xn--.example", "https://\u00ad.example", "https://a\u00ad.example",
		"http://127.0.0.1", "http://127.1", "http://１２７.0.0.1", "http://[::1]:8080", "http://[::ffff:127.0.0.1]", "http://[fe80::1%25eth0]",
		"https://user@example.com", "https://example.com/", "https://example.com?", "https://example.com#", "https://example.com:0443",
		"chrome-extension://abcdefghijklmnop", "wss://example.com", "https://*.example.com", `https://evil.example\example.com`, "https://a%2eb",
	} {
		f.Add(origin, "example.com", false)
		_, host, _ := strings.Cut(origin, "://")
		f.Add(origin, host, true)
	}
	f.Fuzz(func(t *testing.T, origin, host string, secure bool) {
		r := request(host, origin)
		if secure {
			r = overTLS(r)
		}
		_, err := new(Gate).Check(r)
		if err == nil && !sameHost(origin, host) {
			t.Errorf("Origin %q passed for Host %q", origin, host)
		}
		if err == nil && secure && strings.EqualFold(origin[:5], "http:") {
			t.Errorf("Origin %q passed over TLS", origin)
		}
		if err != nil {
			wantLoggable(t, err)
			if !errors.Is(err, ErrOrigin) {
				t.Errorf("refused for something else: %v", err)
			}
		}

		// Case means nothing.
		for _, change := range []func(string) string{asciiUpper, strings.ToLower} {
			r.Host, r.Header["Origin"] = asciiUpper(host), []string{change(origin)}
			if _, again := new(Gate).Check(r); (again == nil) != (err == nil) && isASCII(origin) {
				t.Errorf("Origin %q for Host %q: %v, but as %q for %q: %v", origin, host, err, r.Header["Origin"], r.Host, again)
			}
		}

		// The one form of an origin is its own.
		o, err := parseOrigin(origin)
		if err != nil {
			return
		}
		if again, err := parseOrigin(o.String()); err != nil || again != o {
			t.Errorf("%q is %+v, but its form %q is %+v, %v", origin, o, o, again, err)
		}
		// What a refusal says to add is what helps.
		if _, err := (&Gate{Origins: []string{o.String()}}).Check(request("own.example", origin)); err != nil {
			t.Errorf("%q does not match itself: %v", origin, err)
		}
	})
}

func FuzzHosts(f *testing.F) {
	for _, entry := range []string{
		"example.com", "example.com:8080", "*.example.com", "a.*.example.com.", "[::1]", "[::1]:80", "127.0.0.0/8", "fd00::/8", "*", "*.*",
		"192.168.*.*", "xn--*.example", "bücher.example", "ａ＊.example", "*。example", "0x7f.1", "\u0316.example", "xn--bücher", "", "/", "[", "::1",
	} {
		f.Add(entry, "a.example.com")
		f.Add(entry, entry)
	}
	f.Fuzz(func(t *testing.T, entry, host string) {
		g := &Gate{Hosts: []string{entry}}
		invalid := g.Validate()
		_, err := g.Check(&http.Request{Host: host})
		if err != nil {
			wantLoggable(t, err)
		}
		h, bad := parseHost(host)
		if bad == nil {
			if again, err := parseHost(h.name); err != nil || again.name != h.name || again.addr != h.addr {
				t.Errorf("%q is %+v, but its name is %+v, %v", host, h, again, err)
			}
		}
		if entry == wildcard {
			return
		}
		if err == nil && (invalid != nil || bad != nil) {
			t.Fatalf("Hosts %q let %q pass: %v, %v", entry, host, invalid, bad)
		}
		p, _ := parseHostPattern(entry)
		if invalid == nil && bad == nil && !p.prefix.IsValid() {
			// A pattern is a regular expression in which only `*` is special.
			expr := "^" + strings.ReplaceAll(regexp.QuoteMeta(p.host.name), `\*`, `[^.]+`) + "$"
			want := regexp.MustCompile(expr).MatchString(h.name) && (p.host.port == 0 || p.host.port == h.port)
			if (err == nil) != want {
				t.Errorf("Hosts %q, Host %q: want a match: %v, got %v", entry, host, want, err)
			}
		}
	})
}

func asciiUpper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
