package cluster

import (
	"net/netip"

	"thresher/cluster/confirm"
	"thresher/config"
)

// Node is one eligible node of a view.
type Node struct {
	// Name is the node's name, unique in the farm.
	Name string
	// Address is the address that the node gossips on.
	Address netip.Addr
	// MAC is the Ethernet address of the node's VIP interface.
	MAC config.MAC
	// Weights has the node's weight for each rule, 0 to 100, in the order of
	// the rules; 0 serves none. A rule beyond its end has weight 0.
	Weights []uint8
}

// View is the set of nodes that may own buckets. Everybody with the same view
// assigns the same buckets. A View is never changed after Resolve returned it,
// so it may be shared between goroutines. The zero value is the view of nobody.
type View struct {
	// ID names the view; 0 is "none", the view without nodes.
	ID confirm.ViewID
	// Nodes are the eligible nodes, sorted by name (bytewise).
	Nodes []Node
}

// Resolve returns the nodes that own buckets by a view of the confirmation, each
// of whose members carries its metadata (Meta.Encode), as the member itself told
// it. The result depends on the view alone: it is the same on every node.
//
// Members with different digests number the rules differently, so that only those
// of one digest can share them: of the digest that most have, and of two with as
// many the one of the first member by name. The others are left out, as is a
// member whose metadata cannot be read.
func Resolve(v confirm.View) View {
	var nodes []Node
	var digests []uint64
	count := make(map[uint64]int)
	for _, m := range v.Members {
		meta, err := DecodeMeta([]byte(m.Meta))
		if err != nil {
			continue
		}
		nodes = append(nodes, Node{Name: m.Name, Address: meta.Gossip.Addr(), MAC: meta.MAC, Weights: meta.Weights})
		digests = append(digests, meta.Digest)
		count[meta.Digest]++
	}
	var winner uint64
	for i, d := range digests {
		if i == 0 || count[d] > count[winner] {
			winner = d
		}
	}
	own := View{ID: v.ID}
	for i, d := range digests {
		if d == winner {
			own.Nodes = append(own.Nodes, nodes[i])
		}
	}
	return own
}

// Names returns the nodes' names in the view's order, as Assign wants them. The
// slice is the caller's own.
func (v View) Names() []string {
	names := make([]string, len(v.Nodes))
	for i, n := range v.Nodes {
		names[i] = n.Name
	}
	return names
}

// Weights returns the nodes' weights for the rule with the given index, in the
// view's order, as Assign wants them. The slice is the caller's own.
func (v View) Weights(rule int) []uint8 {
	weights := make([]uint8, len(v.Nodes))
	for i, n := range v.Nodes {
		if rule < len(n.Weights) {
			weights[i] = n.Weights[rule]
		}
	}
	return weights
}
