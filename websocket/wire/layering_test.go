package wire

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The package moves no bytes, has no clock and starts nothing: it imports these
// and no more, and no statement of it begins with go.
func TestLayering(t *testing.T) {
	allowed := []string{
		"crypto/rand", "crypto/sha1", "encoding/base64", "encoding/binary",
		"errors", "math", "math/bits", "strconv", "strings", "sync", "sync/atomic", "unicode/utf8",
		"github.com/wye-org/wye/websocket/wire/internal/deflate",
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no files")
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt:
				t.Errorf("%s has a %T", name, n)
			}
			return true
		})
	}
}
