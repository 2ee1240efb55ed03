package pipeline

// Bits is a set of buckets.
type Bits [Buckets / 64]uint64

// Set adds a bucket.
func (b *Bits) Set(bucket uint16) { b[bucket/64] |= 1 << (bucket % 64) }

// Has tells whether a bucket is in the set.
func (b *Bits) Has(bucket uint16) bool { return b[bucket/64]&(1<<(bucket%64)) != 0 }

// Table is what a queue judges by at one moment: the rules, and which buckets
// are this node's. It is never changed after NewTable; a change of the farm is
// a new Table, swapped in whole between two batches.
type Table struct {
	*Rules
	// Serving is false on a node that serves nothing.
	Serving bool
	// Sets are the distinct sets of buckets that are this node's.
	Sets []Bits
	// SetOf is the index into Sets by rule number; the last one is ICMP echo's.
	SetOf []uint16
}

// Share is this node's part of the farm: a bucket set for each rule of the
// configuration, in its order, and one for ICMP echo. Rules whose sets are the
// same value share it in memory.
type Share struct {
	Rules []*Bits
	Echo  *Bits
}

// NewTable joins rules and share. A nil share is a node that serves nothing.
func NewTable(r *Rules, share *Share) *Table {
	t := &Table{Rules: r}
	if share == nil {
		return t
	}
	t.Serving = true
	index := make(map[*Bits]uint16)
	for _, bits := range append(share.Rules[:len(share.Rules):len(share.Rules)], share.Echo) {
		i, known := index[bits]
		if !known {
			i = uint16(len(t.Sets))
			index[bits] = i
			t.Sets = append(t.Sets, *bits)
		}
		t.SetOf = append(t.SetOf, i)
	}
	return t
}

// has tells whether a rule's bucket is this node's.
func (t *Table) has(rule int, bucket uint16) Reason {
	if !t.Serving {
		return NotServing
	}
	if !t.Sets[t.SetOf[rule]].Has(bucket) {
		return NotMine
	}
	return Accepted
}

// hasEcho tells the same of ICMP echo requests.
func (t *Table) hasEcho(bucket uint16) Reason {
	reason := t.has(len(t.SetOf)-1, bucket)
	if reason == Accepted {
		return AcceptedEcho
	}
	return reason
}
