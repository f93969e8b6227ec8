package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rawPatience bounds every exchange over a raw connection.
const rawPatience = 20 * time.Second

// raw is a TCP connection on which a test speaks for itself.
type raw struct {
	t  testing.TB
	c  net.Conn
	in *bufio.Reader
}

func dialRaw(t testing.TB, addr string) *raw {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return rawOver(t, c)
}

func rawOver(t testing.TB, c net.Conn) *raw {
	c.SetDeadline(time.Now().Add(rawPatience))
	return &raw{t, c, bufio.NewReader(c)}
}

func (r *raw) send(p string) {
	r.t.Helper()
	if _, err := io.WriteString(r.c, p); err != nil {
		r.t.Fatalf("sending %q: %v", p, err)
	}
}

// reply is a response as it stood on the wire.
type reply struct {
	status string // "101 Switching Protocols"
	fields []field
	body   string
}

type field struct{ name, value string }

// all returns the values of the fields of that name, in whatever case.
func (a reply) all(name string) (values []string) {
	for _, f := range a.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

func (a reply) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "HTTP/1.1 %s\n", a.status)
	for _, f := range a.fields {
		fmt.Fprintf(&s, "%s: %s\n", f.name, f.value)
	}
	return s.String() + "\n" + a.body
}

// receive reads one response, and its body if it has a length. A 101 has none:
// what follows it is not HTTP.
func (r *raw) receive() (a reply) {
	r.t.Helper()
	lines := textproto.NewReader(r.in)
	line, err := lines.ReadLine()
	if err != nil {
		r.t.Fatalf("no response: %v", err)
	}
	proto, status, _ := strings.Cut(line, " ")
	if proto != "HTTP/1.1" && proto != "HTTP/1.0" {
		r.t.Fatalf("the response begins with %q", line)
	}
	a.status = status
	for {
		line, err := lines.ReadLine()
		if err != nil {
			r.t.Fatalf("the head ends after %v: %v", a, err)
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		a.fields = append(a.fields, field{name, strings.TrimSpace(value)})
	}
	if length := a.all("Content-Length"); len(length) == 1 {
		n, err := strconv.Atoi(length[0])
		if err != nil {
			r.t.Fatalf("Content-Length: %s", length[0])
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(r.in, body); err != nil {
			r.t.Fatalf("reading %d bytes of body: %v", n, err)
		}
		a.body = string(body)
	}
	return a
}

// ends says that the connection ends now, with not a byte more.
func (r *raw) ends() {
	r.t.Helper()
	if rest, err := io.ReadAll(r.in); err != nil || len(rest) > 0 {
		r.t.Errorf("after the response came %q, %v; want the end of the connection", rest, err)
	}
}

// serves says that the connection is good for a next request.
func (r *raw) serves() {
	r.t.Helper()
	r.send("GET /api/data HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if a := r.receive(); a.status != "200 OK" || a.body != `{"data":"example"}` {
		r.t.Errorf("the next request on the connection was answered with\n%v", a)
	}
}

// echoes says that the connection speaks WebSocket, and echoes.
func (r *raw) echoes() {
	r.t.Helper()
	r.send("\x81\x85\x01\x02\x03\x04" + mask("hello", "\x01\x02\x03\x04"))
	r.gets("\x81\x05hello")
}

// echoesLines says that the connection echoes lines.
func (r *raw) echoesLines() {
	r.t.Helper()
	r.send("one line\nand another\n")
	r.gets("one line\nand another\n")
}

// gets reads exactly want.
func (r *raw) gets(want string) {
	r.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(r.in, got)
	if string(got[:n]) != want {
		r.t.Fatalf("got %q, %v; want %q", got[:n], err, want)
	}
}

// mask applies a masking key. RFC 6455 §5.3
func mask(payload, key string) string {
	b := []byte(payload)
	for i := range b {
		b[i] ^= key[i%4]
	}
	return string(b)
}

// has says that the answer has exactly these fields of these names; "" means
// none at all.
func (a reply) has(t testing.TB, want ...string) {
	t.Helper()
	for i := 0; i+1 < len(want); i += 2 {
		name, value := want[i], want[i+1]
		wants := []string{value}
		if value == "" {
			wants = nil
		}
		if got := a.all(name); !slices.Equal(got, wants) {
			t.Errorf("%s is %q, want %q, in\n%v", name, got, wants, a)
		}
	}
}
