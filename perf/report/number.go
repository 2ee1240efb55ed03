package report

import (
	"math"
	"strconv"
)

// number writes a value with three digits that count, never with an exponent:
// more would not repeat in another run.
func number(v float64) string {
	size := math.Abs(v)
	digits := 0
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case size == 0:
		return "0"
	case size < 1:
		digits = 3
	case size < 10:
		digits = 2
	case size < 100:
		digits = 1
	}
	text := strconv.FormatFloat(size, 'f', digits, 64)
	if v < 0 {
		return "−" + text
	}
	return text
}

// ratio writes how often one value is in another.
func ratio(r *float64) string {
	if r == nil {
		return ""
	}
	return "×" + strconv.FormatFloat(*r, 'f', 2, 64)
}

// spread writes the smallest and largest value.
func spread(s Summary) string { return number(s.Min) + "–" + number(s.Max) }
