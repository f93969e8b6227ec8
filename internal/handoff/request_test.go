package handoff

import (
	"bufio"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func read(t *testing.T, s string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(s)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTarget(t *testing.T) {
	for line, want := range map[string]string{
		"GET /a?b=%20":                  "/a?b=%20",
		"GET //a":                       "//a",
		"GET /%2F":                      "/%2F",
		"GET http://other.example/a?b":  "/a?b",
		"GET http://other.example":      "/",
		"GET http://other.example?b":    "/?b",
		"GET http:path":                 "",
		"GET mailto:a@b":                "",
		"OPTIONS *":                     "*",
		"OPTIONS http://other.example/": "/",
	} {
		if got := Target(read(t, line+" HTTP/1.1\r\nHost: a\r\n\r\n")); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// "…for each connection-option in this field, remove any header or trailer
// field(s) from the message with the same name as the connection-option".
// RFC 9110 §7.6.1
func TestEndToEnd(t *testing.T) {
	r := read(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, x-a\r\nConnection: X-B\r\nUpgrade: foo\r\nX-A: 1\r\nX-B: 2\r\n"+
		"Keep-Alive: 1\r\nProxy-Connection: 1\r\nTE: trailers\r\nExpect: 100-continue\r\nX-C: 3\r\nX-C: 4\r\nCookie: a\r\n\r\n")
	if got, want := EndToEnd(r.Header), (http.Header{"X-C": {"3", "4"}, "Cookie": {"a"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if r.Header.Get("X-A") != "1" {
		t.Error("the request was changed")
	}
}
