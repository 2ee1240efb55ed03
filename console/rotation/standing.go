package rotation

import "slices"

// Standing is how far a node is on the way to another key.
type Standing string

// The standings, in their order.
const (
	Rest   Standing = "rest"   // nobody is on the way to another key
	Behind Standing = "behind" // it does not know the new key
	Added  Standing = "added"  // it knows the new key, and uses the old one
	Used   Standing = "used"   // it uses the new key, and believes the old one besides
	Done   Standing = "done"   // it has the new key alone
)

// Standing is the node's, where the farm is on the way to the keys underWay.
func (n Node) Standing(underWay []string) Standing {
	switch {
	case len(underWay) == 0:
		return Rest
	case slices.Contains(underWay, n.Using) && n.Before == "":
		return Done
	case slices.Contains(underWay, n.Using):
		return Used
	case slices.Contains(underWay, n.Next):
		return Added
	}
	return Behind
}
