// Package talk is for tests that are a dialogue over a raw connection: what one
// side says, and what it wants to hear.
package talk

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Patience bounds each wait. It is long, because it ends only tests that fail.
const Patience = 30 * time.Second

// Peer is the test's end of a connection, which is closed when the test ends.
type Peer struct {
	net.Conn
	Read *bufio.Reader // what was received and not wanted yet
	t    testing.TB
}

// To dials address.
func To(t testing.TB, address string) *Peer {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return With(t, c)
}

// With is a Peer whose end is c.
func With(t testing.TB, c net.Conn) *Peer {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	return &Peer{Conn: c, Read: bufio.NewReader(c), t: t}
}

// Say sends s.
func (p *Peer) Say(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, s); err != nil {
		p.t.Fatalf("saying %.100q: %v", s, err)
	}
}

// Want reads exactly s.
func (p *Peer) Want(s string) {
	p.t.Helper()
	got := make([]byte, len(s))
	n, err := io.ReadFull(p.Read, got)
	if string(got) != s {
		p.t.Fatalf("heard %q (%v), want %q", got[:n], err, s)
	}
}

// WantUntil reads up to and with end, and returns that.
func (p *Peer) WantUntil(end string) string {
	p.t.Helper()
	got, err := p.until(end)
	if err != nil {
		p.t.Fatalf("heard %q and then %v, want %q", got, err, end)
	}
	return string(got)
}

// Heard reads up to and with end. It is false if the connection ends before, which
// is no fault of a peer whose time was up.
func (p *Peer) Heard(end string) bool {
	_, err := p.until(end)
	return err == nil
}

func (p *Peer) until(end string) (got []byte, err error) {
	for !bytes.HasSuffix(got, []byte(end)) {
		b, err := p.Read.ReadByte()
		if err != nil {
			return got, err
		}
		got = append(got, b)
	}
	return got, nil
}

// WantResponse reads a response to a request with method, and its body.
func (p *Peer) WantResponse(method string, status int) (*http.Response, string) {
	p.t.Helper()
	resp, err := http.ReadResponse(p.Read, &http.Request{Method: method})
	if err != nil {
		p.t.Fatalf("want a response, got %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatalf("the response's body: %v", err)
	}
	if resp.StatusCode != status {
		p.t.Fatalf("got %s with %q, want %d", resp.Status, body, status)
	}
	return resp, string(body)
}

// WantEnd reads to the end, which may be a reset, and returns what came before.
func (p *Peer) WantEnd() string {
	p.t.Helper()
	var got strings.Builder
	if _, err := io.Copy(&got, p.Read); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		p.t.Fatalf("heard %q and then %v, want the end", got.String(), err)
	}
	return got.String()
}

// Listen has answer speak with each connection to the returned address, in a
// goroutine of its own, which ends with the test.
func Listen(t testing.TB, answer func(*Peer)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with l; waited for below
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(Patience))
			finished := make(chan struct{})
			go func() { // answer's; a FailNow in it ends it alone
				defer close(finished)
				defer c.Close()
				answer(&Peer{Conn: c, Read: bufio.NewReader(c), t: t})
			}()
			<-finished
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}
