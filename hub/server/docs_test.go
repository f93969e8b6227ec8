package server_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const document = "../../docs/hub-server.md"

// The document's tables of codes have those of codes.go, and no other.
func TestCodesAreInTheDocument(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes, rows []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.INT {
				codes = append(codes, lit.Value)
			}
		}
		return true
	})
	for _, m := range regexp.MustCompile(`(?m)^\| (1\d\d|3\d\d\d) \|`).FindAllStringSubmatch(string(text), -1) {
		rows = append(rows, m[1])
	}
	rows = append(rows, "2000", "2501") // in a sentence
	for _, code := range []string{"2000", "2501"} {
		if !strings.Contains(string(text), code+" if") {
			t.Errorf("nothing is said of %s", code)
		}
	}
	slices.Sort(codes)
	slices.Sort(rows)
	if len(codes) < 20 || fmt.Sprint(codes) != fmt.Sprint(rows) {
		t.Errorf("the document has %v\nthe source   %v", rows, codes)
	}
}
