package needs

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// recorder is a test that only notes how it ended.
type recorder struct {
	testing.TB
	end string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.end = "failed: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.end = "skipped: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// program is what a test that needs one of names gets, and how it ended if it
// did not get it.
func program(names ...string) (path, end string) {
	r := new(recorder)
	done := make(chan struct{})
	go func() { // ends with the recorded test
		defer close(done)
		path = Program(r, names...)
	}()
	<-done
	return path, r.end
}

func TestProgram(t *testing.T) {
	dir := t.TempDir()
	name := "second"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	want := filepath.Join(dir, name)
	if err := os.WriteFile(want, []byte("#!/bin/true\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)

	for _, tt := range []struct{ ci, end string }{
		{"", "skipped: needs first or third"},
		{"false", "skipped: needs first or third"},
		{"true", "failed: needs first or third, which .ci/run should have installed"},
	} {
		t.Setenv("CI", tt.ci)
		if path, end := program("first", "second"); path != want || end != "" {
			t.Errorf("CI=%q: want %s, got %q %q", tt.ci, want, path, end)
		}
		if path, end := program("first", "third"); path != "" || end != tt.end {
			t.Errorf("CI=%q: want %q, got %q %q", tt.ci, tt.end, path, end)
		}
	}
}
