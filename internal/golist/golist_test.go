package golist

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDeps(t *testing.T) {
	packages := Deps(t, "linux")
	find := func(path string) Package {
		i := slices.IndexFunc(packages, func(p Package) bool { return p.ImportPath == path })
		if i < 0 {
			t.Fatalf("%s is not among %d packages", path, len(packages))
		}
		return packages[i]
	}
	if gate := find(Root + "/gate"); gate.Standard || gate.Name != "gate" || !slices.Contains(gate.Imports, "net/http") || slices.Contains(gate.Imports, "testing") {
		t.Errorf("got %+v", gate)
	}
	if std := find("net/http"); !std.Standard {
		t.Errorf("got %+v", std)
	}
}

func TestDir(t *testing.T) {
	if _, err := os.Stat(filepath.Join(Dir(t), "internal", "golist", "golist_test.go")); err != nil {
		t.Error(err)
	}
}
