package main

import (
	"bytes"
	"encoding/binary"
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
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// A client is a connection of the generator: a descriptor, how far it has read
// into a frame, and what the kernel did not take yet.
type client struct {
	fd     int
	frames counter
	rest   []byte // of what is being sent
	due    int    // messages that it waits for
	sentAt []time.Duration
}

// dial opens a connection and switches it. It is not for what is measured.
func dial(addr, path string) (*client, error) {
	tcp, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &client{fd: fd}
	if err := c.handshake(tcp, path); err != nil {
		c.close()
		return nil, fmt.Errorf("%s of %s: %w", path, addr, err)
	}
	return c, nil
}

func (c *client) handshake(addr *net.TCPAddr, path string) error {
	limit := syscall.NsecToTimeval(int64(5 * time.Second))
	if err := errors.Join(
		syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit),
		syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &limit),
		syscall.SetsockoptInt(c.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
	); err != nil {
		return err
	}
	sa := &syscall.SockaddrInet4{Port: addr.Port}
	copy(sa.Addr[:], addr.IP.To4())
	if err := connect(c.fd, sa); err != nil {
		return err
	}
	if _, err := again(syscall.Write, c.fd, fmt.Appendf(nil, request, path, addr)); err != nil {
		return err
	}
	head := make([]byte, 4<<10)
	for n := 0; ; {
		m, err := again(syscall.Read, c.fd, head[n:])
		if err != nil || m == 0 {
			return fmt.Errorf("no answer to the handshake: %w", err)
		}
		n += m
		if end := bytes.Index(head[:n], []byte("\r\n\r\n")); end >= 0 {
			if line, _, _ := strings.Cut(string(head[:end]), "\r\n"); !strings.HasPrefix(line, "HTTP/1.1 101 ") {
				return fmt.Errorf("the handshake got %q", line)
			}
			c.frames.count(head[end+4 : n])
			return syscall.SetNonblock(c.fd, true)
		}
	}
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

func (c *client) close() { syscall.Close(c.fd) }

// reset ends the connection without a TIME_WAIT, of which a machine has few.
func (c *client) reset() {
	_ = syscall.SetsockoptLinger(c.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	c.close()
}

// A counter counts the messages in a stream of frames, masked or not. Control
// frames are none.
type counter struct {
	head []byte // of a frame, not yet whole
	left uint64 // of the payload
	last bool   // whether the payload under way ends a message
}

// count returns how many messages end in p.
func (f *counter) count(p []byte) (messages int) {
	for len(p) > 0 || (f.left == 0 && f.last) {
		if f.left > 0 {
			n := min(uint64(len(p)), f.left)
			p, f.left = p[n:], f.left-n
			if f.left > 0 {
				return messages
			}
		}
		if f.last {
			messages++
			f.last = false
			continue
		}
		h := p
		if len(f.head) > 0 {
			h = append(f.head, p[:min(len(p), 14)]...)
		}
		size, payload := frameHead(h)
		if size == 0 {
			f.head = append(f.head[:0], h...)
			return messages
		}
		p = p[size-len(f.head):]
		f.head = f.head[:0]
		f.left = payload
		f.last = h[0]&0x80 != 0 && h[0]&0x08 == 0
	}
	return messages
}

// frameHead returns the length of the head of a frame, 0 if h has not all of it,
// and that of its payload.
func frameHead(h []byte) (size int, payload uint64) {
	if len(h) < 2 {
		return 0, 0
	}
	size, payload = 2, uint64(h[1]&0x7f)
	switch payload {
	case 126:
		size = 4
	case 127:
		size = 10
	}
	if len(h) < size {
		return 0, 0
	}
	switch size {
	case 4:
		payload = uint64(binary.BigEndian.Uint16(h[2:]))
	case 10:
		payload = binary.BigEndian.Uint64(h[2:])
	}
	if h[1]&0x80 != 0 {
		size += 4
	}
	if len(h) < size {
		return 0, 0
	}
	return size, payload
}

// message is a masked frame of n bytes of ASCII.
func message(n int) []byte {
	f := []byte{0x82, 0x80}
	switch {
	case n < 126:
		f[1] |= byte(n)
	case n < 1<<16:
		f[1] |= 126
		f = binary.BigEndian.AppendUint16(f, uint16(n))
	default:
		f[1] |= 127
		f = binary.BigEndian.AppendUint64(f, uint64(n))
	}
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	f = append(f, key[:]...)
	for i := range n {
		f = append(f, byte('a'+i%26)^key[i&3])
	}
	return f
}
