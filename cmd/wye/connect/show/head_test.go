package show

import (
	"strings"
	"testing"
)

// Every place that a head can have a credential in, with a canary in it.
func TestHead(t *testing.T) {
	const head = "GET /a?token=canary&room=1 HTTP/1.1\r\n" +
		"Host: example.com\r\n" +
		"Authorization: Bearer canary\r\n" +
		"proxy-authorization:canary\r\n" +
		"Cookie: a=canary; b=canary\r\n" +
		"X-Folded: one\r\n two\r\n" +
		"Authorization: Basic\r\n\tcanary\r\n" +
		"Sec-WebSocket-Protocol: bearer.canary, chat\r\n" +
		"Referer: https://u:canary@example.com/?access_token=canary\r\n" +
		"X-Plain:  kept \r\n" +
		"\r\n"
	got := Head(head)
	if strings.Contains(got, "canary") {
		t.Errorf("a canary is left in\n%s", got)
	}
	for _, kept := range []string{"GET /a?token=", "&room=1 HTTP/1.1\r\n", "Host: example.com\r\n", "X-Folded: one\r\n two\r\n", ", chat\r\n", "X-Plain:  kept \r\n"} {
		if !strings.Contains(got, kept) {
			t.Errorf("%q is lost in\n%s", kept, got)
		}
	}
	if strings.Count(got, "\n") != strings.Count(head, "\n") || !strings.HasSuffix(got, "\r\n\r\n") {
		t.Errorf("lines are lost or won:\n%s", got)
	}
}

func TestHeadOfResponse(t *testing.T) {
	got := Head("HTTP/1.1 302 Found token=canary\r\nSet-Cookie: s=canary; Path=/\r\nLocation: /?ticket=canary\r\nno field token=canary\r\n\r\n")
	if strings.Contains(got, "canary") || !strings.HasPrefix(got, "HTTP/1.1 302 Found") {
		t.Errorf("%s", got)
	}
}

// A head without secrets is left as it is.
func TestHeadWithoutSecrets(t *testing.T) {
	const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	if got := Head(head); got != head {
		t.Errorf("%s", got)
	}
}

// Whatever comes: no panic, and no line more or less.
func FuzzHead(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nCookie: a\r\n\r\n")
	f.Add("\r\n \r\n:\r\n")
	f.Add("a\nb")
	f.Fuzz(func(t *testing.T, head string) {
		got := Head(head)
		if strings.Count(got, "\n") != strings.Count(head, "\n") {
			t.Fatalf("%q became %q", head, got)
		}
	})
}
