package tlsupgrade

import (
	"bufio"
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/wye-org/wye/internal/handoff"
)

// The request's head is taken out, wherever the pieces begin and end, and nothing
// else is.
func FuzzSkipHead(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: a", "GET /next HTTP/1.1\r\n\r\n", []byte{1, 2, 3})
	f.Add("\r\n\r", "\r\n\r\n", []byte{3, 0, 1, 1, 1})
	f.Add("", "", []byte{})
	f.Fuzz(func(t *testing.T, head, after string, cuts []byte) {
		if i := strings.Index(head+"\r\n\r\n", "\r\n\r\n"); i < len(head) {
			head = head[:i]
		}
		sent := head + "\r\n\r\n" + after
		var s skipHead
		var got []byte
		over := false
		for i := 0; len(sent) > 0; i++ {
			n := len(sent)
			if i < len(cuts) {
				n = min(n, int(cuts[i]))
			}
			if over {
				got = append(got, sent[:n]...)
			} else {
				piece := []byte(sent[:n])
				var keep []byte
				keep, over = s.skip(piece)
				got = append(got, keep...)
				clear(piece)
			}
			sent = sent[n:]
		}
		if string(got) != after || !over {
			t.Errorf("got %q, over %t, want %q", got, over, after)
		}
	})
}

// A request that net/http has read is the same when it is read again, but for
// what was for the connection; no field becomes two, or a second request.
func FuzzHead(f *testing.F) {
	f.Add("GET /path?query HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close, x\r\nUpgrade: TLS/1.2\r\nX: 1\r\nY:  2 \r\n\r\n")
	f.Add("OPTIONS * HTTP/1.1\r\nHost: \r\n\r\n")
	f.Add("GET http://a/b HTTP/1.1\r\nHost: c\r\nA: \xe9\tb\r\nA: \r\n\r\n")
	f.Add("PRI * HTTP/2.0\r\n\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(s)))
		if err != nil || r.ContentLength != 0 || r.Method == http.MethodConnect || handoff.Target(r) == "" || !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 {
			return // judge lets none of these pass
		}
		if strings.ContainsFunc(r.Host, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			return // nor net/http's server
		}
		head := appendHead(nil, r)
		br := bufio.NewReader(bytes.NewReader(head))
		again, err := http.ReadRequest(br)
		if err != nil {
			if len(r.Header) > 0 && !printable(r.Header) {
				return // net/http's server refuses these too
			}
			t.Fatalf("%q: %v", head, err)
		}
		if br.Buffered() > 0 {
			t.Errorf("%q is more than a request", head)
		}
		if again.Method != r.Method || again.RequestURI != handoff.Target(r) || again.Host != r.Host || again.Close != r.Close {
			t.Errorf("%q became %q", s, head)
		}
		again.Header.Del("Connection")
		want := handoff.EndToEnd(r.Header)
		if printable(want) && !maps.EqualFunc(again.Header, want, sameValues) {
			t.Errorf("%q became %v, want %v", s, again.Header, want)
		}
	})
}

// sameValues reports whether a and b are the same but for the space around each:
// a line that is folded to nothing leaves net/http some. "A field value does not
// include leading or trailing whitespace." RFC 9110 §5.5
func sameValues(a, b []string) bool {
	return slices.EqualFunc(a, b, func(v, w string) bool { return strings.Trim(v, " \t") == strings.Trim(w, " \t") })
}

// printable reports whether net/http's server would take h.
func printable(h http.Header) bool {
	for name, values := range h {
		if strings.ContainsFunc(name, func(c rune) bool {
			return !strings.ContainsRune("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", c)
		}) {
			return false
		}
		for _, v := range values {
			if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return false
			}
		}
	}
	return true
}
