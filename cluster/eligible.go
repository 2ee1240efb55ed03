package cluster

import (
	"fmt"
	"slices"
	"strings"
)

// Refusal says that a node that wants to serve is left out of the view.
type Refusal struct {
	// Name is the node's.
	Name string
	// Reason says why, and what to do about it.
	Reason string
}

// Eligible returns the view of the nodes that may own buckets: those that are
// alive, up, and have the farm configuration's digest. Nodes that are up but have
// another digest, or metadata that can't be read, are refused, in order of name;
// a node that is not up is just not there.
//
// Nodes with another digest are left out because they number the rules
// differently: their weights would be taken for other rules' weights. Each of two
// such groups leaves the other out, and both would serve. So there is one rule
// for who comes later: a node that is not up yet and is given any refusal must
// not go up. It keeps trying, for the farm may be on the way from one
// configuration to the next.
//
// self is this node's name. Its own member entry must be among members like any
// other; the reasons are written from its point of view.
func Eligible(self string, members []Member, digest uint64) (View, []Refusal) {
	var nodes []Node
	var refused []Refusal
	for _, m := range members {
		switch reason := refusal(self, m, digest); {
		case !m.Alive:
		case reason != "":
			refused = append(refused, Refusal{Name: m.Name, Reason: reason})
		case m.Meta.Phase == Up:
			nodes = append(nodes, Node{
				Name: m.Name, Address: m.Address.Addr(), MAC: m.Meta.MAC, Weights: m.Meta.Weights,
			})
		}
	}
	slices.SortFunc(refused, func(a, b Refusal) int { return strings.Compare(a.Name, b.Name) })
	return NewView(nodes), refused
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
