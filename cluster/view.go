package cluster

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"thresher/config"
)

// viewDomain starts the canonical form of a view, so that no other SHA-256 of
// the project can be taken for a view's. Another canonical form takes another
// number.
const viewDomain = "thresher view 1\n"

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
// assigns the same buckets. A View is never changed after NewView returned it,
// so it may be shared between goroutines. The zero value is the view of nobody.
type View struct {
	// ID names the view: a 64-bit hash of the canonical form of names and
	// weights, so of everything that assignment depends on and of nothing else.
	// 0 is reserved for "none": the view without nodes.
	ID uint64
	// Nodes are the eligible nodes, sorted by name (bytewise).
	Nodes []Node
}

// NewView returns the view of nodes, whose order does not matter and whose names
// must differ. It keeps its own copies of the slices.
func NewView(nodes []Node) View {
	if len(nodes) == 0 {
		return View{}
	}
	own := slices.Clone(nodes)
	for i := range own {
		own[i].Weights = slices.Clone(own[i].Weights)
	}
	slices.SortFunc(own, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return View{ID: viewID(own), Nodes: own}
}

// viewID is the first 8 bytes, big endian, of the SHA-256 of the canonical form:
// the domain, then for each node in order the length of its name, its name, the
// number of its weights, its weights. Lengths are 4 bytes big endian; with them
// no two views have one form. SHA-256 rather than a quick hash, because two
// views with one id would be taken for agreement.
func viewID(sorted []Node) uint64 {
	form := []byte(viewDomain)
	for _, n := range sorted {
		form = binary.BigEndian.AppendUint32(form, uint32(len(n.Name)))
		form = append(form, n.Name...)
		form = binary.BigEndian.AppendUint32(form, uint32(len(n.Weights)))
		form = append(form, n.Weights...)
	}
	sum := sha256.Sum256(form)
	// Once in 2^64 views the hash is the reserved 0.
	return max(binary.BigEndian.Uint64(sum[:]), 1)
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
