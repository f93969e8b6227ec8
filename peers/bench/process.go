package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process is a server that runs.
type process struct {
	cmd  *exec.Cmd
	addr string
	tail *bytes.Buffer // of what it printed
	done chan struct{}
}

// start runs a server on the first core, and waits until it listens.
func start(ctx context.Context, command []string) (*process, error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", "0"}, command...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, tail: new(bytes.Buffer), done: make(chan struct{})}
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		if _, addr, ok := strings.Cut(line, "listening on http://"); ok {
			p.addr = strings.TrimSpace(addr)
			break
		}
		p.tail.WriteString(line)
		if err != nil {
			_ = cmd.Wait()
			return nil, fmt.Errorf("%s ended before it listened: %s", strings.Join(command, " "), p.tail)
		}
	}
	go func() { // ends with the process; stop waits for it
		defer close(p.done)
		_, _ = io.Copy(io.Discard, lines)
	}()
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	<-p.done
	_ = p.cmd.Wait()
}

// cpu is the time on a core, in user and kernel mode, of all threads so far.
func (p *process) cpu() (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("process %d has ended: %s", p.cmd.Process.Pid, p.tail)
	}
	var sum time.Duration
	for _, task := range tasks {
		d, err := schedstat(task)
		if os.IsNotExist(err) {
			continue // the thread has ended
		}
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum, nil
}

// threadCPU is that of the calling thread.
func threadCPU() (time.Duration, error) { return schedstat("/proc/thread-self/schedstat") }

func schedstat(path string) (time.Duration, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(b), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	return time.Duration(ns), err
}

// settledMemory is the resident memory, in bytes, after a server that can has
// given back what it does not use.
func (p *process) settledMemory() (int64, error) {
	for range 3 {
		if resp, err := http.Get("http://" + p.addr + "/free"); err == nil {
			resp.Body.Close()
		}
		time.Sleep(300 * time.Millisecond)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kb, err := strconv.ParseInt(number, 10, 64)
	return kb << 10, err
}

// pin puts the calling goroutine on a thread of its own, on the second core.
func pin() error {
	runtime.LockOSThread()
	out, err := exec.Command("taskset", "-pc", "1", strconv.Itoa(syscall.Gettid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("two cores are needed, one for the server and one for the load: %s", out)
	}
	return nil
}
