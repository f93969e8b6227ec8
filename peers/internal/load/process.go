package load

import (
	"bufio"
	"context"
	"errors"
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

// A Process is a server that runs.
type Process struct {
	Addr string

	cmd  *exec.Cmd
	done chan struct{}
}

// Start runs a server on the first core, and waits until it listens. What it
// prints after that is printed.
func Start(ctx context.Context, command []string) (*Process, error) {
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
	p := &Process{cmd: cmd, done: make(chan struct{})}
	lines := bufio.NewReader(stderr)
	var printed strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if _, addr, ok := strings.Cut(line, "listening on http://"); ok {
			p.Addr = strings.TrimSpace(addr)
			break
		}
		printed.WriteString(line)
		if err != nil {
			_ = cmd.Wait()
			return nil, fmt.Errorf("%s ended before it listened: %s", strings.Join(command, " "), &printed)
		}
	}
	go func() { // ends with the process; Stop waits for it
		defer close(p.done)
		_, _ = io.Copy(os.Stderr, lines) // a panic's text, say
	}()
	return p, nil
}

// Stop ends the server.
func (p *Process) Stop() {
	_ = p.cmd.Process.Kill()
	<-p.done
	_ = p.cmd.Wait()
}

// CPU is the time on a core, in user and kernel mode, of all threads so far.
func (p *Process) CPU() (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("process %d has ended", p.cmd.Process.Pid)
	}
	var sum time.Duration
	for _, task := range tasks {
		d, err := schedstat(task)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum, nil
}

// ThreadCPU is that of the calling thread.
func ThreadCPU() (time.Duration, error) { return schedstat("/proc/thread-self/schedstat") }

func schedstat(path string) (time.Duration, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(b), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	return time.Duration(ns), err
}

// Modes is the CPU time so far in user and in kernel mode. It comes in hundredths
// of a second, and how it is divided is a sample.
func (p *Process) Modes() (user, kernel time.Duration, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	return modes(string(b))
}

// modes reads /proc/PID/stat, whose second field is a name in parentheses that
// may have anything in it.
func modes(stat string) (user, kernel time.Duration, err error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, 0, fmt.Errorf("/proc/PID/stat has too little: %q", stat)
	}
	u, err1 := strconv.ParseInt(fields[11], 10, 64)
	k, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(u) * tick, time.Duration(k) * tick, errors.Join(err1, err2)
}

// tick is what /proc counts CPU time in: USER_HZ is 100 on every system that Go
// runs on.
const tick = 10 * time.Millisecond

// Memory is the resident memory, in bytes.
func (p *Process) Memory() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return kilobytes(string(b), "VmRSS:")
}

// SettledMemory is the resident memory after a server that can has given back
// what it does not use.
func (p *Process) SettledMemory() (int64, error) {
	for range 3 {
		if resp, err := http.Get("http://" + p.Addr + "/free"); err == nil {
			resp.Body.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return p.Memory()
}

// kilobytes finds name in a text of lines like "VmRSS:  12 kB", in bytes.
func kilobytes(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			kb, err := strconv.ParseInt(number, 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("there is no %q", name)
}

// Pin puts the calling goroutine on a thread of its own, on the second core.
func Pin() error {
	runtime.LockOSThread()
	out, err := exec.Command("taskset", "-pc", "1", strconv.Itoa(syscall.Gettid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("two cores are needed, one for the server and one for the load: %s", out)
	}
	return nil
}

// RaiseDescriptors asks for as many as the process may have, which servers
// inherit, and says how many.
func RaiseDescriptors() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	return int(limit.Max), syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
