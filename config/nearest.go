package config

import "strings"

// nearest returns the word that a misspelt one most likely stands for, and
// false if none is close: not even a beginning of it, and more than a third of
// its letters (two at least) would have to change.
func nearest(wrong string, words []string) (string, bool) {
	wrong = strings.ToLower(wrong)
	best, bestCost := "", max(2, len(wrong)/3)+1
	for _, w := range words {
		if len(wrong)-len(w) > bestCost {
			continue // and a key of a megabyte costs nothing
		}
		cost := distance(wrong, w)
		if abbreviates(wrong, w) {
			cost = min(cost, 2)
		}
		if cost < bestCost && cost < len(w) {
			best, bestCost = w, cost
		}
	}
	return best, best != ""
}

// abbreviates reports whether one of the words is a beginning of the other, of
// three letters at least ("prot", "vips" for "vip").
func abbreviates(a, b string) bool {
	if min(len(a), len(b)) < 3 {
		return false
	}
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// distance returns how many bytes must be inserted, removed, replaced or
// swapped with their neighbour to make b out of a (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			rows[i][j] = step(rows, a, b, i, j)
		}
	}
	return rows[len(a)][len(b)]
}

// step is the cheapest way to the first i bytes of a and the first j of b.
func step(rows [][]int, a, b string, i, j int) int {
	change := 1
	if a[i-1] == b[j-1] {
		change = 0
	}
	cost := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
	if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
		cost = min(cost, rows[i-2][j-2]+1)
	}
	return cost
}
