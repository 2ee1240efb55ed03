package confirm

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// ViewID identifies a view: a 64-bit hash of its canonical form. Zero means no
// view.
type ViewID uint64

// Member is one node of a view.
type Member struct {
	// Name is the node's name in the farm.
	Name string
	// Meta is everything about the node that assignment depends on (its weight
	// for every rule, what is withdrawn, which rules it has), as the node itself
	// tells it in its heartbeats. To this package it is opaque.
	Meta string
}

// View is a set of eligible nodes with their weights. It is never changed after
// it was made.
type View struct {
	// ID is the hash of Members.
	ID ViewID
	// Members are the nodes, sorted by name.
	Members []Member
}

// NewView returns the view of the members, which must be sorted by name. No
// members make no view: the zero View.
func NewView(members []Member) View {
	if len(members) == 0 {
		return View{}
	}
	return View{ID: viewID(members), Members: members}
}

// viewID hashes the canonical form: for each member the lengths and bytes of
// its name and its meta.
func viewID(members []Member) ViewID {
	b := append(make([]byte, 0, 512), "thresher view v1"...)
	for _, m := range members {
		b = binary.BigEndian.AppendUint32(b, uint32(len(m.Name)))
		b = append(b, m.Name...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(m.Meta)))
		b = append(b, m.Meta...)
	}
	sum := sha256.Sum256(b)
	return max(1, ViewID(binary.BigEndian.Uint64(sum[:])))
}

// Has says whether the node is a member.
func (v View) Has(name string) bool {
	_, ok := slices.BinarySearchFunc(v.Members, name, func(m Member, n string) int { return cmp.Compare(m.Name, n) })
	return ok
}

// None says whether there is no view.
func (v View) None() bool { return v.ID == 0 }

// Assign computes the buckets that a view gives to this node. It must be a pure
// function of the view, and for one view no two nodes may be given the same
// bucket, whoever computes it: safety rests on that. It is called once for each
// new view, from within the Node's methods.
type Assign func(View) Buckets
