// Package golist asks the go command about the packages of this module, for
// tests that judge them from outside.
package golist

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Root is the module.
const Root = "github.com/wye-org/wye"

// nested are the modules below it that belong to the library too.
var nested = []string{"h3", "hub/nats", "hub/server"}

// Package is what a test may want to know about a package. What its own tests
// import is left out.
type Package struct {
	ImportPath string
	Name       string
	Dir        string
	GoFiles    []string // in Dir
	TestFiles  []string `json:"TestGoFiles"`  // in Dir, of the package
	XTestFiles []string `json:"XTestGoFiles"` // in Dir, of package …_test
	Standard   bool     // of the standard library
	Imports    []string // directly
	Export     string   // the file of export data, if it was asked for
}

// Deps returns the packages of the library and all that they import, as they
// are built for a system such as linux. It passes flags on to `go list`.
func Deps(t testing.TB, system string, flags ...string) []Package {
	t.Helper()
	dependOnSources(t)
	// The root module stands alone, as for those who require it; the others
	// need the workspace to find it.
	packages := list(t, system, "off", append(slices.Clone(flags), Root+"/..."))
	for _, module := range nested {
		for _, p := range list(t, system, filepath.Join(Dir(t), "go.work"), append(slices.Clone(flags), Root+"/"+module+"/...")) {
			if !slices.ContainsFunc(packages, func(q Package) bool { return q.ImportPath == p.ImportPath }) {
				packages = append(packages, p)
			}
		}
	}
	return packages
}

func list(t testing.TB, system, workspace string, args []string) []Package {
	t.Helper()
	args = append([]string{"list", "-deps", "-json=ImportPath,Name,Dir,GoFiles,TestGoFiles,XTestGoFiles,Standard,Imports,Export"}, args...)
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK="+workspace, "GOFLAGS=")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []Package
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p Package
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}

// Dir is the module's folder.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	for ; err == nil; dir = filepath.Dir(dir) {
		text, readErr := os.ReadFile(filepath.Join(dir, "go.mod"))
		if readErr == nil && strings.HasPrefix(string(text), "module "+Root+"\n") {
			return dir
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("no go.mod of " + Root + " above the test")
		}
	}
	t.Fatal(err)
	return ""
}

// dependOnSources looks at every Go file of the module. `go test` remembers
// what a test looked at and runs it again when that changed; what a command
// that the test starts looks at, it does not see.
func dependOnSources(t testing.TB) {
	t.Helper()
	err := filepath.WalkDir(Dir(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".go" {
			os.Stat(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
