package pipeline

import "thresher/config"

// Bits is a set of buckets.
type Bits [Buckets / 64]uint64

// Set adds a bucket.
func (b *Bits) Set(bucket uint16) { b[bucket/64] |= 1 << (bucket % 64) }

// Has tells whether a bucket is in the set.
func (b *Bits) Has(bucket uint16) bool { return b[bucket/64]&(1<<(bucket%64)) != 0 }

// Part is a node's part of one rule's buckets.
type Part struct {
	// Mine are the buckets that new flows may enter for as long as the node's
	// lease lasts.
	Mine Bits
	// Ask are those that the node is about to get: new flows are parked. None of
	// them is in Mine.
	Ask Bits
	// Unsettled are the buckets, whoever's, in which another node than the owner
	// has flows, or may have them. A packet that opens no flow is accepted there
	// by who has its flow, and by nobody else.
	Unsettled Bits
	// Sticky are the buckets, whoever's, where another node than the owner may have
	// had clients that it keeps.
	Sticky Bits
	// Released are those that the node has just let go of, and whose new owner may
	// not know it yet: SYNs are kept for that one (Leftover). None of them is in
	// Mine.
	Released Bits
	// Gained are those that the node lets in or has on ask, and did neither shortly
	// before Share.GainedAt: what came before then may have been another's, and answered.
	Gained Bits
	// Owners are whose the buckets are, for VIPs in mode directed; nil is AllNodes
	// for each.
	Owners *Owners
}

// unsettleAsked adds Released to Ask, and Ask and Sticky to Unsettled, so that a
// settled bucket is known by one look.
func (p *Part) unsettleAsked() {
	for i := range p.Ask {
		p.Ask[i] |= p.Released[i]
		p.Unsettled[i] |= p.Ask[i] | p.Sticky[i]
	}
}

// Table is what a queue judges by at one moment: the rules, and which buckets
// are this node's. It is never changed after NewTable; a change of the farm is
// a new Table, swapped in whole between two batches.
type Table struct {
	*Rules
	// Serving is false on a node that serves nothing.
	Serving bool
	// Release is the number of the release that parts' Released buckets are of; 0 if
	// there are none.
	Release uint64
	// GainedAt is Share's.
	GainedAt int64
	// Parts are the distinct parts of rules. In them, released buckets are on ask,
	// too, and buckets to ask about are unsettled: their flows are still another
	// node's.
	Parts []Part
	// PartOf is the index into Parts by rule number; the last one is ICMP echo's.
	PartOf []uint16
	// HalfOpen are other nodes' half-open handshakes. Only parked packets are
	// looked up in it: of all others, Facts tell.
	HalfOpen HalfOpen
	// Clients are those of whom it was lately learnt whose they are. Only parked
	// packets are looked up in it.
	Clients Clients
	// Nodes are the other nodes' Ethernet addresses, for VIPs in mode directed. What
	// comes from one of them was handed on by it.
	Nodes []config.MAC
}

// Share is this node's part of the farm: a part for each rule of the
// configuration, in its order, and one for ICMP echo, which has no flows: of it
// only Mine counts. Rules whose parts are the same pointer share it in memory.
type Share struct {
	Rules []*Part
	Echo  *Part
	// Release numbers the release of the parts' Released buckets; 0 for none.
	Release uint64
	// GainedAt is when the newest of the parts' Gained buckets were gained, in nanoseconds
	// of CLOCK_BOOTTIME; 0 if there are none.
	GainedAt int64
	// Nodes are the other nodes' Ethernet addresses, at most MaxNodes: what Owners
	// number. Farms without VIPs in mode directed need none.
	Nodes []config.MAC
}

// WithHalfOpen returns the table with another set of half-open handshakes. Both
// share everything else.
func (t *Table) WithHalfOpen(h HalfOpen) *Table {
	next := *t
	next.HalfOpen = h
	return &next
}

// NewTable joins rules and share. A nil share is a node that serves nothing.
func NewTable(r *Rules, share *Share) *Table {
	t := &Table{Rules: r}
	if share == nil {
		return t
	}
	t.Serving, t.Release, t.GainedAt, t.Nodes = true, share.Release, share.GainedAt, share.Nodes
	index := make(map[*Part]uint16)
	for _, part := range append(share.Rules[:len(share.Rules):len(share.Rules)], share.Echo) {
		i, known := index[part]
		if !known {
			i = uint16(len(t.Parts))
			index[part] = i
			t.Parts = append(t.Parts, *part)
			t.Parts[i].unsettleAsked()
		}
		t.PartOf = append(t.PartOf, i)
	}
	return t
}
