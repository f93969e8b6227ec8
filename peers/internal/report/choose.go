package report

import (
	"fmt"
	"slices"
	"strings"
)

// Choose returns those of all that names has, separated by commas, in its order;
// all of them if it is empty.
func Choose[T any](all []T, names string, name func(T) string) ([]T, error) {
	if names == "" {
		return slices.Clone(all), nil
	}
	var chosen []T
	for n := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(t T) bool { return name(t) == n })
		if i < 0 {
			var have []string
			for _, t := range all {
				have = append(have, name(t))
			}
			return nil, fmt.Errorf("there is no %q: want some of %s", n, strings.Join(have, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
