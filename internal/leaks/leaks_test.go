// Package leaks holds a test: a package that starts goroutines, or asks for a
// function to be run on one, looks for leftovers after its tests. It has a
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
package leaks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wye-org/wye/internal/golist"
)

func TestEveryPackageThatStartsGoroutinesLooksForLeaks(t *testing.T) {
	starters := 0
	for _, p := range golist.Deps(t, "linux") {
		if p.ImportPath != golist.Root && !strings.HasPrefix(p.ImportPath, golist.Root+"/") {
			continue
		}
		line := firstStart(t, p.Dir, p.GoFiles)
		if line == "" {
			continue
		}
		starters++
		if !verifies(t, p.Dir, slices.Concat(p.TestFiles, p.XTestFiles)) {
			t.Errorf("%s: %s starts a goroutine, but no TestMain calls goleak.VerifyTestMain(m)", p.ImportPath, line)
		}
	}
	if starters == 0 {
		t.Error("no package starts a goroutine: does this test still see them?")
	}
}

// firstStart is where a goroutine is started, or "".
func firstStart(t *testing.T, dir string, files []string) (where string) {
	inspect(t, dir, files, func(fset *token.FileSet, n ast.Node) {
		start := false
		switch n := n.(type) {
		case *ast.GoStmt:
			start = true
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.SelectorExpr)
			start = ok && slices.Contains([]string{"AfterFunc", "Go"}, f.Sel.Name) // time, context, sync.WaitGroup
		}
		if start && where == "" {
			at := fset.Position(n.Pos())
			where = filepath.Base(at.Filename)
		}
	})
	return where
}

// verifies reports whether one of the test files has the TestMain.
func verifies(t *testing.T, dir string, files []string) (found bool) {
	inspect(t, dir, files, func(_ *token.FileSet, n ast.Node) {
		main, ok := n.(*ast.FuncDecl)
		if !ok || main.Name.Name != "TestMain" {
			return
		}
		ast.Inspect(main, func(n ast.Node) bool {
			f, ok := n.(*ast.SelectorExpr)
			found = found || ok && f.Sel.Name == "VerifyTestMain"
			return true
		})
	})
	return found
}

func inspect(t *testing.T, dir string, files []string, see func(*token.FileSet, ast.Node)) {
	t.Helper()
	fset := token.NewFileSet()
	for _, name := range files {
		file, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if n != nil {
				see(fset, n)
			}
			return true
		})
	}
}
