package health

import (
	"cmp"
	"slices"
	"strings"
)

// suggestions is how many names an error offers.
const suggestions = 3

// suggest says which of the names are most like the wrong one.
func suggest(wrong string, names []string) string {
	if len(names) == 0 {
		return "this machine has none but lo"
	}
	if len(names) == 1 {
		return "this machine has only " + names[0]
	}
	sorted := slices.SortedStableFunc(slices.Values(names), func(a, b string) int {
		return cmp.Compare(distance(wrong, a), distance(wrong, b))
	})
	return "nearest are " + strings.Join(sorted[:min(suggestions, len(sorted))], ", ")
}

// distance is the Levenshtein distance in bytes: how many insertions, deletions
// and replacements lead from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
