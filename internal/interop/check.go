// Package interop is conversations with programs of others, each a [Check]: the
// upgrades to h2c and to TLS, and WebSocket over HTTP/2, with our server and with
// our client. A test runs them; the folder peers runs them too, and writes down
// how they went.
package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Check is one conversation.
type Check struct {
	Peer    string   // the program
	Version []string // a command that prints the program's version
	Title   string   // what is done
	Needs   []string // the programs that it runs

	// Run returns what is worth knowing beside that it worked, or why it did
	// not. Files go into dir, which is empty; processes end before it returns,
	// and when ctx does.
	Run func(ctx context.Context, dir string) (note string, err error)
}

// Checks are all there are.
func Checks() []Check {
	var all []Check
	for _, some := range [][]Check{h2cClients, h2cServers, tlsClients, tlsServers, overHTTP2} {
		all = append(all, some...)
	}
	return all
}

// Missing names the first of the programs that c needs and that is not there.
func (c Check) Missing() string {
	for _, name := range c.Needs {
		if _, err := find(name); err != nil {
			return name
		}
	}
	return ""
}

var number = regexp.MustCompile(`\d+(\.\d+)+`)

// VersionNumber asks the program.
func (c Check) VersionNumber(ctx context.Context) (string, error) {
	text, err := program(ctx, c.Version[0], c.Version[1:]...).CombinedOutput() // some print it and fail
	if v := number.FindString(string(text)); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("the version of %s: %q, %w", c.Peer, text, err)
}

// find looks for servers too where a user's PATH does not.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", name))
}

// program is a command with the path of its program looked up, which ends with
// ctx.
func program(ctx context.Context, name string, args ...string) *exec.Cmd {
	if path, err := find(name); err == nil {
		name = path
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), "LC_ALL=C", "http_proxy=", "HTTP_PROXY=")
	return cmd
}

// output runs a program to its end, and returns what it printed.
func output(ctx context.Context, name string, args ...string) (string, error) {
	return outputOf(program(ctx, name, args...))
}

func outputOf(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s%s", strings.Join(cmd.Args, " "), err, stderr.String(), stdout.String())
	}
	return stdout.String(), nil
}

// daemon is a server in a process of its own.
type daemon struct {
	cmd    *exec.Cmd
	log    bytes.Buffer // read once the process has ended
	ended  chan struct{}
	cancel context.CancelFunc
}

// startDaemon runs cmd, made by [program], until it takes connections at address.
func startDaemon(ctx context.Context, address, name string, args ...string) (*daemon, error) {
	ctx, cancel := context.WithCancel(ctx)
	d := &daemon{cmd: program(ctx, name, args...), ended: make(chan struct{}), cancel: cancel}
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	if err := d.cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	go func() { // ends with the process, which stop ends
		d.cmd.Wait() // it is killed in the end: its exit code says nothing
		close(d.ended)
	}()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			c.Close()
			return d, nil
		}
		select {
		case <-d.ended:
			cancel()
			return nil, fmt.Errorf("%s ended: %s", name, d.log.String())
		case <-ctx.Done():
			d.stop()
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the process and waits for it.
func (d *daemon) stop() {
	d.cancel()
	<-d.ended
}

// freeAddress is one that nobody listens on; a program that cannot say which port
// it took has to be told one.
func freeAddress() (host, port, address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", "", err
	}
	defer l.Close()
	address = l.Addr().String()
	host, port, err = net.SplitHostPort(address)
	return host, port, address, err
}
