package cluster

import (
	"fmt"
	"slices"
	"strings"
)

// Refusal says why this node and another cannot serve in one farm.
type Refusal struct {
	// Name is the node's.
	Name string
	// Reason says why, and what to do about it.
	Reason string
}

// Refused returns who has another farm configuration than this node, or speaks
// so that it cannot be understood, in order of name.
//
// Nodes with different digests number the rules differently: their weights would
// be taken for other rules' weights, so that only one kind of them can share the
// buckets (Resolve). The newcomer is the one to yield: a node that is not up yet
// and is given any refusal must not go up. It keeps trying, for the farm may be
// on the way from one configuration to the next.
//
// self is this node's name, from whose point of view the reasons are written.
func Refused(self string, members []Member, digest uint64) []Refusal {
	var refused []Refusal
	for _, m := range members {
		if reason := refusal(self, m, digest); m.Alive && reason != "" {
			refused = append(refused, Refusal{Name: m.Name, Reason: reason})
		}
	}
	slices.SortFunc(refused, func(a, b Refusal) int { return strings.Compare(a.Name, b.Name) })
	return refused
}

// refusal returns why a live member is left out although it may be serving, or
// "".
func refusal(self string, m Member, digest uint64) string {
	if m.Err != nil {
		return fmt.Sprintf("what it says of itself cannot be read (%v): run the same release on all nodes", m.Err)
	}
	if m.Meta.Phase != Up || m.Meta.Digest == digest {
		return ""
	}
	return fmt.Sprintf("farm config differs: digest %016x, %s has %016x: make vips and rules alike on all nodes",
		m.Meta.Digest, self, digest)
}
