package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile(`\b(?:Test|Fuzz|Example)[A-Z]\w+`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)[A-Z]\w+)\(`)
)

// Every test that the tables of rules, features and attacks name is there.
func TestNamedTestsExist(t *testing.T) {
	have := make(map[string]bool)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		for _, m := range testFunc.FindAllSubmatch(source, -1) {
			have[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{"docs/conformance.md", "docs/features.md", "SECURITY.md"} {
		names := testName.FindAllString(read(t, doc), -1)
		if len(names) < 10 {
			t.Errorf("%s names %d tests: does it still have its table?", doc, len(names))
		}
		for _, name := range names {
			if !have[name] {
				t.Errorf("%s names %s, which is not there", doc, name)
			}
		}
	}
}
