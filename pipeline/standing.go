package pipeline

// standing is how a node stands to a bucket: what a packet's verdict comes from.
// The kernel program has the same steps (xsk/bpf/judge.h).
type standing struct{ mine, ask, unsettled, sticky bool }

// standing looks a rule's bucket up.
func (t *Table) standing(rule int, bucket uint16) standing {
	part := &t.Parts[t.PartOf[rule]]
	unsettled := part.Unsettled.Has(bucket)
	return standing{
		mine:      part.Mine.Has(bucket),
		unsettled: unsettled,
		ask:       unsettled && part.Ask.Has(bucket),
		sticky:    unsettled && part.Sticky.Has(bucket),
	}
}

// judgeFlow is the verdict on a TCP packet that opens nothing. In a settled
// bucket the owner takes all, so that its stack can reset what nobody knows;
// elsewhere, and when the lease is over, who has the flow takes it.
func (s standing) judgeFlow(facts Facts, lease Lease) Reason {
	switch {
	case s.unsettled && facts.Flow.known():
		return AcceptedKnown
	case s.unsettled:
		return UnknownFlow
	case !s.mine:
		return NotMine
	case lease.good():
		return Accepted
	case facts.Flow.known():
		return AcceptedKnown
	}
	return Fenced
}

// judgeSYN is the verdict on a TCP packet that opens a flow. A fenced node lets
// none in; but one that is about to get the bucket has no lease yet, and parks.
func (s standing) judgeSYN(facts Facts, lease Lease) Reason {
	switch {
	case s.ask:
		return Parked
	case s.mine && !lease.good():
		return Fenced
	case s.mine && s.unsettled && facts.HalfOpen:
		return HalfOpenElsewhere
	case s.mine && s.sticky:
		return judgeClient(facts)
	case s.mine:
		return Accepted
	case s.sticky && facts.Remembered && lease.Now < lease.Grant:
		return AcceptedSticky
	case s.sticky && facts.Remembered:
		return Parked
	case s.unsettled && lease.good() && facts.Flow == FlowKnown:
		// Sent again: it belongs to who has answered it.
		return AcceptedKnown
	}
	return NotMine
}

// judgeClient is the verdict on a packet that would open a flow where other nodes
// may have had the client: who has had him keeps him.
func judgeClient(facts Facts) Reason {
	switch {
	case facts.Mine:
		return Accepted
	case facts.Elsewhere:
		return StickyElsewhere
	}
	return ParkedSticky
}

// judgeUDP is the verdict on a UDP packet, any of which may open a flow: the
// owner has it, whatever was before.
func (s standing) judgeUDP(lease Lease) Reason {
	if s.ask {
		return Parked
	}
	return s.judgeOwner(lease)
}

// judgeForwardedUDP is the verdict on a UDP packet of a rule that forwards: who
// has the flow keeps it, as with TCP. Any other packet opens one, since nothing
// in it tells, but for those of flows that another node has said to have.
func (s standing) judgeForwardedUDP(facts Facts, lease Lease) Reason {
	switch {
	case s.unsettled && facts.Flow.known():
		return AcceptedKnown
	case s.ask:
		return Parked
	case !s.mine:
		return NotMine
	case lease.good() && s.unsettled && facts.HalfOpen:
		return HalfOpenElsewhere
	case lease.good():
		return Accepted
	case facts.Flow.known():
		return AcceptedKnown
	}
	return Fenced
}

// judgeOwner is the verdict where nothing counts but whose the bucket is.
func (s standing) judgeOwner(lease Lease) Reason {
	switch {
	case !s.mine:
		return NotMine
	case lease.good():
		return Accepted
	}
	return Fenced
}
