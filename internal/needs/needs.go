// Package needs is for tests of what another program does: a browser, curl.
// Not everybody has each of them, but the gate must not take their absence for
// a success.
package needs

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Program returns the path of the first of the programs, which are names of the
// same one, that is installed. Where none is, it skips the test; with CI=true in
// the environment it fails it, since there .ci/run installs what is needed.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing := strings.Join(names, " or ")
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s, which .ci/run should have installed", missing)
	}
	t.Skipf("needs %s", missing)
	return ""
}
