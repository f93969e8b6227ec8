//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is the command in a process of its own.
func process(t *testing.T, args ...string) (cmd *exec.Cmd, addr string, log *bufio.Reader) {
	t.Helper()
	cmd = exec.Command(os.Args[0], append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	log = bufio.NewReader(stderr)
	first, err := log.ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(first), "listening on http://")
	if !ok {
		t.Fatalf("the command began with %q, %v", first, err)
	}
	return cmd, addr, log
}

// rest reads a process's log to its end, and returns its exit code.
func rest(t *testing.T, cmd *exec.Cmd, log *bufio.Reader) (text string, code int) {
	t.Helper()
	var b strings.Builder
	if _, err := log.WriteTo(&b); err != nil {
		t.Error(err)
	}
	cmd.Wait() // its error is the code
	return b.String(), cmd.ProcessState.ExitCode()
}

func TestReadinessGoesFirst(t *testing.T) {
	cmd, addr, log := process(t, "--drain-delay", "1h", "--upgrade", "none")
	r := dialRaw(t, addr)
	r.serves()
	cmd.Process.Signal(syscall.SIGTERM)
	if line, err := log.ReadString('\n'); !strings.Contains(line, "draining") {
		t.Fatalf("the log goes on with %q, %v", line, err)
	}
	r.send(request("GET /readyz"))
	if a := r.receive(); a.status != "503 Service Unavailable" || a.body != "draining\n" {
		t.Errorf("a server that is about to drain answers\n%v", a)
	}
	// Until the delay is over, it serves.
	r.send(opening("/echo"))
	r.receive()
	r.echoes()
	cmd.Process.Signal(syscall.SIGTERM)
	if text, code := rest(t, cmd, log); code != exitFail || !strings.Contains(text, "forced=1") {
		t.Errorf("exit code %d after\n%s", code, text)
	}
}

func TestSignals(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd, addr, log := process(t, "--drain", "0s")
			r := upgraded(t, addr, opening("/echo"))
			cmd.Process.Signal(sig)
			r.gets(serviceRestart)
			r.send("\x88\x82\x00\x00\x00\x00\x03\xf4")
			if text, code := rest(t, cmd, log); code != exitOK || !strings.Contains(text, "clean=1 forced=0") {
				t.Errorf("exit code %d after\n%s", code, text)
			}
		})
	}
}

func TestTheSecondSignalAborts(t *testing.T) {
	cmd, addr, log := process(t, "--drain", "1h")
	silent := upgraded(t, addr, opening("/echo"))
	cmd.Process.Signal(syscall.SIGTERM)
	silent.gets(serviceRestart)
	began := time.Now()
	cmd.Process.Signal(syscall.SIGTERM)
	text, code := rest(t, cmd, log)
	if code != exitFail || !strings.Contains(text, "forced=1") || !strings.Contains(text, "a second signal") {
		t.Errorf("exit code %d after\n%s", code, text)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("aborting took %v: it waited for the closing handshake", took)
	}
}
