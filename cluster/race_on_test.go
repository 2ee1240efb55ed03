//go:build race

package cluster

// raceEnabled: the race detector makes the table loops some 15 times slower and
// has nothing to find in them.
const raceEnabled = true
