package wye

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

// A proxy's answer is read up to its first empty line, whatever follows; its
// status is the one that net/http sees.
func FuzzProxyHead(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 Connection established\r\n\r\n\x81\x00", "HTTP/1.0 407\n\nbody", "HTTP/1.1 200 \r\nA: b\r\n\r\n\r\n\r\n",
		"\n\n", "\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 +20 OK\r\n\r\n", "HTTP/1.1  200 OK\n\r\n", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 256
		in := bytes.NewReader(b)
		head, err := readHead(in, limit)
		first := min(behind(b, "\n\r\n"), behind(b, "\n\n"))
		if err != nil {
			if first <= min(len(b), limit) {
				t.Fatalf("a head of %d bytes: %v", first, err)
			}
			return
		}
		rest, _ := io.ReadAll(in)
		if len(head) != first || !bytes.Equal(append(head[:first:first], rest...), b) {
			t.Fatalf("head %q, rest %q", head, rest)
		}
		status := statusOf(head)
		if status == 0 {
			return
		}
		if status < 100 || status > 999 {
			t.Fatalf("status %d", status)
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), &http.Request{Method: http.MethodConnect})
		if err == nil && (resp.StatusCode != status || resp.ProtoMajor != 1) {
			t.Fatalf("%q: status %d, of net/http %s %d", head, status, resp.Proto, resp.StatusCode)
		}
	})
}

// behind is where the first sep in b ends; without one, behind all.
func behind(b []byte, sep string) int {
	if i := bytes.Index(b, []byte(sep)); i >= 0 {
		return i + len(sep)
	}
	return 1 << 30
}
