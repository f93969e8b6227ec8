package websocket_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/wye-org/wye/internal/talk"
	"github.com/wye-org/wye/websocket"
)

// A server without descriptors waits until there are some. The server is another
// process, whose limit is low.
func TestServeWithoutDescriptors(t *testing.T) {
	const variable = "WYE_TEST_FEW_DESCRIPTORS"
	if os.Getenv(variable) != "" {
		serveFew(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeWithoutDescriptors$")
	cmd.Env = append(os.Environ(), variable+"=1")
	stop, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stop.Close()
	address, err := bufio.NewReader(out).ReadString('\n')
	address = strings.TrimSpace(address)
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out) // ends with cmd
	var all []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	late := talk.To(t, address)
	late.Say(clientHead)
	for _, c := range all {
		c.Close()
	}
	late.WantResponse("GET", 101)
}

func serveFew(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 40, Max: 40}); err != nil {
		t.Fatal(err)
	}
	fmt.Println(ln.Addr())
	srv := &http.Server{Handler: websocket.Handler(nil, &websocket.AcceptOptions{Loop: echoLoop()})}
	over := make(chan struct{})
	go func() { websocket.Serve(srv, ln, nil); close(over) }() // received from below
	io.Copy(io.Discard, os.Stdin)
	srv.Close()
	<-over
}

// What Serve accepts has the options that net gives what it accepts, where nobody
// sends pings.
func TestServeSocketOptions(t *testing.T) {
	conns := make(chan *websocket.Conn, 1)
	address, _ := serveOwn(t, &http.Server{Handler: websocket.Handler(nil, &websocket.AcceptOptions{
		Options: websocket.Options{PingInterval: -1},
		Loop:    &websocket.Loop{Open: func(c *websocket.Conn) { conns <- c }}})}, nil)
	p := talk.To(t, address)
	p.Say(clientHead)
	fd := websocket.Socket(within(t, conns))
	for _, tt := range []struct {
		name          string
		level, option int
		want          int
	}{
		{"TCP_NODELAY", syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 15},
		{"TCP_KEEPINTVL", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 15},
		{"TCP_KEEPCNT", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 9},
	} {
		if v, err := syscall.GetsockoptInt(fd, tt.level, tt.option); v != tt.want || err != nil {
			t.Errorf("%s is %d, %v, want %d", tt.name, v, err, tt.want)
		}
	}
	if flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0); flags&syscall.FD_CLOEXEC == 0 || errno != 0 {
		t.Errorf("the socket is inherited by other programs: %x, %v", flags, errno)
	}
}

// An idle connection whose head has not come yet is no more than this, and a place
// in a slice.
func TestHeadSize(t *testing.T) {
	if n := websocket.HeadSize; n > 128 {
		t.Errorf("%d bytes", n)
	}
}
