//go:build unix

package websocket

import (
	"bytes"
	"net"
	"os"
	"syscall"
	"testing"
)

// What a socket gives and takes without waiting: the same by system calls that the
// scheduler does not see as by those of package syscall, which tests have under
// the race detector.
func TestSocketCalls(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b := fds[0], fds[1]
	defer syscall.Close(a)
	syscall.SetNonblock(a, true)
	syscall.SetNonblock(b, true)
	for _, size := range []int{1, 100, 100_000} {
		if n, err := readNow(b, make([]byte, size)); n > 0 || err != syscall.EAGAIN {
			t.Errorf("nothing to read: %d, %v", n, err)
		}
	}
	buf := make([]byte, 200_000)
	read := func(want string) {
		t.Helper()
		if n, err := readNow(b, buf); err != nil || string(buf[:n]) != want {
			t.Errorf("%q, %v, want %q", buf[:max(n, 0)], err, want)
		}
	}
	if n, err := writeNow(a, []byte("one")); n != 3 || err != nil {
		t.Error(n, err)
	}
	read("one")
	var parts [][]byte
	want := ""
	for i := range mostParts {
		p := bytes.Repeat([]byte{byte('a' + i)}, i+1)
		parts, want = append(parts, p), want+string(p)
	}
	if n, err := writePartsNow(a, parts); n != len(want) || err != nil {
		t.Error(n, err)
	}
	read(want)

	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, write := range []func() (int, error){
		func() (int, error) { return writeNow(a, big) },
		func() (int, error) { return writeNow(a, big[:60_000]) },
		func() (int, error) { return writePartsNow(a, [][]byte{big[:48], big[:100_000], big}) },
		func() (int, error) { return writePartsNow(a, [][]byte{big[:48], big[:1600]}) },
	} {
		sent := 0
		for {
			n, err := write()
			if err == syscall.EAGAIN {
				break
			}
			if err != nil || n <= 0 {
				t.Fatal(n, err)
			}
			sent += n
		}
		for sent > 0 {
			n, err := readNow(b, buf)
			if err != nil || n <= 0 {
				t.Fatal(n, err)
			}
			sent -= n
		}
		if n, err := readNow(b, buf); err != syscall.EAGAIN {
			t.Fatalf("more came than was sent: %d, %v", n, err)
		}
	}
	syscall.Shutdown(a, syscall.SHUT_WR)
	if n, err := readNow(b, buf); n != 0 || err != nil {
		t.Errorf("at the end: %d, %v", n, err)
	}
	syscall.Close(b)
	for name, write := range map[string]func() (int, error){
		"writeNow":      func() (int, error) { return writeNow(a, []byte("x")) },
		"writePartsNow": func() (int, error) { return writePartsNow(a, [][]byte{[]byte("x"), []byte("y")}) },
	} {
		if n, err := write(); n > 0 || err != syscall.EPIPE {
			t.Errorf("%s after the end: %d, %v", name, n, err)
		}
	}
}

// A socket's failure reads as a net.Conn's does.
func TestSocketError(t *testing.T) {
	c, peer := Pipe(nil, nil)
	defer peer.CloseNow()
	defer c.CloseNow()
	err := c.socketError("read", syscall.ECONNRESET).(*net.OpError)
	if sys, ok := err.Err.(*os.SyscallError); !ok || sys.Err != syscall.ECONNRESET || err.Op != "read" || err.Source == nil || err.Addr == nil {
		t.Errorf("%#v", err)
	}
}
