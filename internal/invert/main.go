// Command invert breaks, one after another, the branches that implement what the
// RFCs demand, and sees to it that a test fails for each: a rule whose branch can
// be turned round without anybody noticing is not tested.
//
//	go run ./internal/invert [SECTION-OR-FILE…]
//
// It works on copies of the source, and prints for each inversion the first test
// that failed. It exits with 1 if one was not noticed, or does not apply to the
// source any more: whoever changes such a branch changes its line here.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// inversion is one branch turned round.
type inversion struct {
	rule     string // RFC and section, and what it says in a few words
	file     string
	old, new string
}

// atOnce is how many copies are worked on at the same time.
const atOnce = 2

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	failed, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "invert:", err)
	}
	if err != nil || failed > 0 {
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, picks []string) (failed int, err error) {
	work := make(chan inversion)
	var mu sync.Mutex // guards failed, done and the output
	done := 0
	var workers sync.WaitGroup
	for range atOnce {
		dir, err := copyTree(".")
		if err != nil {
			return 0, err
		}
		defer os.RemoveAll(dir)
		workers.Go(func() { // ends with work
			for i := range work {
				what, ok := try(ctx, dir, i)
				mu.Lock()
				fmt.Printf("%-8s %s: %s\n", map[bool]string{true: "noticed", false: "MISSED"}[ok], i.rule, what)
				if done++; !ok {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	for _, i := range inversions {
		if picked(i, picks) && ctx.Err() == nil {
			work <- i
		}
	}
	close(work)
	workers.Wait()
	if done == 0 {
		return 0, fmt.Errorf("no inversion matches %q", picks)
	}
	fmt.Printf("%d passed, %d failed\n", done-failed, failed)
	return failed, ctx.Err()
}

func picked(i inversion, picks []string) bool {
	for _, p := range picks {
		if strings.Contains(i.rule, p) || strings.Contains(i.file, p) {
			return true
		}
	}
	return len(picks) == 0
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)|^(panic: .*|fatal error: .*)$|(\S+\.go:\d+:\d+: .*)`)

// try makes one inversion in the copy at dir, runs the tests of its package and
// undoes it. It returns which test noticed.
func try(ctx context.Context, dir string, i inversion) (what string, noticed bool) {
	path := filepath.Join(dir, i.file)
	source, err := os.ReadFile(path)
	if err != nil {
		return err.Error(), false
	}
	if n := bytes.Count(source, []byte(i.old)); n != 1 {
		return fmt.Sprintf("%q stands %d times in %s, want once", i.old, n, i.file), false
	}
	broken := bytes.Replace(source, []byte(i.old), []byte(i.new), 1)
	if err := os.WriteFile(path, broken, 0o666); err != nil {
		return err.Error(), false
	}
	defer os.WriteFile(path, source, 0o666)

	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-failfast", "-timeout", "60s", "./"+filepath.ToSlash(filepath.Dir(i.file)))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	switch m := failure.FindSubmatch(out); {
	case err == nil:
		return "no test fails", false
	case m == nil:
		return fmt.Sprintf("%v: %.200s", err, out), false
	case m[3] != nil:
		return "it does not compile: " + string(m[3]), false
	case m[2] != nil:
		return string(m[2]), true // a test that hangs says so
	default:
		return string(m[1]), true
	}
}

// copyTree copies what go test needs of the tree at root.
func copyTree(root string) (string, error) {
	dir, err := os.MkdirTemp("", "invert")
	if err != nil {
		return "", err
	}
	return dir, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "docs") {
			return filepath.SkipDir
		}
		to := filepath.Join(dir, path)
		if d.IsDir() {
			return os.MkdirAll(to, 0o777)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o666)
	})
}
