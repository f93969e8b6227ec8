//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wye-org/wye/hub/nats/natstest"
)

// clustered is one server of a cluster, a process of its own that can be killed and
// started again.
type clustered struct {
	args []string
	cmd  *exec.Cmd
	url  string // set by listens
	log  logged
	read sync.WaitGroup // what reads its log
	urls chan string    // which it says there
}

func (c *clustered) start(t *testing.T) {
	t.Helper()
	c.cmd = exec.Command(os.Args[0], c.args...)
	c.cmd.Env = append(os.Environ(), asCommand+"=1")
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	urls := make(chan string, 1)
	c.urls = urls
	c.read.Go(func() { // ends with the process
		defer close(urls)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			fmt.Fprintln(&c.log, lines.Text())
			if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
				urls <- url
			}
		}
	})
}

// listens waits until it does, which more than half of the servers are needed for.
func (c *clustered) listens(t *testing.T) {
	t.Helper()
	c.url = ""
	select {
	case c.url = <-c.urls:
	case <-time.After(rawPatience):
	}
	if c.url == "" {
		t.Fatalf("it does not listen:\n%s", &c.log)
	}
}

// end sends a signal, and returns the exit code.
func (c *clustered) end(sig os.Signal) int {
	c.cmd.Process.Signal(sig)
	c.read.Wait()
	c.cmd.Wait() // its error is the code
	return c.cmd.ProcessState.ExitCode()
}

// startClustered starts n servers with an engine that they run themselves.
func startClustered(t *testing.T, n int) []*clustered {
	t.Helper()
	addresses := natstest.FreePorts(t, n)
	secret, key := written(t, strings.Repeat("secret", 8)), written(t, testAPIKey)
	all := make([]*clustered, n)
	for i, address := range addresses {
		all[i] = &clustered{args: []string{
			"serve", "--listen", "127.0.0.1:0", "--node", fmt.Sprintf("n%d", i), "--drain", "0s", "--api-key-file", key,
			"--cluster", "--data", t.TempDir(), "--cluster-listen", address, "--cluster-routes", strings.Join(addresses, ","), "--cluster-secret-file", secret,
		}}
	}
	t.Cleanup(func() {
		for i, c := range all {
			if c.cmd != nil && c.cmd.ProcessState == nil {
				c.end(syscall.SIGKILL)
			}
			if t.Failed() {
				t.Logf("the log of server %d:\n%s", i, &c.log)
			}
		}
	})
	for _, c := range all {
		c.start(t)
	}
	for _, c := range all {
		c.listens(t)
	}
	return all
}

// Of three servers with an engine of their own one is killed: what is published
// meanwhile is delivered once and in order, and the killed one has all of it when it
// is back.
func TestAClusterOfThree(t *testing.T) {
	if os.Getenv("WYE_SLOW") != "1" {
		t.Skip("it takes half a minute: WYE_SLOW=1")
	}
	const messages = 30 // fewer than the channel keeps
	servers := startClustered(t, 3)
	key := written(t, testAPIKey)
	publish := func(in io.Reader, args ...string) int {
		args = append([]string{"publish", "--server", servers[0].url, "--api-key-file", key, "--timeout", "1m"}, args...)
		return run(t.Context(), args, stdio{in, io.Discard, os.Stderr})
	}
	// With a key what is temporary is tried again, as long as there is no leader.
	if code := publish(nil, "--idempotency-key", "first", "demo:x", "message 0"); code != exitOK {
		t.Fatalf("publishing: exit code %d", code)
	}

	var running sync.WaitGroup
	got, out := io.Pipe()
	running.Go(func() { // ends with the last message
		code := run(t.Context(), []string{"subscribe", "--server", servers[2].url, "--last", "1", "-n", fmt.Sprint(messages), "demo:x"}, stdio{strings.NewReader(""), out, os.Stderr})
		out.CloseWithError(fmt.Errorf("subscribing ended with exit code %d: %w", code, io.EOF))
	})
	in, lines := io.Pipe()
	running.Go(func() { // ends with its input
		if code := publish(in, "--idempotency-key", "rest", "demo:x"); code != exitOK {
			t.Errorf("publishing: exit code %d", code)
		}
		in.CloseWithError(io.ErrClosedPipe)
	})
	delivered := bufio.NewScanner(got)
	for i := range messages {
		switch i {
		case messages / 3:
			servers[1].end(syscall.SIGKILL)
		case 2 * messages / 3:
			servers[1].start(t)
			servers[1].listens(t)
		}
		if i > 0 {
			fmt.Fprintf(lines, "message %d\n", i)
		}
		if want := fmt.Sprintf("message %d", i); !delivered.Scan() || delivered.Text() != want {
			t.Fatalf("%q was delivered, want %q; %v", delivered.Text(), want, delivered.Err())
		}
	}
	lines.Close()
	running.Wait()

	// It may take a while to have caught up.
	var all strings.Builder
	caughtUp := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		all.Reset()
		args := []string{"subscribe", "--server", servers[1].url, "--last", fmt.Sprint(messages), "-n", fmt.Sprint(messages), "demo:x"}
		return run(ctx, args, stdio{strings.NewReader(""), &all, io.Discard}) == exitOK
	}
	for end := time.Now().Add(rawPatience); !caughtUp() && time.Now().Before(end); {
	}
	for i, text := range strings.Split(strings.TrimSpace(all.String()), "\n") {
		if want := fmt.Sprintf("message %d", i); text != want {
			t.Fatalf("the server that was killed has %q, want %q", text, want)
		}
	}
	if n := strings.Count(all.String(), "\n"); n != messages {
		t.Errorf("the server that was killed has %d messages, want %d", n, messages)
	}
	for i, c := range servers {
		if code := c.end(syscall.SIGTERM); code != exitOK {
			t.Errorf("server %d: exit code %d", i, code)
		}
	}
}
