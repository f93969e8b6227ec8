package conform

import (
	"errors"
	"net/netip"
	"testing"
)

func TestOnlyOnesOwnAddressesAreDialled(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "10.1.2.3": true, "172.16.0.1": true, "192.168.1.1": true,
		"fd00::1": true, "fe80::1": true, "::ffff:10.0.0.1": true,
		"203.0.113.9": false, "172.32.0.1": false, "2001:db8::1": false, "::ffff:203.0.113.9": false,
	} {
		if got := own(netip.MustParseAddr(address)); got != want {
			t.Errorf("own(%s) = %v", address, got)
		}
	}
	check := guard("echo.example.com", "")
	var refused *UnauthorizedError
	if err := check("tcp", "203.0.113.9:80", nil); !errors.As(err, &refused) || refused.Host != "echo.example.com" {
		t.Errorf("a public address: %v", err)
	}
	if err := check("tcp", "127.0.0.1:80", nil); err != nil {
		t.Errorf("loopback: %v", err)
	}
	if guard("Echo.example.com.", "echo.example.com") != nil {
		t.Error("an authorized host is checked all the same")
	}
	if guard("echo.example.com", "example.com") == nil {
		t.Error("authorizing a domain authorizes its hosts")
	}
}
