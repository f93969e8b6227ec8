package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whoever changes a branch that an RFC demands changes its line, too: go test
// says so before the long run does.
func TestInversionsApply(t *testing.T) {
	for _, i := range inversions {
		source, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(i.file)))
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(source), i.old); n != 1 {
			t.Errorf("%s: %q stands %d times in %s, want once", i.rule, i.old, n, i.file)
		}
		if i.old == i.new {
			t.Errorf("%s: nothing is turned round", i.rule)
		}
	}
}

func TestPicked(t *testing.T) {
	i := inversion{rule: "RFC 6455 §5.1: masks", file: "websocket/wire/x.go"}
	for pick, want := range map[string]bool{"5.1": true, "wire": true, "7692": false} {
		if picked(i, []string{pick}) != want {
			t.Error(pick)
		}
	}
	if !picked(i, nil) {
		t.Error("no pick takes all")
	}
}
