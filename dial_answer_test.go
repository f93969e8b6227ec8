package wye

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A 101 that breaks the rules is not gone on with.
func TestDialRefusesA101(t *testing.T) {
	for _, tt := range []struct{ why, answer, reason string }{
		{"RFC 9110 §7.8: a token that was not asked for", strings.Replace(switched, "example/1", "other", 1), `it switches to "other", which was not asked for`},
		{"another version", strings.Replace(switched, "example/1", "example/2", 1), "not asked for"},
		{"no version", strings.Replace(switched, "example/1", "example", 1), "not asked for"},
		{"RFC 9110 §15.2.2: no Upgrade", strings.Replace(switched, "Upgrade: example/1\r\n", "", 1), "its Upgrade header is []"},
		{"an empty Upgrade", strings.Replace(switched, "example/1", " , ", 1), "its Upgrade header"},
		{"what is no token", strings.Replace(switched, "example/1", "example /1", 1), "its Upgrade header"},
		{"two values", strings.Replace(switched, "example/1", "example/1, example/1", 1), "want one of the tokens"},
		{"two values, one of which is none", strings.Replace(switched, "example/1", "example/1, a b", 1), "want one of the tokens"},
		{"two lines", strings.Replace(switched, "Connection", "Upgrade: foo/2\r\nConnection", 1), "want one of the tokens"},
		{"RFC 9110 §7.8: no connection option", strings.Replace(switched, "Connection: Upgrade\r\n", "", 1), "its Connection header is []"},
		{"another option", strings.Replace(switched, "Connection: Upgrade", "Connection: no-upgrade", 1), "its Connection header"},
		{"HTTP/1.0", strings.Replace(switched, "HTTP/1.1", "HTTP/1.0", 1), "it is HTTP/1.0, which has no Upgrade"},
		{"HTTP/2.0 in words", strings.Replace(switched, "HTTP/1.1", "HTTP/2.1", 1), "it is HTTP/2.1"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			address := answering(t, func(p *peer) {
				p.wantRequest()
				p.say(tt.answer)
				io.Copy(io.Discard, p.in) // the client goes
			})
			_, resp, err := dial(t, "ws://"+address, func(o *DialOptions) { o.Tokens = []Token{example, token("foo/2")} })
			var broken *HandshakeError
			var failed *DialError
			if !errors.As(err, &broken) || !strings.Contains(broken.Reason, tt.reason) || broken.Response.StatusCode != 101 || resp != broken.Response {
				t.Fatalf("got %v, want %q", err, tt.reason)
			}
			if !errors.As(err, &failed) || failed.Stage != StageHandshake {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDialTakesA101(t *testing.T) {
	for _, tt := range []struct{ why, answer string }{
		{"as we write it", switched},
		{"names in any case", "HTTP/1.1 101 OK\r\nCONNECTION: keep-alive, UPGRADE\r\nuPGRADE: Example/1\r\n\r\n"},
		{"no reason", strings.Replace(switched, "101 Switching Protocols", "101", 1)},
		{"empty elements", strings.Replace(switched, "example/1", ",example/1 ,", 1)},
		// "…terminated by the first empty line after the header fields,
		// regardless of the header fields present". RFC 9112 §6.3
		{"a Content-Length", strings.Replace(switched, "Upgrade:", "Content-Length: 3\r\nUpgrade:", 1)},
		// "A client MUST be able to parse one or more 1xx responses received
		// prior to a final response". RFC 9110 §15.2
		{"103 before", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + switched},
		{"some 1xx before", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 7) + switched},
	} {
		t.Run(tt.why, func(t *testing.T) {
			address := answering(t, func(p *peer) {
				p.wantRequest()
				p.say(tt.answer + "early")
				p.want("late")
			})
			c, resp, err := dial(t, "ws://"+address)
			if err != nil {
				t.Fatal(err)
			}
			if !Chosen(resp).Equal(example) {
				t.Errorf("chosen: %v", Chosen(resp))
			}
			if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Error("the 101 has a body")
			}
			wantRead(t, c, "early")
			speak(t, c, "late")
		})
	}
	if got := Chosen(new(http.Response)); got != (Token{}) {
		t.Errorf("nothing chosen, but %v", got)
	}
}

// The bytes behind the 101 are the Conn's first, however many there are.
func TestDialKeepsTheEarlyBytes(t *testing.T) {
	early := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
	address := answering(t, func(p *peer) {
		p.wantRequest()
		p.say(switched + early)
		p.want("late")
	})
	for _, maxHead := range []int{0, len(switched), len(switched) + 10} {
		c, _, err := dial(t, "ws://"+address, func(o *DialOptions) { o.MaxHead = maxHead })
		if err != nil {
			t.Fatal(err)
		}
		wantRead(t, c, early)
		speak(t, c, "late")
	}
}

// A server that does not switch gives its response, however it is cut off.
func TestDialGivesTheRefusal(t *testing.T) {
	for _, tt := range []struct {
		why, answer, body, text string
		status                  int
		reset                   bool
	}{
		{"with a Content-Length", "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope", "nope", `403 Forbidden: "nope"`, 403, false},
		{"without", "HTTP/1.1 403 Forbidden\r\n\r\nnope\n", "nope\n", `403 Forbidden: "nope"`, 403, false},
		{"chunked", "HTTP/1.1 426 Upgrade Required\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n2\r\npe\r\n0\r\n\r\n", "nope", "426", 426, false},
		{"chunked, and cut off", "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n2\r", "no", "503", 503, false},
		{"cut off in its body", "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno", "no", "403", 403, false},
		{"reset right after its head", "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n", "", "403", 403, true},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", "", "204 No Content and did not switch", 204, false},
		// "A server MAY ignore a received Upgrade header field". RFC 9110 §7.8
		{"the Upgrade is ignored", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/html\r\n\r\n<html", "<html", "200 OK and did not switch protocols", 200, false},
		{"HTTP/1.0", "HTTP/1.0 400 Bad Request\r\n\r\nold", "old", "400", 400, false},
		{"100 before", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "", "403", 403, false},
		{"a redirect", "HTTP/1.1 301 Moved Permanently\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", "", "see MaxRedirects", 301, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			address := answering(t, func(p *peer) {
				p.wantRequest()
				p.say(tt.answer)
				if tt.reset {
					p.Conn.(*net.TCPConn).SetLinger(0)
				}
			})
			_, resp, err := dial(t, "ws://"+address)
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Response.StatusCode != tt.status || string(refused.Body) != tt.body || resp != refused.Response {
				t.Fatalf("got %v (%v)", err, refused)
			}
			if body, err := io.ReadAll(refused.Response.Body); string(body) != tt.body || err != nil {
				t.Errorf("Response.Body gives %q, %v", body, err)
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("says %q, want %q", err, tt.text)
			}
		})
	}
}

// Version lists over several lines reach the caller.
func TestDialGivesEveryLineOfARefusal(t *testing.T) {
	address := answering(t, func(p *peer) {
		p.wantRequest()
		p.say("HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8, 7\r\nContent-Length: 0\r\n\r\n")
	})
	_, resp, _ := dial(t, "ws://"+address)
	if got := resp.Header["Sec-Websocket-Version"]; !slices.Equal(got, []string{"13", "8, 7"}) {
		t.Errorf("got %q", got)
	}
}

// At most 64 KiB of a body are read.
func TestDialBoundsTheBodyOfARefusal(t *testing.T) {
	for why, tt := range map[string]struct{ head, piece string }{
		"until the end": {"HTTP/1.1 500 No\r\n\r\n", strings.Repeat("x", 1000)},
		"chunked":       {"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n", "3e8\r\n" + strings.Repeat("x", 1000) + "\r\n"},
	} {
		t.Run(why, func(t *testing.T) {
			address := answering(t, func(p *peer) {
				p.wantRequest()
				p.say(tt.head)
				for { // until the client has had enough
					if _, err := io.WriteString(p, tt.piece); err != nil {
						return
					}
				}
			})
			_, _, err := dial(t, "ws://"+address)
			var refused *RefusedError
			if !errors.As(err, &refused) || len(refused.Body) != 64<<10 || bytes.Trim(refused.Body, "x") != nil && len(bytes.Trim(refused.Body, "x")) > 0 {
				t.Errorf("got %.200v", err)
			}
		})
	}
}

// An answer that is none.
func TestDialRefusesAnAnswer(t *testing.T) {
	endless := func(piece string) func(*peer) {
		return func(p *peer) {
			for {
				if _, err := io.WriteString(p, piece); err != nil {
					return
				}
			}
		}
	}
	for _, tt := range []struct {
		why    string
		answer func(*peer)
		text   string
	}{
		{"the head is over 16 KiB", func(p *peer) {
			io.WriteString(p, "HTTP/1.1 101 Switching Protocols\r\nX: "+strings.Repeat("x", 16<<10)+"\r\n"+switched[34:])
		}, "head is over 16384 bytes"},
		{"the head has no end", endless("X: y\r\n"), "malformed"},
		{"a field has no end", func(p *peer) { p.say("HTTP/1.1 101 OK\r\nX: "); endless("x")(p) }, "head is over 16384 bytes"},
		{"the fields have no end", func(p *peer) { p.say("HTTP/1.1 101 OK\r\n"); endless("X: y\r\n")(p) }, "head is over 16384 bytes"},
		{"the heads before have no end", func(p *peer) {
			for range 3 {
				io.WriteString(p, "HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("x", 6000)+"\r\n\r\n")
			}
		}, "head is over 16384 bytes"},
		{"endless 1xx", endless("HTTP/1.1 102 Processing\r\n\r\n"), "over 8 informational responses"},
		{"closed at once", func(*peer) {}, "closed the connection without an answer"},
		{"cut off in its head", func(p *peer) { p.say(switched[:len(switched)-2]) }, "closed the connection without an answer"},
		{"not HTTP", func(p *peer) { p.say("SSH-2.0-OpenSSH_9.2\r\n\r\n") }, "malformed HTTP"},
		{"a field that is none", func(p *peer) { p.say("HTTP/1.1 101 OK\r\nUpgrade\r\n\r\n") }, "malformed"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			address := answering(t, func(p *peer) {
				p.wantRequest()
				tt.answer(p)
			})
			_, resp, err := dial(t, "ws://"+address)
			var failed *DialError
			if resp != nil || !errors.As(err, &failed) || failed.Stage != StageHandshake || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %.300v, want %q", err, tt.text)
			}
		})
	}
}

// RefusedError says in a line what the server said, and no more than that.
func TestRefusedErrorText(t *testing.T) {
	for _, tt := range []struct{ contentType, body, want string }{
		{"text/plain; charset=utf-8", "\n  first\nsecond\n", `: "first"`},
		{"", "first", `: "first"`},
		{"text/html", "<p>first", ""},
		{"text/plain", "", ""},
		{"text/plain", strings.Repeat("x", 1000), fmt.Sprintf(`: "%s"`, strings.Repeat("x", 200))},
		{"text/plain", "\x1b[2J", `: "\x1b[2J"`},
	} {
		err := &RefusedError{&http.Response{Status: "403 Forbidden", StatusCode: 403, Header: http.Header{"Content-Type": {tt.contentType}}}, []byte(tt.body)}
		if got := err.Error(); got != "wye: the server answered 403 Forbidden"+tt.want {
			t.Errorf("got %q", got)
		}
	}
}
