package report

import (
	"flag"
	"strings"
)

// Flags writes the flags that were set in fs as one would type them, but for out,
// which says nothing about what was measured. always are written in any case.
func Flags(fs *flag.FlagSet, always ...string) string {
	set := make(map[string]bool)
	for _, name := range always {
		set[name] = true
	}
	fs.Visit(func(f *flag.Flag) { set[f.Name] = f.Name != "out" })
	var words []string
	fs.VisitAll(func(f *flag.Flag) {
		if set[f.Name] {
			words = append(words, "-"+f.Name, f.Value.String())
		}
	})
	return strings.Join(words, " ")
}
