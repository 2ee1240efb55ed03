//go:build !race

package sticky

// raceEnabled is false without the race detector.
const raceEnabled = false
