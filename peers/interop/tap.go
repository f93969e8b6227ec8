package main

import (
	"bytes"
	"net"
	"strings"
	"sync"
)

// A tap notes what crosses our own end of one connection: the beginning, and
// how much there was. It is how a run knows that messages were compressed or
// fragmented indeed, whatever a peer says.
type tap struct {
	mu       sync.Mutex
	sent     stream
	received stream
}

// stream is one direction.
type stream struct {
	begin []byte // at most tapBytes
	total int
}

// tapBytes is more than any head of these runs and a frame's first byte.
const tapBytes = 16 << 10

func (s *stream) add(p []byte) {
	s.total += len(p)
	s.begin = append(s.begin, p[:min(len(p), tapBytes-len(s.begin))]...)
}

// head returns the request or the response, and what came behind it.
func (s *stream) head() (head string, rest []byte) {
	i := bytes.Index(s.begin, []byte("\r\n\r\n"))
	if i < 0 {
		return "", nil
	}
	return string(s.begin[:i]), s.begin[i+4:]
}

// wireTap is what a judge looks at: both directions by their sender's name.
type wireTap struct {
	extensions string // what the server agreed on
	fromClient traffic
	fromServer traffic
}

// traffic is one direction behind the handshake.
type traffic struct {
	first byte // of the first frame: FIN, RSV1 and the opcode
	bytes int
}

// look returns what was noted; we says whether our end is the server.
func (t *tap) look(weServe bool) wireTap {
	t.mu.Lock()
	defer t.mu.Unlock()
	client, server := &t.sent, &t.received
	if weServe {
		client, server = server, client
	}
	head, _ := server.head()
	return wireTap{extensionsOf(head), client.traffic(), server.traffic()}
}

func (s *stream) traffic() (t traffic) {
	head, rest := s.head()
	if len(rest) > 0 {
		t.first = rest[0]
		t.bytes = s.total - len(head) - 4
	}
	return t
}

// extensionsOf returns the Sec-WebSocket-Extensions of a head, or "".
func extensionsOf(head string) string {
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Sec-WebSocket-Extensions") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// tappedConn hides the optional methods of a net.Conn but CloseWrite, so that
// nothing passes the tap by.
type tappedConn struct {
	net.Conn
	tap *tap
}

func (c tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.tap.received.add(p[:n])
	return n, err
}

func (c tappedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.tap.sent.add(p[:n])
	return n, err
}

// CloseWrite ends the sending direction.
func (c tappedConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// tappedListener gives every connection a tap.
type tappedListener struct{ net.Listener }

func (l tappedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tappedConn{c, &tap{}}, nil
}
