package site_test

import (
	"crypto/sha256"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// What others wrote is embedded as they published it: its sums are written down
// where the dependency is.
func TestEmbeddedLibrariesAreAsTheyWerePublished(t *testing.T) {
	said, err := os.ReadFile("../../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	mux := mounted(newSite(t))
	for _, name := range []string{"uplot.js", "uplot.css", "uplot-license.txt"} {
		res, content := get(mux, httptest.NewRequest("GET", "/assets/"+name, nil))
		line := fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(content)), name)
		if res.StatusCode != 200 || !strings.Contains(string(said), line) {
			t.Errorf("%s: docs/dependencies.md does not have %s", res.Status, line)
		}
	}
	if _, license := get(mux, httptest.NewRequest("GET", "/assets/uplot-license.txt", nil)); !strings.Contains(license, "The MIT License") {
		t.Error("the licence is missing")
	}
}
