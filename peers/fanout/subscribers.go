package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// subscribers are on raw sockets: one goroutine reads them all. It counts marks
// and not messages, as centrifuge has several in a frame.
type subscribers struct {
	epoll int
	fds   []int
	buf   []byte
}

const opening = "GET /connection/websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// subscribe opens n connections that have all been answered.
func subscribe(addr string, n int) (*subscribers, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	s := &subscribers{epoll: epoll, buf: make([]byte, 256<<10)}
	for range n {
		if err := s.open(addr); err != nil {
			s.close()
			return nil, fmt.Errorf("connection %d: %w", len(s.fds), err)
		}
	}
	return s, nil
}

func (s *subscribers) open(addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if err := s.exchange(conn, opening, "\r\n\r\n"); err != nil {
		return err
	}
	if err := s.exchange(conn, masked(subscribing), joined); err != nil {
		return err
	}
	file, err := conn.(*net.TCPConn).File() // another descriptor of the socket
	if err != nil {
		return err
	}
	defer file.Close()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		return err
	}
	s.fds = append(s.fds, fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		return err
	}
	return syscall.EpollCtl(s.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)})
}

// exchange sends text and reads until what comes has an answer.
func (s *subscribers) exchange(conn net.Conn, text, answer string) error {
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	var got []byte
	for !bytes.Contains(got, []byte(answer)) {
		n, err := conn.Read(s.buf)
		if err != nil {
			return fmt.Errorf("%w after %q", err, got)
		}
		got = append(got, s.buf[:n]...)
	}
	return nil
}

// masked is a text frame of a client, with a key that changes nothing.
func masked(text string) string {
	return "\x81" + string([]byte{0x80 | byte(len(text)), 0, 0, 0, 0}) + text
}

func (s *subscribers) close() {
	for _, fd := range s.fds {
		_ = syscall.Close(fd)
	}
	_ = syscall.Close(s.epoll)
}

// run has the server publish bursts, each when everybody has got the one before.
func (s *subscribers) run(p process, burst int, length time.Duration) (delivered int, err error) {
	for end := time.Now().Add(length); ; {
		if _, err := p.ask(fmt.Sprintf("/publish?burst=%d", burst)); err != nil {
			return 0, err
		}
		if err := s.receive(burst * len(s.fds)); err != nil {
			return 0, err
		}
		delivered += burst * len(s.fds)
		if !time.Now().Before(end) {
			return delivered, nil
		}
	}
}

// receive reads until so many messages have come.
func (s *subscribers) receive(due int) error {
	events := make([]syscall.EpollEvent, 512)
	for got := 0; got < due; {
		n, err := syscall.EpollWait(s.epoll, events, 10_000)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("of %d messages %d came", due, got)
		}
		for _, e := range events[:n] {
			n, err := syscall.Read(int(e.Fd), s.buf)
			switch {
			case err == syscall.EAGAIN || err == syscall.EINTR:
			case err != nil || n == 0:
				return fmt.Errorf("a connection ended: %v", err)
			default:
				got += bytes.Count(s.buf[:n], []byte{mark})
			}
		}
	}
	return nil
}
