package supervise

import (
	"maps"
	"slices"
)

// same says whether two pictures ask for the same of the farm; what a check has
// found in detail does not count.
func same(a, b *Picture) bool {
	return a.Phase == b.Phase && a.Reason == b.Reason && a.Halted == b.Halted && a.Cause == b.Cause && a.Waits == b.Waits && a.Suspended == b.Suspended &&
		maps.Equal(a.Withdrawn, b.Withdrawn) && maps.Equal(a.Weights, b.Weights) &&
		slices.Equal(a.Services, b.Services)
}
