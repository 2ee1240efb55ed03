// Package check is one health check without what it looks at: when it runs, how
// many results in a row change its verdict, and what becomes of a run that hangs.
//
// A Machine is pure: events and the time go in, runs to begin and changes of the
// verdict come out. Whoever owns it carries the runs out and brings their results.
//
// The first success is a verdict by itself, since a node that starts waits for it.
// The first failures are not: a server that has just been started may need more
// than one run, and gets longer if its owner says so.
package check
