package api

import "strings"

// diff is what changed from old to new, line by line: "-" before a line that
// went, "+" before one that came, and each change under the last unindented
// line before it, which says what it belongs to. It is empty where nothing did.
func diff(old, new string) string {
	a, b := strings.Split(old, "\n"), strings.Split(new, "\n")
	// common[i][j] is the length of the longest common subsequence of a[i:] and
	// b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var d strings.Builder
	owner, shown := "", true
	line := func(sign, s string) {
		if !shown && strings.HasPrefix(s, "\t") {
			d.WriteString("  " + owner + "\n")
		}
		shown = true
		d.WriteString(sign + s + "\n")
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			if !strings.HasPrefix(a[i], "\t") {
				owner, shown = a[i], false
			}
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			line("- ", a[i])
			i++
		default:
			line("+ ", b[j])
			j++
		}
	}
	return d.String()
}
