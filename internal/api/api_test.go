// Package api holds a test: what the library exports is what docs/api says it
// does. A change of it is then a line in a review, and not an accident.
package api

import (
	"errors"
	"flag"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wye-org/wye/internal/golist"
)

var update = flag.Bool("update", false, "write what the packages export to docs/api")

func TestAPI(t *testing.T) {
	folder := filepath.Join(golist.Dir(t), "docs", "api")
	stale := make(map[string]bool) // files without a package
	for _, path := range glob(t, filepath.Join(folder, "*.txt")) {
		stale[path] = true
	}
	for name, got := range exported(t) {
		path := filepath.Join(folder, name+".txt")
		delete(stale, path)
		if *update {
			write(t, path, got)
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
			continue
		}
		if d := diff(string(want), got); d != "" {
			t.Errorf("docs/api/%s.txt is not what the package exports. If the change is meant, run `make api`:\n%s", name, d)
		}
	}
	for path := range stale {
		if *update {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
			continue
		}
		t.Errorf("docs/api/%s has no package: run `make api`", filepath.Base(path))
	}
}

// exported renders every package of the module that others can import, by the
// name of its file.
func exported(t *testing.T) map[string]string {
	t.Helper()
	packages := golist.Deps(t, "linux", "-export")
	exports := make(map[string]string) // files of export data
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	texts := make(map[string]string)
	for _, p := range packages {
		short, ours := strings.CutPrefix(p.ImportPath, golist.Root)
		if !ours || p.Name == "main" || strings.Contains(short+"/", "/internal/") {
			continue
		}
		file := strings.ReplaceAll(strings.TrimPrefix(short, "/"), "/", "_")
		if file == "" {
			file = p.Name
		}
		texts[file] = render(load(t, fset, imports, p))
	}
	if len(texts) == 0 {
		t.Fatal("no package to render")
	}
	return texts
}

// load reads p from its source: in its own export data the compiler has renamed
// things.
func load(t *testing.T, fset *token.FileSet, imports types.Importer, p golist.Package) *types.Package {
	t.Helper()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	config := types.Config{Importer: imports, IgnoreFuncBodies: true}
	checked, err := config.Check(p.ImportPath, fset, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return checked
}

func glob(t *testing.T, pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func write(t *testing.T, path, text string) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
