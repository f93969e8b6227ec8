// Package fake has a server for tests of what loads servers: it does what a test
// wants, and says what it saw.
package fake

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A Conn is a connection that was switched.
type Conn struct {
	net.Conn
	Path string

	r *bufio.Reader
}

// A Server listens on Addr.
type Server struct {
	Addr string

	// Conns is how many connections were switched. Each counts before it is told.
	Conns atomic.Int64
}

// Serve answers handshakes with 101 and the header fields of extra, each with its
// line end, and then has handle serve the connection, on a goroutine. It ends with
// the test.
func Serve(t *testing.T, extra string, handle func(c *Conn)) *Server {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Addr: ln.Addr().String()}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn // protected by mu; nil and closed when the test has ended
	)
	all.Go(func() { // ends with the listener; the cleanup waits for it
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			all.Go(func() { // ends with the connection; the cleanup waits for it
				defer c.Close()
				if f, err := s.accept(c, extra); err == nil {
					handle(f)
				}
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return s
}

func (s *Server) accept(c net.Conn, extra string) (*Conn, error) {
	f := &Conn{Conn: c, r: bufio.NewReader(c)}
	line, err := f.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if words := strings.Fields(line); len(words) > 1 {
		f.Path = words[1]
	}
	for line != "\r\n" {
		if line, err = f.r.ReadString('\n'); err != nil {
			return nil, err
		}
	}
	s.Conns.Add(1)
	_, err = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+extra+"\r\n")
	return f, err
}

// Read reads a frame: its first byte, and its payload without the mask.
func (c *Conn) Read() (first byte, payload []byte, err error) {
	head := make([]byte, 2, 14)
	if _, err := io.ReadFull(c.r, head); err != nil {
		return 0, nil, err
	}
	more := 4
	switch head[1] & 0x7f {
	case 126:
		more += 2
	case 127:
		more += 8
	}
	head = head[:2+more]
	if _, err := io.ReadFull(c.r, head[2:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		n = binary.BigEndian.Uint64(head[2:])
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.r, payload)
	for i := range payload {
		payload[i] ^= head[len(head)-4+i&3]
	}
	return head[0], payload, err
}

// Write writes a frame.
func (c *Conn) Write(first byte, payload []byte) error {
	_, err := c.Conn.Write(Frame(first, payload))
	return err
}

// Frame is one without a mask.
func Frame(first byte, payload []byte) []byte {
	var f []byte
	switch n := len(payload); {
	case n < 126:
		f = []byte{first, byte(n)}
	case n < 1<<16:
		f = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(n))
	default:
		f = binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(n))
	}
	return append(f, payload...)
}

// Echo sends back what comes, until the connection ends.
func Echo(c *Conn) {
	for {
		first, payload, err := c.Read()
		if err != nil || c.Write(first, payload) != nil {
			return
		}
	}
}
