// Package health tells whether a node can serve: whether its machine has what the
// daemon needs (facts.go), and what stands in the way or could be better
// (findings.go). Looking changes nothing.
//
// Everything looks at the network namespace of the calling thread.
package health
