//go:build race

package sticky

// raceEnabled makes tests do less: the race detector slows them tenfold, and
// there is one goroutine in here to watch.
const raceEnabled = true
