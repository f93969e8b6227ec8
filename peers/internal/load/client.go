// Package load is what loads a server and reads its clocks: clients on raw
// sockets and one epoll, prebuilt frames, and what /proc says of the server and
// of the machine. It is for the programs beside it, on Linux.
package load

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"
)

// request is the handshake. Its key is fixed, so that a server may have its
// answer ready.
const request = "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"

// A Target is what clients connect to.
type Target struct {
	Addr string // IPv4 address and port
	Path string

	// Deflate offers permessage-deflate: nct (no context takeover), ct, or
	// nothing. A server that does not take it is an error.
	Deflate Deflate

	// From is the clients' own address; nil leaves it to the kernel. One has
	// some 28,000 ports.
	From *[4]byte
}

// Deflate is how permessage-deflate is used.
type Deflate string

const (
	Plain      Deflate = ""    // not at all
	NoTakeover Deflate = "nct" // each message for itself, both ways
	Takeover   Deflate = "ct"  // with what went before, both ways
)

func (d Deflate) header() string {
	switch d {
	case NoTakeover:
		return "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	case Takeover:
		return "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" // as browsers do
	}
	return ""
}

// A Client is a connection of the generator: a descriptor, how far it has read
// into a frame, and what the kernel did not take yet.
type Client struct {
	Sent   int             // messages; the caller's
	Due    int             // of them, without an answer; the caller's
	SentAt []time.Duration // when they were due; the caller's

	fd     int
	frames counter
	rest   []byte // of what is being sent
	pong   []byte // an answer to a ping, sent
}

// Dial opens a connection and switches it. It is not for what is measured, but
// where handshakes are.
func Dial(t Target) (*Client, error) {
	tcp, err := net.ResolveTCPAddr("tcp4", t.Addr)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &Client{fd: fd}
	if err := c.handshake(tcp, t); err != nil {
		c.Reset()
		return nil, fmt.Errorf("%s of %s: %w", t.Path, t.Addr, err)
	}
	return c, nil
}

func (c *Client) handshake(addr *net.TCPAddr, t Target) error {
	limit := syscall.NsecToTimeval(int64(patience))
	if err := errors.Join(
		syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit),
		syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &limit),
		syscall.SetsockoptInt(c.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
	); err != nil {
		return err
	}
	if t.From != nil {
		if err := syscall.Bind(c.fd, &syscall.SockaddrInet4{Addr: *t.From}); err != nil {
			return err
		}
	}
	sa := &syscall.SockaddrInet4{Port: addr.Port}
	copy(sa.Addr[:], addr.IP.To4())
	if err := connect(c.fd, sa); err != nil {
		return err
	}
	if _, err := again(syscall.Write, c.fd, fmt.Appendf(nil, request, t.Path, addr, t.Deflate.header())); err != nil {
		return err
	}
	head := make([]byte, 4<<10)
	for n := 0; ; {
		m, err := again(syscall.Read, c.fd, head[n:])
		if err != nil {
			return fmt.Errorf("no answer to the handshake: %w", err)
		}
		if m == 0 {
			return errors.New("no answer to the handshake: the connection ended")
		}
		n += m
		if end := bytes.Index(head[:n], []byte("\r\n\r\n")); end >= 0 {
			if err := judge(string(head[:end]), t.Deflate); err != nil {
				return err
			}
			c.frames.count(head[end+4 : n])
			return syscall.SetNonblock(c.fd, true)
		}
	}
}

// judge says whether head is the answer that was wanted.
func judge(head string, d Deflate) error {
	line, fields, _ := strings.Cut(strings.ToLower(head), "\r\n")
	if !strings.HasPrefix(line, "http/1.1 101 ") {
		return fmt.Errorf("the handshake got %q", line)
	}
	// What we send refers back by up to 32 KiB.
	fields = strings.NewReplacer("client_max_window_bits=15", "", " ", "").Replace(fields)
	switch {
	case d == Plain:
		return nil
	case !strings.Contains(fields, "permessage-deflate"):
		return errors.New("the server does not compress")
	case strings.Contains(fields, "client_max_window_bits"):
		return errors.New("the server wants a smaller window than 32 KiB")
	case d == NoTakeover && !strings.Contains(fields, "server_no_context_takeover"):
		return errors.New("the server takes its context over, though asked not to")
	case d == Takeover && strings.Contains(fields, "no_context_takeover"):
		return errors.New("the server does not take its context over, or does not want ours")
	}
	return nil
}

// again repeats a call that a signal interrupted: the runtime sends itself some.
func again(call func(int, []byte) (int, error), fd int, p []byte) (int, error) {
	for {
		if n, err := call(fd, p); err != syscall.EINTR {
			return n, err
		}
	}
}

// connect waits for the connection. An interrupted call goes on in the kernel,
// and a further one waits for it.
func connect(fd int, sa syscall.Sockaddr) error {
	for {
		switch err := syscall.Connect(fd, sa); err {
		case syscall.EINTR, syscall.EALREADY:
		case syscall.EISCONN:
			return nil
		default:
			return err
		}
	}
}

// Reset ends the connection without a TIME_WAIT, of which a machine has few.
func (c *Client) Reset() {
	_ = syscall.SetsockoptLinger(c.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	syscall.Close(c.fd)
}
