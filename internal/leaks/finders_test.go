package leaks

import (
	"os"
	"path/filepath"
	"testing"
)

// The two finders, on made-up files.
func TestFinders(t *testing.T) {
	for _, tt := range []struct {
		why, source string
		starts      bool
		verifies    bool
	}{
		{"a go statement", "func f() { go f() }", true, false},
		{"deep inside", "var x = func() { if true { defer func() { go func() {}() }() } }", true, false},
		{"a timer", "func f() { time.AfterFunc(time.Second, f) }", true, false},
		{"a context", "func f(ctx context.Context) { context.AfterFunc(ctx, f) }", true, false},
		{"a wait group", "func f() { var wg sync.WaitGroup; wg.Go(f) }", true, false},
		{"nothing", "func f() { f(); time.After(time.Second) }", false, false},
		{"the check", "func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }", false, true},
		{"the check with options", "func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }", false, true},
		{"a TestMain without it", "func TestMain(m *testing.M) { m.Run() }", false, false},
		{"the check where it does not run", "func testMain(m *testing.M) { goleak.VerifyTestMain(m) }", false, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte("package x\n\n"+tt.source+"\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			if where := firstStart(t, dir, []string{"x.go"}); (where == "x.go") != tt.starts {
				t.Errorf("want a start: %v, got %q", tt.starts, where)
			}
			if found := verifies(t, dir, []string{"x.go"}); found != tt.verifies {
				t.Errorf("want the check: %v, got %v", tt.verifies, found)
			}
		})
	}
}
