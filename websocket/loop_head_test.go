package websocket

import (
	"bufio"
	"bytes"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"
)

const plainHead = "GET /chat?a=b HTTP/1.1\r\nHost: example.com:80\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// netHTTP reads a head as net/http's server does. nil: it would refuse it, or
// change what comes behind it.
func netHTTP(b []byte) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil || r.Close || r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return nil
	}
	// What its server checks further: see conn.readRequest there. ReadRequest has
	// taken the Host out.
	for name, values := range r.Header {
		for _, v := range values {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(v) {
				return nil
			}
		}
	}
	if r.Host == "" || !httpguts.ValidHostHeader(r.Host) {
		return nil
	}
	return r
}

// wantSame compares what parseHead has made of b with net/http's.
func wantSame(t *testing.T, b []byte, got *http.Request) {
	t.Helper()
	want := netHTTP(b)
	if want == nil {
		t.Fatalf("%q was taken, and net/http would not", b)
	}
	for _, r := range []*http.Request{got, want} {
		if r.Body != http.NoBody {
			t.Fatalf("%q: the body is %v", b, r.Body)
		}
	}
	if !reflect.DeepEqual(got.URL, want.URL) || !reflect.DeepEqual(got.Header, want.Header) {
		t.Fatalf("%q:\ngot  %v %v\nwant %v %v", b, got.URL, got.Header, want.URL, want.Header)
	}
	type rest struct {
		method, proto, host, uri string
		major, minor             int
	}
	of := func(r *http.Request) rest {
		return rest{r.Method, r.Proto, r.Host, r.RequestURI, r.ProtoMajor, r.ProtoMinor}
	}
	if of(got) != of(want) {
		t.Fatalf("%q: got %v, want %v", b, of(got), of(want))
	}
}

func TestHeadsThatAreOurs(t *testing.T) {
	with := func(field string) string { return strings.Replace(plainHead, "Upgrade:", field+"\r\nUpgrade:", 1) }
	for _, head := range []string{
		plainHead,
		strings.ToLower(plainHead[len("GET /chat?a=b HTTP/1.1\r\n"):]),
		with("X-Empty:"),
		with("X-Empty: \t "),
		with("X-Spaces:  \t a \t b\t "),
		with("X-Tab: a\tb"),
		with("X-Text: gr\xc3\xbc\xc3\x9fe \xff"),
		with("Cookie: a=b\r\nCookie: c=d\r\ncookie: e"),
		with("x!#$%&'*+-.^_`|~9: odd but a token"),
		with("Pragma: no-cache"),
		with("Pragma: no-cache\r\nCache-Control: max-age=0"),
		with("Pragma: other"),
		strings.Replace(plainHead, "/chat?a=b", "/", 1),
		strings.Replace(plainHead, "/chat?a=b", "//a//b", 1),
		strings.Replace(plainHead, "/chat?a=b", "/%2F%20?%zz&;", 1),
		strings.Replace(plainHead, "/chat?a=b", "/\"<>\\^`{|}", 1),
		strings.Replace(plainHead, "example.com:80", "[::1]:8080", 1),
		strings.Replace(plainHead, "example.com:80", "a_b-c.~", 1),
		with("X: y" + strings.Repeat("\r\nX: y", maxFields-6)),
	} {
		if !strings.HasPrefix(head, "GET") {
			head = "GET / HTTP/1.1\r\n" + head
		}
		r := new(http.Request)
		if !parseHead([]byte(head), r) {
			t.Errorf("%q is not taken", head)
			continue
		}
		wantSame(t, []byte(head), r)
	}
}

// All else is net/http's to judge.
func TestHeadsThatAreNetHTTPs(t *testing.T) {
	with := func(field string) string { return strings.Replace(plainHead, "Upgrade:", field+"\r\nUpgrade:", 1) }
	line := func(s string) string { return strings.Replace(plainHead, "GET /chat?a=b HTTP/1.1", s, 1) }
	host := func(s string) string { return strings.Replace(plainHead, "Host: example.com:80", s, 1) }
	for _, head := range []string{
		"GET / HTTP/1.1\r\n\r\n",
		line("GET /chat HTTP/1.0"), line("GET /chat HTTP/2.0"), line("GET /chat http/1.1"), line("GET /chat"),
		line("get /chat HTTP/1.1"), line("POST /chat HTTP/1.1"), line("GET  /chat HTTP/1.1"), line("GET /chat  HTTP/1.1"),
		line("GET /chat HTTP/1.1 "), line("GET /ch at HTTP/1.1"), line("GET\t/chat HTTP/1.1"), line("GET /chat\tHTTP/1.1"),
		line("GET http://example.com/ HTTP/1.1"), line("GET * HTTP/1.1"), line("GET chat HTTP/1.1"), line("GET ?a HTTP/1.1"),
		line("GET /# HTTP/1.1"), line("GET /\x7f HTTP/1.1"), line("GET /\x00 HTTP/1.1"), line("GET /\xc3\xbc HTTP/1.1"), line("GET /%zz HTTP/1.1"),
		line("GET /\r HTTP/1.1"),
		host("X: y"), host("Host:"), host("Host: a\r\nHost: a"), host("Host: a b"), host("Host: a/b"), host("Host: a,b"), host("Host: user@a"), host("Host: \xc3\xbc"),
		with("Content-Length: 0"), with("content-length: 5"), with("Transfer-Encoding: chunked"), with("Transfer-Encoding: identity"),
		with("Expect: 100-continue"), with("Trailer: X"), with("TE: trailers"), with("HTTP2-Settings: AAMAAABk"),
		with("Connection: close"), with("Connection: x, CLOSE"),
		with(" X: folded"), with("\tX: folded"), with("X: y\r\n folded"), with("X : y"), with(": y"), with("X"), with("X(: y"), with("\xc3\xbc: y"),
		with("X: a\rb"), with("X: a\x00b"), with("X: a\x7fb"), with("X: \x1b[1m"), with("X: y\r"),
		with("X: y" + strings.Repeat("\r\nX: y", maxFields-5)),
	} {
		if r := new(http.Request); parseHead([]byte(head), r) {
			t.Errorf("%q is taken, as %v", head, r)
		}
	}
}

// Where a head ends does not depend on how it comes.
func TestFindHead(t *testing.T) {
	long := "GET / HTTP/1.1\r\nX: " + strings.Repeat("a", maxHead)
	for _, tt := range []struct {
		b     string
		end   int
		state headState
	}{
		{"", 0, headPartial},
		{"G", 0, headPartial},
		{"GET", 0, headPartial},
		{"GET /", 0, headPartial},
		{plainHead[:len(plainHead)-1], 0, headPartial},
		{plainHead, len(plainHead), headWhole},
		{plainHead + "\x81\x80\r\n\r\n", len(plainHead), headWhole},
		{"GET / HTTP/1.1\r\n\r\n", 18, headWhole},
		{"P", 0, headOther},
		{"GETX", 0, headOther},
		{"GET http:", 0, headOther},
		{"\r\n" + plainHead, 0, headOther},
		{"GET /\n", 0, headOther},
		{"GET / HTTP/1.1\r\nHost: a\n\r\n", 0, headOther},
		{"GET / HTTP/1.1\r\nHost: a\r\n\n", 0, headOther},
		{"GET / HTTP/1.1\r\nHost: a\r\r\n", 0, headPartial},
		{long[:maxHead-1], 0, headPartial},
		{long[:maxHead], 0, headOther},
		{long[:maxHead-4] + "\r\n\r\n", maxHead, headWhole},
		{long[:maxHead-3] + "\r\n\r\n", 0, headOther},
	} {
		for seen := range len(tt.b) + 1 {
			if len(tt.b) > 1000 && seen%1000 != 0 {
				continue
			}
			if _, before := findHead([]byte(tt.b[:seen]), 0, maxHead); before != headPartial {
				continue // there would have been no next piece
			}
			if end, state := findHead([]byte(tt.b), seen, maxHead); end != tt.end || state != tt.state {
				t.Errorf("%.60q, %d seen: %d, %v, want %d, %v", tt.b, seen, end, state, tt.end, tt.state)
			}
		}
	}
	if _, state := findHead([]byte(plainHead), 0, len(plainHead)-1); state != headOther {
		t.Errorf("a head beyond its limit: %v", state)
	}
}

// A head that is taken is to net/http what it is to us, and no more of the input
// belongs to it; where it ends does not depend on how it comes.
func FuzzHead(f *testing.F) {
	f.Add([]byte(plainHead), uint(7))
	f.Add([]byte(plainHead+"\x81\x85"), uint(100))
	f.Add([]byte("GET / HTTP/1.1\nHost: a\n\n"), uint(0))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"), uint(3))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n"), uint(3))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nPragma: no-cache\r\n\r\n"), uint(40))
	f.Fuzz(func(t *testing.T, b []byte, cut uint) {
		end, state := findHead(b, 0, maxHead)
		at := int(cut % uint(len(b)+1))
		if _, before := findHead(b[:at], 0, maxHead); before == headPartial {
			if e, s := findHead(b, at, maxHead); e != end || s != state {
				t.Fatalf("%q cut at %d: %d, %v, not %d, %v", b, at, e, s, end, state)
			}
		} else if e, s := findHead(b[:at], 0, maxHead); e != end || s != state {
			t.Fatalf("%q is decided at %d: %d, %v, and then %d, %v", b, at, e, s, end, state)
		}
		r := new(http.Request)
		if state == headWhole && parseHead(bytes.Clone(b[:end]), r) {
			wantSame(t, b[:end], r)
			if got, want := checkRequest(r), checkRequest(netHTTP(b)); (got == nil) != (want == nil) || got != nil && got.Error() != want.Error() {
				t.Fatalf("%q: %v, want %v", b[:end], got, want)
			}
		}
	})
}
