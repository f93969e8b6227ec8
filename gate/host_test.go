package gate

import "testing"

func TestAnyHost(t *testing.T) {
	for _, g := range []*Gate{nil, {}, {Hosts: []string{"*"}}, {Hosts: append(LoopbackHosts(), "*")}} {
		for _, host := range []string{"example.com", "evil.example:1", "[::1]", "", "nonsense:nonsense"} {
			wantAllowed(t, g, request(host))
		}
	}
}

func TestHosts(t *testing.T) {
	g := &Gate{Hosts: []string{
		"example.com", "www.example.com:8443", "*.apps.example.com", "192.0.2.1", "[2001:db8::1]:8080",
		"10.0.0.0/8", "fd00::/8", "bücher.example", "Shouting.Example", "dot.example.",
	}}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"example.com", "example.com:1", "EXAMPLE.COM:65535",
		"www.example.com:8443",
		"a.apps.example.com", "a.apps.example.com:8080", "my_app.apps.example.com",
		"192.0.2.1", "192.0.2.1:80",
		"[2001:db8::1]:8080", "[2001:DB8:0::1]:8080",
		"10.255.255.255:9", "[fd12::1]", "[fd12::1]:9",
		"xn--bcher-kva.example", "bücher.example:80", "shouting.example", "dot.example.",
	} {
		t.Run("allows "+host, func(t *testing.T) { wantAllowed(t, g, request(host)) })
	}
	for _, host := range []string{
		"", "evil.example", "example.com.", "example.com.evil.example", "a.example.com", "xexample.com",
		"www.example.com", "www.example.com:443", "www.example.com:84430",
		"apps.example.com", "a.b.apps.example.com", ".apps.example.com", "*.apps.example.com",
		"192.0.2.2", "192.0.2.1.evil.example", "192.0.2.1.", "[2001:db8::1]", "[2001:db8::2]:8080", "2001:db8::1",
		"11.0.0.1", "10.0.0.1.evil.example", "[::ffff:10.0.0.1]", "[fe80::1]",
		"example.com:", "example.com:0", "example.com:080", "example.com:x", "example.com:65536",
		"user@example.com", "example.com/", "example.com,evil.example", "example.com evil.example", " example.com", "dot.example",
	} {
		t.Run("refuses "+host, func(t *testing.T) { wantRefused(t, g, request(host), ErrHost) })
	}
}

// The page of http://rebound.example:8080 came from the attacker's server; then
// the name was made to resolve to 127.0.0.1, and the page connects to what is
// now its own host. Only the list of hosts can tell.
func TestDNSRebinding(t *testing.T) {
	attack := request("rebound.example:8080", "http://rebound.example:8080")
	wantAllowed(t, nil, attack) // the Origin is the Host's: as far as it goes, all is well

	wantRefused(t, &Gate{Hosts: LoopbackHosts()}, attack, ErrHost)

	// Nor does it help to leave the Origin out, or to allow every Origin.
	wantRefused(t, &Gate{Hosts: LoopbackHosts()}, request("rebound.example:8080"), ErrHost)
	wantRefused(t, &Gate{Hosts: LoopbackHosts(), Origins: []string{"*"}}, attack, ErrHost)
}

func TestLoopbackHosts(t *testing.T) {
	g := &Gate{Hosts: LoopbackHosts()}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8080", "127.255.0.3:9", "[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]:80",
	} {
		wantAllowed(t, g, request(host))
	}
	for _, host := range []string{
		"localhost.evil.example", "evil.localhost", "localhost.", "127.0.0.1.evil.example", "127.0.0.1.nip.example",
		"128.0.0.1", "0.0.0.0", "[::]", "[::2]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001", "017700000001",
		"192.168.1.1", "evil.example", "",
	} {
		wantRefused(t, g, request(host), ErrHost)
	}

	// "plus --host": further names go behind them.
	g = &Gate{Hosts: append(LoopbackHosts(), "dev.example")}
	wantAllowed(t, g, request("dev.example:8080"))
	wantAllowed(t, g, request("localhost:8080"))

	LoopbackHosts()[0] = "evil.example" // the slice is the caller's
	wantRefused(t, &Gate{Hosts: LoopbackHosts()}, request("evil.example"), ErrHost)
}
