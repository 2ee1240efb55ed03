package cluster

// AssignSingle returns the table of a rule that one node serves alone: of those
// with a weight the one with the greatest, and of equals the smallest name. Who
// stands where in the line is so told in the byte that a weight has with other
// rules; 0 is out of the line. Names must differ.
//
// Like Assign it is a pure function, so that everybody comes to the same node by
// itself; and when the first in the line goes, all buckets move to the second at
// once.
func AssignSingle(names []string, weights []uint8) *Table {
	first := uint8(NoOwner)
	for _, i := range contenders(names, weights) { // by name
		if first == NoOwner || weights[i] > weights[first] {
			first = uint8(i)
		}
	}
	t := new(Table)
	fill(t, first)
	return t
}

// Nobody returns the table of a rule that no node serves.
func Nobody() *Table {
	t := new(Table)
	fill(t, NoOwner)
	return t
}

// LineWeight is the byte that stands for a place in the line, 1 to
// config.MaxPriority: the lower the priority, the greater.
func LineWeight(priority uint8) uint8 { return MaxWeight + 1 - min(max(priority, 1), MaxWeight) }
