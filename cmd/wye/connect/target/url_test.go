package target

import (
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	for _, good := range []string{"ws://a", "WSS://a:1/b?c", "http://[::1]/", "https://a.example/"} {
		if err := CheckURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":                         "empty",
		"/echo":                    "only a path",
		"localhost:8080/echo":      "did you mean ws://localhost:8080/echo?",
		"127.0.0.1/echo":           "did you mean ws://127.0.0.1/echo?",
		"192.168.1.2:9000":         "did you mean ws://192.168.1.2:9000?",
		"[::1]:9000/x":             "did you mean ws://[::1]:9000/x?",
		"example.com":              "did you mean wss://example.com?",
		"example.com:80/a":         "did you mean ws://example.com:80/a?",
		"localhost:8443/a":         "did you mean wss://localhost:8443/a?",
		"example.com?token=canary": "did you mean wss://example.com?",
		"u:canary@example.com/":    "did you mean wss://example.com/?",
		"ftp://example.com":        `"ftp"`,
		"ws://":                    "no host",
		"https:///x":               "no host",
	} {
		if err := CheckURL(bad); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", bad, err, want)
		}
	}
}
