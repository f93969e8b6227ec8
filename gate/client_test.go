package gate

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// from is r as it comes from that peer; an address of IPv6 is in brackets.
func from(r *http.Request, peer string) *http.Request {
	r.RemoteAddr = peer + ":4321"
	return r
}

func prefixes(texts ...string) (p []netip.Prefix) {
	for _, s := range texts {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

func TestClient(t *testing.T) {
	g := &Gate{TrustedProxies: prefixes("10.0.0.0/8", "fd00::/8", "127.0.0.1/32")}
	for _, tt := range []struct {
		why, peer         string
		listed, forwarded []string
		want              string
	}{
		{"nobody in between", "203.0.113.9", nil, nil, "203.0.113.9"},
		{"a stranger who claims to be another", "203.0.113.9", []string{"192.0.2.1"}, []string{"for=192.0.2.1"}, "203.0.113.9"},
		{"a proxy that says nothing", "10.0.0.1", nil, nil, "10.0.0.1"},

		{"one proxy", "10.0.0.1", []string{"203.0.113.9"}, nil, "203.0.113.9"},
		{"what the client wrote before", "10.0.0.1", []string{"192.0.2.1, 203.0.113.9"}, nil, "203.0.113.9"},
		{"on a line of its own", "10.0.0.1", []string{"192.0.2.1", "203.0.113.9"}, nil, "203.0.113.9"},
		{"two proxies", "10.0.0.1", []string{"192.0.2.1, 203.0.113.9, 10.0.0.2"}, nil, "203.0.113.9"},
		{"the client claims to be a proxy", "10.0.0.1", []string{"192.0.2.1, 10.0.0.7, 203.0.113.9"}, nil, "203.0.113.9"},
		{"proxies and nobody else", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, nil, "10.0.0.3"},
		{"nonsense from the client", "10.0.0.1", []string{"'; drop table, 203.0.113.9"}, nil, "203.0.113.9"},
		{"nonsense from the proxy", "10.0.0.1", []string{"192.0.2.1, unknown"}, nil, "10.0.0.1"},
		{"nonsense from the proxy before", "10.0.0.1", []string{"192.0.2.1, unknown, 10.0.0.2"}, nil, "10.0.0.2"},
		{"an empty line", "10.0.0.1", []string{""}, nil, "10.0.0.1"},
		{"an address of IPv6", "10.0.0.1", []string{"2001:db8::1"}, nil, "2001:db8::1"},
		{"in brackets", "10.0.0.1", []string{"[2001:db8::1]"}, nil, "2001:db8::1"},
		{"with ports", "10.0.0.1", []string{"203.0.113.9:443, [fd00::2]:80"}, nil, "203.0.113.9"},
		{"IPv4 in IPv6", "10.0.0.1", []string{"::ffff:203.0.113.9"}, nil, "203.0.113.9"},
		{"a proxy as IPv4 in IPv6", "[::ffff:10.0.0.1]", []string{"203.0.113.9"}, nil, "203.0.113.9"},
		{"a zone", "10.0.0.1", []string{"fe80::1%eth0"}, nil, "10.0.0.1"},
		{"more proxies than there are", "10.0.0.1", []string{"203.0.113.9" + strings.Repeat(", 10.0.0.2", 100)}, nil, "10.0.0.2"},

		{"Forwarded", "10.0.0.1", nil, []string{"for=203.0.113.9"}, "203.0.113.9"},
		{"the examples of RFC 7239 §4", "10.0.0.1", nil, []string{`For="[2001:db8:cafe::17]:4711"`}, "2001:db8:cafe::17"},
		{"with everything", "10.0.0.1", nil, []string{"for=192.0.2.60;proto=http;by=203.0.113.43"}, "192.0.2.60"},
		{"and several", "10.0.0.1", nil, []string{"for=192.0.2.43, for=198.51.100.17"}, "198.51.100.17"},
		{"over lines", "10.0.0.1", nil, []string{"for=192.0.2.43", "for=198.51.100.17, for=10.0.0.2"}, "198.51.100.17"},
		{"an address in quotes", "10.0.0.1", nil, []string{`for="203.0.113.9:_port"`}, "203.0.113.9"},
		{"escapes in quotes", "10.0.0.1", nil, []string{`for="203\.0.113.9"`}, "203.0.113.9"},
		{"hidden on purpose", "10.0.0.1", nil, []string{"for=192.0.2.1, for=_hidden, for=10.0.0.2"}, "10.0.0.2"},
		{"unknown", "10.0.0.1", nil, []string{"for=unknown"}, "10.0.0.1"},
		{"nothing of whom it is for", "10.0.0.1", nil, []string{"for=192.0.2.1, proto=https"}, "10.0.0.1"},
		{"an empty element", "10.0.0.1", nil, []string{"for=192.0.2.1,"}, "10.0.0.1"},
		{"twice in one element", "10.0.0.1", nil, []string{"for=192.0.2.1;for=203.0.113.9"}, "10.0.0.1"},
		{"IPv6 without brackets", "10.0.0.1", nil, []string{`for="2001:db8::1"`}, "10.0.0.1"},
		{"a quote that would swallow what the proxy wrote", "10.0.0.1", nil, []string{`for=192.0.2.1;by=", for=203.0.113.9`}, "10.0.0.1"},
		{"likewise, in front of one", "10.0.0.1", nil, []string{`for=192.0.2.1;by=", for="[2001:db8::1]"`}, "10.0.0.1"},
		{"a flood", "10.0.0.1", nil, []string{strings.Repeat("for=192.0.2.1,", 1000) + "for=203.0.113.9"}, "10.0.0.1"},

		{"both, and they agree", "10.0.0.1", []string{"203.0.113.9"}, []string{"for=203.0.113.9"}, "203.0.113.9"},
		{"both, and they do not", "10.0.0.1", []string{"203.0.113.9"}, []string{"for=192.0.2.1"}, "10.0.0.1"},
		{"no address", "@", []string{"203.0.113.9"}, nil, "invalid IP"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := from(request("example.com"), tt.peer)
			if tt.listed != nil {
				r.Header["X-Forwarded-For"] = tt.listed
			}
			if tt.forwarded != nil {
				r.Header["Forwarded"] = tt.forwarded
			}
			if got := g.Client(r); got.String() != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
			pass, err := g.Check(r)
			if err != nil || pass.Client.String() != tt.want {
				t.Errorf("the pass is that of %v, %v", pass.Client, err)
			}
		})
	}
}

func TestClientOfAGateThatTrustsNobody(t *testing.T) {
	r := from(request("example.com"), "127.0.0.1")
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	for _, g := range []*Gate{nil, {}} {
		if got := g.Client(r); got != netip.MustParseAddr("127.0.0.1") {
			t.Errorf("got %v", got)
		}
	}
}

func TestBucketKey(t *testing.T) {
	for addr, want := range map[string]string{
		"203.0.113.9":          "203.0.113.9",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
		"::1":                  "::",
	} {
		if got := bucketKey(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("%s is counted as %v, want %s", addr, got, want)
		}
	}
	if got := bucketKey(netip.Addr{}); got.IsValid() {
		t.Errorf("no address is counted as %v", got)
	}
}

// A host behind a proxy that does not pass the Host on. What the field says of
// it counts only from a trusted proxy, and only where it says one thing.
func TestForwardedHost(t *testing.T) {
	trusting := &Gate{TrustedProxies: prefixes("10.0.0.0/8"), TrustForwardedHost: true, Hosts: []string{"internal"}}
	for _, tt := range []struct {
		why     string
		g       *Gate
		peer    string
		hosts   []string
		origin  string
		allowed bool
	}{
		{"a page of the host that the proxy names", trusting, "10.0.0.1", []string{"app.example"}, "https://app.example", true},
		{"with its port", trusting, "10.0.0.1", []string{"app.example:8443"}, "https://app.example:8443", true},
		{"another page", trusting, "10.0.0.1", []string{"app.example"}, "https://evil.example", false},
		{"a page of the host behind the proxy", trusting, "10.0.0.1", []string{"app.example"}, "https://internal", false},
		{"the proxy names none", trusting, "10.0.0.1", nil, "https://internal", true},
		{"a stranger names it", trusting, "203.0.113.9", []string{"evil.example"}, "https://evil.example", false},
		{"two lines", trusting, "10.0.0.1", []string{"evil.example", "app.example"}, "https://evil.example", false},
		{"two values", trusting, "10.0.0.1", []string{"evil.example, app.example"}, "https://evil.example", false},
		{"nobody asked for it", &Gate{TrustedProxies: prefixes("10.0.0.0/8")}, "10.0.0.1", []string{"evil.example"}, "https://evil.example", false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := from(request("internal", tt.origin), tt.peer)
			if tt.hosts != nil {
				r.Header["X-Forwarded-Host"] = tt.hosts
			}
			if tt.allowed {
				wantAllowed(t, tt.g, r)
			} else {
				wantRefused(t, tt.g, r, ErrOrigin)
			}
		})
	}
}

// forwardedLine is the list of these nodes as a proxy writes it.
func forwardedLine(nodes []string) string {
	var elements []string
	for _, n := range nodes {
		elements = append(elements, fmt.Sprintf(`for="%s"`, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(n)))
	}
	return strings.Join(elements, ", ")
}

func FuzzForwarded(f *testing.F) {
	for _, line := range []string{
		"", "for=192.0.2.1", `for="[2001:db8::1]:80";proto=https, for=unknown`, `for="\"",for=_x;BY=y`, `for="`, "for=", ";;,,;", "a=b;a=c",
		`for=1.2.3.4;by=", for=203.0.113.9`, "for = 1.2.3.4", `x="\`, "for=\"\x00\"",
	} {
		f.Add(line, "10.0.0.2")
	}
	g := &Gate{TrustedProxies: prefixes("10.0.0.0/8")}
	proxy := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, line, node string) {
		elements, err := parseForwarded([]string{line})
		if err == nil {
			// What was understood means the same when it is written anew.
			var nodes []string
			for _, e := range elements {
				nodes = append(nodes, e.node)
			}
			again, err := parseForwarded([]string{forwardedLine(nodes)})
			if len(line) < maxForwarded/4 && (err != nil || !slices.EqualFunc(nodes, again, func(n string, e forwardedElement) bool { return n == e.node })) {
				t.Errorf("%q has the nodes %q, which are read again as %q, %v", line, nodes, again, err)
			}
		}
		// Whatever the client wrote, it cannot choose who it is: behind it
		// stands what the proxy appends, on a line of its own or on the same.
		const own = "203.0.113.9"
		for _, lines := range [][]string{{line, "for=" + own}, {line + ", for=" + own}, {line + `, for="` + own + `"`}} {
			if got := g.lastForwarded(proxy, lines); got.String() != own && got != proxy {
				t.Errorf("Forwarded %q is from %v", lines, got)
			}
		}
		for _, lines := range [][]string{{line, own}, {line + ", " + own}} {
			if got := g.lastListed(proxy, lines); got.String() != own {
				t.Errorf("X-Forwarded-For %q is from %v", lines, got)
			}
		}
		// An address is in its one form.
		if addr, err := (forwardedElement{node}).address(); err == nil {
			if addr.Is4In6() || addr.Zone() != "" || !addr.IsValid() {
				t.Errorf("%q is %v", node, addr)
			}
		}
	})
}
