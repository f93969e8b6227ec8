package servertest

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/wye-org/wye/internal/needs"
)

// Script is a program of node's that has the npm SDK, and talks in lines.
type Script struct {
	t     testing.TB
	Lines <-chan string // of its output; closed at its end
	in    io.WriteCloser
}

// NewScript starts one of testdata/node. Where node or its packages are missing it
// skips the test, or with CI=true fails it.
func NewScript(ctx context.Context, t testing.TB, name string, args ...string) *Script {
	t.Helper()
	node := needs.Program(t, "node", "nodejs")
	_, file, _, _ := runtime.Caller(0)
	folder := filepath.Join(filepath.Dir(file), "testdata", "node")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "centrifuge")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("needs npm ci in %s, which .ci/run should have done", folder)
		}
		t.Skipf("needs npm ci in %s", folder)
	}
	cmd := exec.CommandContext(ctx, node, append([]string{filepath.Join(folder, name)}, args...)...)
	cmd.Dir = folder
	var stderr strings.Builder
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
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
	lines := make(chan string, 1000)
	done := make(chan struct{})
	go func() { // ends with the program, which the test's end kills
		defer close(done)
		defer close(lines)
		r := bufio.NewScanner(out)
		for r.Scan() {
			lines <- r.Text()
		}
		if err := cmd.Wait(); err != nil && ctx.Err() == nil {
			t.Errorf("%s: %v\n%s", name, err, stderr.String())
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		for range lines {
		}
		<-done
	})
	return &Script{t, lines, in}
}

// Say sends the program a line.
func (s *Script) Say(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		s.t.Error(err)
	}
}
