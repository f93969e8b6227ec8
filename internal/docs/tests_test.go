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

// Every test that a document names is there, but for those in code, which are
// for readers to write.
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
	for _, doc := range documents(t) {
		for _, name := range testName.FindAllString(fenced.ReplaceAllString(read(t, doc), ""), -1) {
			if !have[name] {
				t.Errorf("%s names %s, which is not there", doc, name)
			}
		}
	}
	for _, doc := range []string{"docs/conformance.md", "docs/features.md", "SECURITY.md"} {
		if n := len(testName.FindAllString(read(t, doc), -1)); n < 10 {
			t.Errorf("%s names %d tests: does it still have its table?", doc, n)
		}
	}
}
