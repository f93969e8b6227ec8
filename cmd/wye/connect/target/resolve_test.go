package target

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for s, want := range map[string]string{
		"example.com:443:127.0.0.1":       "example.com:443:127.0.0.1",
		"EXAMPLE.com:80:::1":              "example.com:80:[::1]",
		"example.com:80:[2001:db8::1]":    "example.com:80:[2001:db8::1]",
		"[2001:db8::1]:443:127.0.0.1":     "[2001:db8::1]:443:127.0.0.1",
		"[::1]:65535:[fe80::1%eth0]":      "[::1]:65535:[fe80::1%eth0]",
		"localhost:8080:::ffff:127.0.0.1": "localhost:8080:[::ffff:127.0.0.1]",
	} {
		if got, err := ParseAddress(s); err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	for _, bad := range []string{
		"", "a", "a:1", ":1:127.0.0.1", "a:0:127.0.0.1", "a:65536:127.0.0.1", "a:x:127.0.0.1", "a:1:", "a:1:b",
		"a:1:[::1", "a:1:127.0.0.1:2", "[a]:1:::1", "[::1:1:::1", "u@a:1:::1", "a/b:1:::1", "a:+1:::1",
	} {
		if got, err := ParseAddress(bad); err == nil {
			t.Errorf("%q: got %v", bad, got)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"example.com:443:127.0.0.1", "[::1]:1:[::1]", "a:1:::", "::", "[]:1:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseAddress(s)
		if err != nil {
			return
		}
		if got.Port == 0 || got.Host != strings.ToLower(got.Host) || !got.Addr.IsValid() {
			t.Fatalf("%q became %+v", s, got)
		}
		if again, err := ParseAddress(got.String()); err != nil || again != got {
			t.Fatalf("%q became %v and then %v, %v", s, got, again, err)
		}
	})
}
