package conform

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Catalogue returns the cases for one end, in the order of their ids. The slice
// is the caller's; the cases are shared and must not be changed.
func Catalogue(end End) []*Case {
	var out []*Case
	for _, c := range wholeCatalogue() {
		if c.ends()&end != 0 {
			out = append(out, c)
		}
	}
	return out
}

var wholeCatalogue = sync.OnceValue(func() []*Case {
	var cases []*Case
	for _, group := range []func() []Case{
		framingCases, pingCases, reservedBitCases, opcodeCases, fragmentCases,
		utf8Cases, utf8StressCases, closingCases, performanceCases, compressionCases,
		openingServerCases, openingClientCases, subprotocolCases,
		offerCases, answerCases, windowCases, compressedFrameCases,
		maskingCases, economyCases, endingCases, hostileCases,
	} {
		for _, c := range group() {
			cases = append(cases, &c)
		}
	}
	slices.SortStableFunc(cases, func(a, b *Case) int { return compareIDs(a.ID, b.ID) })
	return cases
})

// compareIDs orders ids by their numbers: 2.9 stands before 2.10.
func compareIDs(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x - y
		}
	}
	return len(as) - len(bs)
}

// Select keeps the cases that match one of the patterns in only, or all where
// there is none, less those that match one in except. A pattern is an id, whose
// parts may have the wildcards of [path.Match] and whose trailing parts may be
// left out: 6, 6.4 and 6.*.1 are patterns. One that matches no case is an error.
func Select(cases []*Case, only, except []string) ([]*Case, error) {
	for _, p := range slices.Concat(only, except) {
		ok, err := matchesAny(cases, p)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("no case matches %q: --list shows them all", p)
		}
	}
	var out []*Case
	for _, c := range cases {
		if (len(only) == 0 || matchesOne(c.ID, only)) && !matchesOne(c.ID, except) {
			out = append(out, c)
		}
	}
	return out, nil
}

func matchesAny(cases []*Case, pattern string) (bool, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return false, fmt.Errorf("the pattern %q cannot be read: %w", pattern, err)
	}
	return slices.ContainsFunc(cases, func(c *Case) bool { return matchID(pattern, c.ID) }), nil
}

func matchesOne(id string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matchID(p, id) })
}

// matchID matches part by part, so that a * stays within its part unless it is
// the last.
func matchID(pattern, id string) bool {
	ps, parts := strings.Split(pattern, "."), strings.Split(id, ".")
	if len(ps) > len(parts) {
		return false
	}
	for i, p := range ps {
		if ok, err := path.Match(p, parts[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
