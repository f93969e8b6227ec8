package layering

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wye-org/wye/internal/golist"
)

// graph has every package that is built, by its import path.
type graph map[string]golist.Package

// check returns a sentence for each import that the rules do not allow, each
// package that has no rule and each rule that has no package.
func check(rules map[string]rule, g graph) []string {
	var faults []string
	seen := make(map[string]bool)
	for _, path := range slices.Sorted(maps.Keys(g)) {
		short, ours := own(path)
		if !ours {
			continue
		}
		seen[short] = true
		r, ok := rules[short]
		if !ok {
			faults = append(faults, fmt.Sprintf("%s has no rule: say in rules_test.go what it is for and what it may import", path))
			continue
		}
		faults = append(faults, checkPackage(r, g, path)...)
	}
	for _, short := range slices.Sorted(maps.Keys(rules)) {
		if !seen[short] {
			faults = append(faults, fmt.Sprintf("the rule for %q has no package", short))
		}
	}
	return faults
}

// checkPackage walks all that path imports, breadth first, so that the way it
// reports is the shortest. It does not enter the standard library: what that
// imports in turn is its own affair.
func checkPackage(r rule, g graph, path string) []string {
	var faults []string
	from := map[string]string{path: ""} // who was first to import it
	for queue := []string{path}; len(queue) > 0; queue = queue[1:] {
		importer := queue[0]
		_, importerOurs := own(importer)
		for _, p := range g[importer].Imports {
			if _, again := from[p]; again {
				continue
			}
			if g[p].Standard {
				if importerOurs && slices.Contains(r.noStd, p) {
					faults = append(faults, fault(r, from, importer, p))
				}
				continue
			}
			from[p] = importer
			if !r.allows(p) {
				faults = append(faults, fault(r, from, importer, p))
				continue // what lies behind it is no further fault
			}
			queue = append(queue, p)
		}
	}
	return faults
}

func (r rule) allows(path string) bool {
	if short, ours := own(path); ours {
		return slices.Contains(r.own, short)
	}
	return slices.ContainsFunc(r.third, func(allowed string) bool {
		prefix, below := strings.CutSuffix(allowed, "...")
		return path == allowed || below && strings.HasPrefix(path, prefix)
	})
}

func fault(r rule, from map[string]string, importer, path string) string {
	way := path
	for p := importer; p != ""; p = from[p] {
		way = p + " → " + way
	}
	return way + ": not allowed, for " + r.why
}

// own is path below the module, if it is there.
func own(path string) (short string, ours bool) {
	if path == root {
		return "", true
	}
	return strings.CutPrefix(path, root+"/")
}
