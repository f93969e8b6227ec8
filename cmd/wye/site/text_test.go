package site_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wye-org/wye/cmd/wye/site"
)

// What peers sent gets into a document as text: no script of ours knows another
// way, nor sets a style that the policy forbids.
func TestScriptsWriteTextAlone(t *testing.T) {
	scripts, err := filepath.Glob("assets/*.js")
	if err != nil || len(scripts) < 5 {
		t.Fatalf("%q, %v", scripts, err)
	}
	for _, name := range scripts {
		if name == filepath.Join("assets", "uplot.js") {
			continue // it is given no text of a peer's
		}
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "createContextualFragment", "parseFromString", "eval(", "new Function", `setAttribute("style"`, `setAttribute("on`} {
			if strings.Contains(string(script), never) {
				t.Errorf("%s has %s", name, never)
			}
		}
	}
}

// Every page there is keeps to the policy: nothing of it is inline.
func TestNoPageHasAnythingInline(t *testing.T) {
	pages, err := filepath.Glob("pages/*.html")
	if err != nil || len(pages) < 3 {
		t.Fatalf("%q, %v", pages, err)
	}
	for _, name := range pages {
		path := "/" + filepath.Base(name)
		if path == "/index.html" {
			continue // TestPagesHaveNothingInline has it
		}
		s, err := site.New([]site.Endpoint{{Page: path, Title: "it"}}, "")
		if err != nil {
			t.Fatal(err)
		}
		_, page := get(mounted(s), httptest.NewRequest("GET", path, nil))
		for _, inline := range []string{"<style", " style=", "<script>", "javascript:", " onclick=", " onload="} {
			if strings.Contains(page, inline) || page == "" {
				t.Errorf("%s has %q in it", path, inline)
			}
		}
	}
}
