package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestConnectScripts runs the transcripts in testdata/script: each is a dialogue
// with wye connect, one for each exit code and each flag. Beside testscript's
// own commands they have
//
//	exits CODE PROGRAM ARGS…   run a program that has to exit with CODE
//	interrupt CODE TEXT PROGRAM ARGS…
//	                           run a program until it has written TEXT to stdout, send it SIGINT; it has to exit with CODE
//	is FILE TEXT               what is in FILE (or stdout) is exactly TEXT, a Go string without its quotes
//
// and the addresses of the servers of connect_servers_test.go as variables.
func TestConnectScripts(t *testing.T) {
	bin := commandFolder(t)
	servers := startServers(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Vars = append(env.Vars, commandEnv...)
			for name, value := range servers.env {
				env.Setenv(name, value)
			}
			return servers.files(env.WorkDir)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":     exits,
			"interrupt": interruptWhen((*exec.Cmd).StdoutPipe),
			"is":        is,
		},
		RequireExplicitExec: true,
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// interruptWhen has pipe say which of a program's outputs is read. It leaves the
// program's input open.
func interruptWhen(pipe func(*exec.Cmd) (io.ReadCloser, error)) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 3 {
			ts.Fatalf("usage: interrupt CODE TEXT PROGRAM ARGS…")
		}
		want, err := strconv.Atoi(args[0])
		ts.Check(err)
		path := filepath.SplitList(ts.Getenv("PATH"))[0] // commandFolder's
		ctx, cancel := context.WithTimeout(context.Background(), rawPatience)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(path, args[2]), args[3:]...)
		cmd.Env = append(os.Environ(), commandEnv...)
		in, err := cmd.StdinPipe()
		ts.Check(err)
		defer in.Close()
		out, err := pipe(cmd)
		ts.Check(err)
		seen := ts.Stdout()
		if cmd.Stdout == nil { // it is stderr
			cmd.Stdout, seen = seen, ts.Stderr()
		} else {
			cmd.Stderr = ts.Stderr()
		}
		ts.Check(cmd.Start())
		lines := bufio.NewScanner(io.TeeReader(out, seen))
		sent := false
		for lines.Scan() {
			if !sent && strings.Contains(lines.Text(), args[1]) {
				sent = true
				ts.Check(cmd.Process.Signal(os.Interrupt))
			}
		}
		cmd.Wait() // the exit code is looked at next
		if got := cmd.ProcessState.ExitCode(); got != want || !sent {
			ts.Fatalf("exit code %d, want %d; interrupted: %v", got, want, sent)
		}
	}
}

func is(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: is FILE TEXT")
	}
	want, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	if got := ts.ReadFile(args[0]); got != want {
		ts.Fatalf("%s is %q, want %q", args[0], got, want)
	}
}

// commandEnv makes this test binary the command. The race detector would have
// each process wait for a second before it ends.
var commandEnv = []string{asCommand + "=1", "GORACE=atexit_sleep_ms=0"}

// commandFolder returns a folder with the command in it, which is this test
// binary under its name, given commandEnv.
func commandFolder(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	name := filepath.Join(bin, "wye"+filepath.Ext(self))
	if filepath.Ext(self) == ".test" {
		name = filepath.Join(bin, "wye")
	}
	if os.Symlink(self, name) == nil {
		return bin
	}
	// A system on which not everybody may make links.
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return bin
}
