//go:build !race

package search

// raceEnabled is false without the race detector.
const raceEnabled = false
