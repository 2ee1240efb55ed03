package pipeline

import "thresher/config"

// singleBucket is the bucket of ICMP echo whose owner takes what matches no rule
// where the default is single: exactly one node has it, under the same protocol
// as every other bucket.
const singleBucket = 0

// judgeNoRule is the verdict on a TCP or UDP packet under no rule. What this
// machine has a connection for is its own, whatever the default: it was opened
// from here, or let in by the default before. Of all other TCP, only what opens a
// connection is let in: the connection may be another node's, and a stack that
// does not know it would reset it.
func (t *Table) judgeNoRule(p *packet, facts Facts, lease Lease) Reason {
	isTCP := p.protocol == protocolTCP
	if isTCP && p.opens {
		return t.judgeNew(p, facts, lease)
	}
	if p.relay {
		return Copied // another node may have a connection for it
	}
	if facts.Flow.known() {
		return AcceptedOwn
	}
	if isTCP {
		return NoRule
	}
	return t.judgeNew(p, facts, lease)
}

// judgeNew is the verdict on a packet under no rule that may open a flow.
func (t *Table) judgeNew(p *packet, facts Facts, lease Lease) Reason {
	reason := t.judgeDefault(p, NoRule, lease)
	if reason == AcceptedDefault && t.Default == config.Single && facts.late(lease.Now) {
		return Late
	}
	return reason
}

// judgeDefault is what the default says of a packet under no rule; denied is the
// reason where that is deny.
func (t *Table) judgeDefault(p *packet, denied Reason, lease Lease) Reason {
	if p.relay && (t.Default == config.Pass || t.Default == config.Single) {
		return Copied
	}
	switch t.Default {
	case config.Pass:
		return AcceptedDefault
	case config.Single:
		if !t.Serving {
			return NotServing
		}
		reason := t.standing(len(t.PartOf)-1, singleBucket).judgeOwner(lease)
		if reason == Accepted {
			return AcceptedDefault
		}
		return reason
	}
	return denied
}
