// Package rotation decides how a farm goes from one gossip key to another, or back,
// so that all its nodes understand one another at every step: a key is used by
// somebody only when everybody knows it, and forgotten by somebody only when nobody
// uses it. What the nodes have is all that is known: whoever asks them can go on from
// there, and nobody needs to remember anything.
package rotation

import (
	"errors"
	"fmt"
	"slices"

	"thresher/config"
)

// Node is what keys a node has, by config.KeyID; "" is none.
type Node struct {
	Name                string
	Using, Next, Before string
}

// Step is what comes next: something that each of the nodes is to do. When all have
// done it, the nodes are to be asked again.
type Step struct {
	Do    config.KeyStep
	ID    string
	Nodes []string
}

// ErrTooLate says that some node has no other key any more.
var ErrTooLate = errors.New("the old key is gone")

// UnderWay lists the keys that the nodes are on the way to: none where the farm is at
// rest, and more than one only if two rotations have met.
func UnderWay(nodes []Node) (ids []string) {
	for _, n := range nodes {
		if n.Next != "" {
			ids = append(ids, n.Next)
		}
		if n.Before != "" {
			ids = append(ids, n.Using)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Check says what is wrong with a rotation to the key with that id: a node that has
// a third one.
func Check(nodes []Node, id string) error {
	old := ""
	for _, n := range nodes {
		for _, key := range []string{n.Using, n.Next, n.Before} {
			switch {
			case key == "" || key == id || key == old:
			case old == "":
				old = key
			default:
				return fmt.Errorf("node %s has another key than the others", n.Name)
			}
		}
	}
	return nil
}

// Forward is the next step to the key with that id; one that names no node is that
// the farm is there.
func Forward(nodes []Node, id string) Step {
	return first(id,
		phase{config.KeyAdd, nodes, func(n Node) bool { return n.Using != id && n.Next != id }},
		phase{config.KeyUse, nodes, func(n Node) bool { return n.Using != id }},
		phase{config.KeyDrop, nodes, func(n Node) bool { return n.Before != "" }},
	)
}

// Backward is the next step away from it. The error is ErrTooLate where that would
// leave nodes behind.
func Backward(nodes []Node, id string) (Step, error) {
	for _, n := range nodes {
		if n.Using == id && n.Before == "" {
			return Step{}, fmt.Errorf("node %s: %w", n.Name, ErrTooLate)
		}
	}
	return first(id,
		phase{config.KeyBack, nodes, func(n Node) bool { return n.Using == id }},
		phase{config.KeyForget, nodes, func(n Node) bool { return n.Next == id }},
	), nil
}

// phase is a step and whom it is left to.
type phase struct {
	do    config.KeyStep
	nodes []Node
	left  func(Node) bool
}

// first is the first of the phases that is left to anybody.
func first(id string, phases ...phase) Step {
	for _, p := range phases {
		s := Step{Do: p.do, ID: id}
		for _, n := range p.nodes {
			if p.left(n) {
				s.Nodes = append(s.Nodes, n.Name)
			}
		}
		if len(s.Nodes) > 0 {
			return s
		}
	}
	return Step{}
}
