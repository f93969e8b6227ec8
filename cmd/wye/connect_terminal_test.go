//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// terminal is wye connect with a person at a terminal, whom the test plays.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	keys *os.File

	mu    sync.Mutex
	shown bytes.Buffer  // guarded by mu
	more  chan struct{} // closed with the next output; guarded by mu
	ended chan struct{} // there is no more output
}

func newTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(commandFolder(t), "wye"), append([]string{"connect"}, args...)...)
	cmd.Env = append(append(os.Environ(), commandEnv...), "TERM=xterm")
	keys, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{t: t, cmd: cmd, keys: keys, more: make(chan struct{}), ended: make(chan struct{})}
	go func() { // ends with the command, which closes the terminal's other side
		defer close(p.ended)
		b := make([]byte, 4096)
		for {
			n, err := keys.Read(b)
			p.mu.Lock()
			p.shown.Write(b[:n])
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.ended
		keys.Close()
	})
	return p
}

// types presses keys.
func (p *terminal) types(keys string) {
	p.t.Helper()
	if _, err := p.keys.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// shows waits for text on the screen, behind what was waited for before.
func (p *terminal) shows(text string) {
	p.t.Helper()
	late := time.After(rawPatience)
	for {
		p.mu.Lock()
		if i := bytes.Index(p.shown.Bytes(), []byte(text)); i >= 0 {
			p.shown.Next(i + len(text))
			p.mu.Unlock()
			return
		}
		more := p.more
		p.mu.Unlock()
		select {
		case <-more:
		case <-p.ended:
			p.mu.Lock()
			defer p.mu.Unlock()
			if !bytes.Contains(p.shown.Bytes(), []byte(text)) {
				p.t.Fatalf("the command ended and never showed %q, but %q", text, p.shown.String())
			}
			return
		case <-late:
			p.mu.Lock()
			defer p.mu.Unlock()
			p.t.Fatalf("the terminal lacks %q: %q", text, p.shown.String())
		}
	}
}

// exits waits for the command to end.
func (p *terminal) exits(code int) {
	p.t.Helper()
	<-p.ended
	p.cmd.Wait()
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Errorf("exit code %d, want %d: %q", got, code, p.shown.String())
	}
}

func TestConnectTerminal(t *testing.T) {
	servers := startServers(t)
	ws := servers.env["WS"]

	t.Run("lines, editing and history", func(t *testing.T) {
		p := newTerminal(t, ws+"/echo")
		p.shows("connected to ws://")
		p.shows("> ")
		p.types("helo\x1b[Dl\r") // an arrow to the left, and the l that lacks
		p.shows("< hello\r\n")
		p.types("second\r")
		p.shows("< second\r\n")
		p.types("\x1b[A\x1b[A\r") // two arrows up
		p.shows("< hello\r\n")
		p.types("\x04") // Ctrl-D
		p.shows("closed by this end: 1000")
		p.exits(0)
	})
	t.Run("commands", func(t *testing.T) {
		p := newTerminal(t, ws+"/echo")
		p.types("/ping\r")
		p.shows("pong after ")
		p.types("/binary \\x00\\xffA\r")
		p.shows(`< (binary, 3 bytes) \x00\xffA`)
		p.types("//slash\r")
		p.shows("< /slash\r\n")
		p.types("/text /ping\r")
		p.shows("< /ping\r\n")
		p.types("/bogus\r")
		p.shows(`"/bogus" is no command: /help lists them`)
		p.types("/help\r")
		p.shows("/close [CODE [REASON]]")
		p.types("/close 99\r")
		p.shows(`"99" is no close code`)
		p.types("/close 1000 bye\r")
		p.shows("closed by this end: 1000 (normal closure): bye")
		p.exits(0)
	})
	t.Run("Ctrl-C", func(t *testing.T) {
		p := newTerminal(t, ws+"/silent")
		p.shows("connected")
		p.types("half a line\x03")
		p.shows("interrupted")
		p.exits(130)
	})
	t.Run("Ctrl-C while it connects", func(t *testing.T) {
		p := newTerminal(t, "ws://"+servers.env["MUTE"]+"/")
		p.shows("> ")
		p.types("\x03")
		p.shows("interrupted")
		p.exits(130)
	})
	t.Run("the server ends it", func(t *testing.T) {
		p := newTerminal(t, ws+"/close/1008?reason=%1b[2Jout")
		p.shows(`\x1b[2Jout`)
		p.exits(6)
	})
	// The peer's escape sequences are shown and not obeyed, and its lines do
	// not pass for other messages.
	t.Run("hostile", func(t *testing.T) {
		p := newTerminal(t, ws+"/hostile")
		p.shows(`< \x1b[2Jgone\r` + "\r\n  last" + `\u202e`)
		p.shows(`< (binary, 12 bytes) \x1b]0;title\x07\x00\xff`)
		p.exits(0)
	})
	t.Run("bytes", func(t *testing.T) {
		p := newTerminal(t, "--token", "foo/2", ws+"/lines")
		p.shows(`\x1b[2Jhi\x00\xff` + "\r\n")
		p.exits(0)
	})
	t.Run("the terminal is left as it was", func(t *testing.T) {
		keys, tty, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer keys.Close()
		defer tty.Close()
		before, err := term.GetState(int(tty.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), filepath.Join(commandFolder(t), "wye"), "connect", ws+"/close/1000")
		cmd.Env = append(os.Environ(), commandEnv...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if after, err := term.GetState(int(tty.Fd())); err != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%v: before %+v, after %+v", err, before, after)
		}
	})
}
