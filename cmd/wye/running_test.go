package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// running is `wye serve` in this process.
type running struct {
	addr string // host:port
	url  string // http or https, and addr
	stop func() // as the first signal does
	exit <-chan int
	log  *logged
}

// start runs `wye serve` with further arguments until the test ends. Without a
// --listen among them it takes a free port.
func start(t testing.TB, args ...string) *running {
	t.Helper()
	if !strings.Contains(strings.Join(args, " "), "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	exit := make(chan int, 1)
	go func() { // received from below, or by the test
		code := run(ctx, append([]string{"serve"}, args...), stdio{strings.NewReader(""), io.Discard, w})
		w.Close()
		exit <- code
		close(exit)
	}()
	s := &running{stop: cancel, exit: exit, log: new(logged)}
	lines := bufio.NewReader(r)
	for s.addr == "" { // an engine may have had something to log before
		line, err := lines.ReadString('\n')
		url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
		_, addr, isURL := strings.Cut(url, "://")
		switch {
		case ok && isURL:
			s.addr, s.url = addr, url
		case err != nil:
			cancel()
			t.Fatalf("wye serve %s does not listen, %v:\n%s", strings.Join(args, " "), err, s.log)
		default:
			s.log.Write([]byte(line))
		}
	}
	var copied sync.WaitGroup
	copied.Go(func() { io.Copy(s.log, lines) }) // ends with the command
	t.Cleanup(func() {
		cancel()
		for range exit {
		}
		copied.Wait()
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log)
		}
	})
	return s
}

// logged is what a command wrote to stderr.
type logged struct {
	mu   sync.Mutex
	b    bytes.Buffer
	more chan struct{} // closed with the next Write; made by who waits
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return l.b.Write(p)
}

// until waits for the log to contain what.
func (l *logged) until(t testing.TB, what string) {
	t.Helper()
	late := time.After(rawPatience)
	for {
		l.mu.Lock()
		if strings.Contains(l.b.String(), what) {
			l.mu.Unlock()
			return
		}
		if l.more == nil {
			l.more = make(chan struct{})
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-late:
			t.Fatalf("the log lacks %q:\n%s", what, l)
		}
	}
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
