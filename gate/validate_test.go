package gate

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	for _, g := range []*Gate{nil, {}, {Hosts: []string{"*"}, Origins: []string{"*"}}, {Hosts: LoopbackHosts(), Origins: []string{"https://*.localhost:3000"}}} {
		if err := g.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestValidateSaysHowToWriteIt(t *testing.T) {
	for _, tt := range []struct{ hosts, origins, want string }{
		{"https://example.com", "", "not a URL"},
		{"example.com/path", "", "not a URL"},
		{"*:8080", "", "name a domain after it"},
		{"example.*", "", "name a domain after it"},
		{"192.168.*.*", "", "name a domain after it"},
		{"*.168.0.1", "", "four decimal numbers"},
		{"a*.example.com", "", "a whole label"},
		{"**.example.com", "", "a whole label"},
		{"exam ple", "", "letters, digits"},
		{"", "", "an empty label"},
		{"example..com", "", "an empty label"},
		{"::1", "", "write an IPv6 address in brackets: [::1]"},
		{"fe80::1%eth0", "", "write an IPv6 address in brackets: [fe80::1]"},
		{"[fe80::1%eth0]", "", "without a zone"},
		{"[::1", "", `a "[" without "]"`},
		{"127.0.0.0/33", "", "127.0.0.0/8"},
		{"example.com:0", "", "1 to 65535"},
		{"example.com:*", "", "1 to 65535"},
		{"127.1", "", "four decimal numbers"},
		{"xn--bücher.example", "", "no such label"},
		{"", "example.com", `write "https://example.com"`},
		{"", "*.example.com:8443", `write "https://*.example.com:8443"`},
		{"", "https://example.com/", `write "https://example.com"`},
		{"", "https://example.com:8443/app?x#y", `write "https://example.com:8443"`},
		{"", "https://user@example.com", `'@' does not belong there`},
		{"", "https://example.com?x", `'?' does not belong there`},
		{"", "https://a.example,https://b.example", "does not belong there"},
		{"", "null", "cannot be listed"},
		{"", "https://*", "name a domain after it"},
		{"", "https://*:8443", "name a domain after it"},
		{"", "https://a*.example", "a whole label"},
		{"", "*://example.com", "scheme://host"},
		{"", "http://localhost:*", "1 to 65535"},
		{"", "file://", "an empty label"},
		{"", "", "scheme://host"},
	} {
		g, name, entry := &Gate{Origins: []string{"https://fine.example", tt.origins}}, "Origins[1] ", tt.origins
		if tt.want == "an empty label" && tt.origins == "" || tt.hosts != "" {
			g, name, entry = &Gate{Hosts: []string{"fine.example", tt.hosts}}, "Hosts[1] ", tt.hosts
		}
		t.Run(name+entry, func(t *testing.T) {
			err := g.Validate()
			if err == nil {
				t.Fatal("want an error, got nil")
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), name+quoted(entry)) {
				t.Errorf("want %s%q and %q in: %v", name, entry, tt.want, err)
			}
			wantLoggable(t, err)
		})
	}
}

func TestValidateNamesEveryEntry(t *testing.T) {
	err := (&Gate{Hosts: []string{"a", "::1", "b", "::2"}, Origins: []string{"null", "https://a.example", "a"}}).Validate()
	if err == nil {
		t.Fatal("want an error, got nil")
	}
	for _, want := range []string{"Hosts[1]", "Hosts[3]", "Origins[0]", "Origins[2]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want %s in: %v", want, err)
		}
	}
	if n := len(strings.Split(err.Error(), "\n")); n != 4 {
		t.Errorf("want a line for each of 4 entries, got %d: %v", n, err)
	}
}
