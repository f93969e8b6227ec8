// Package layering holds a test: who may import whom, as the table in
// rules_test.go has it.
package layering

import (
	"slices"
	"strings"
	"testing"

	"github.com/wye-org/wye/internal/golist"
)

func TestLayering(t *testing.T) {
	// A package may import more on one system than on another.
	for _, system := range []string{"linux", "darwin", "windows"} {
		t.Run(system, func(t *testing.T) {
			g := list(t, system)
			for _, fault := range check(rules, g) {
				t.Error(fault)
			}
		})
	}
}

// list is the module's packages and all that they import.
func list(t *testing.T, system string) graph {
	t.Helper()
	g := make(graph)
	for _, p := range golist.Deps(t, system) {
		g[p.ImportPath] = p
	}
	return g
}

// The check itself, on made-up imports.
func TestCheck(t *testing.T) {
	rules := map[string]rule{
		"":           {why: "the top is alone"},
		"mid":        {why: "mid joins", own: []string{"", "leaf", "pure", "pure/table"}, third: []string{"example.org/a", "example.org/b/..."}},
		"leaf":       {why: "leaf is a leaf", third: []string{"example.org/a"}},
		"pure":       {why: "pure is told the time", own: []string{"pure/table"}, noStd: []string{"time", "net"}},
		"pure/table": {why: "table is data"},
	}
	for _, tt := range []struct {
		why  string
		add  map[string][]string // further imports
		want []string            // what the faults contain, one each
	}{
		{"as it should be", nil, nil},
		{"upwards", map[string][]string{root + "/leaf": {root}}, []string{"wye/leaf → " + root + ": not allowed, for leaf is a leaf"}},
		{"the top knows one below", map[string][]string{root: {root + "/mid"}}, []string{root + " → " + root + "/mid: not allowed, for the top is alone"}},
		{"ours through ours", map[string][]string{root + "/pure/table": {root + "/leaf"}}, []string{
			"wye/pure → " + root + "/pure/table → " + root + "/leaf: not allowed", "wye/pure/table → " + root + "/leaf: not allowed",
		}},
		{"the standard library, directly", map[string][]string{root + "/pure": {"time"}}, []string{"wye/pure → time: not allowed, for pure is told the time"}},
		{"the standard library, through a package of ours", map[string][]string{root + "/pure/table": {"net"}}, []string{"wye/pure → " + root + "/pure/table → net: not allowed"}},
		{"the standard library, through itself, is fine", map[string][]string{root + "/pure": {"errors"}, "errors": {"time"}}, nil},
		{"the standard library, through another's package, is fine", map[string][]string{"example.org/a": {"time"}}, nil},
		{"another's package", map[string][]string{root + "/leaf": {"example.org/b/deep"}}, []string{"wye/leaf → example.org/b/deep: not allowed"}},
		{"another's package through another's", map[string][]string{"example.org/a": {"example.org/c"}}, []string{
			"wye/leaf → example.org/a → example.org/c: not allowed", "wye/mid → " + root + "/leaf → example.org/a → example.org/c: not allowed",
		}},
		{"a name that only begins like ours", map[string][]string{root + "/leaf": {root + "s/leaf"}}, []string{
			"wye/leaf → " + root + "s/leaf: not allowed", "wye/mid → " + root + "/leaf → " + root + "s/leaf: not allowed",
		}},
		{"a package without a rule", map[string][]string{root + "/new": {"errors"}}, []string{root + "/new has no rule"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			g := graph{}
			for path, imports := range map[string][]string{
				root:                 {"net/http"},
				root + "/mid":        {root, root + "/leaf", root + "/pure", "example.org/b/deep", "time"},
				root + "/leaf":       {"example.org/a", "net"},
				root + "/pure":       {"errors", root + "/pure/table"},
				root + "/pure/table": {},
			} {
				g[path] = golist.Package{ImportPath: path, Imports: imports}
			}
			for _, std := range []string{"errors", "time", "net", "net/http"} {
				g[std] = golist.Package{ImportPath: std, Standard: true}
			}
			for path, imports := range tt.add {
				p := g[path]
				g[path] = golist.Package{ImportPath: path, Standard: p.Standard, Imports: slices.Concat(p.Imports, imports)}
			}
			faults := check(rules, g)
			for _, want := range tt.want {
				if !slices.ContainsFunc(faults, func(s string) bool { return strings.Contains(s, want) }) {
					t.Errorf("want %q, got %q", want, faults)
				}
			}
			if len(faults) != len(tt.want) {
				t.Errorf("want %d faults, got %d: %q", len(tt.want), len(faults), faults)
			}
		})
	}
	if faults := check(map[string]rule{"gone": {}}, graph{}); len(faults) != 1 || !strings.Contains(faults[0], `"gone" has no package`) {
		t.Errorf("a rule without a package: got %q", faults)
	}
}
