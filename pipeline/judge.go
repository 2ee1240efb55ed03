package pipeline

import (
	"encoding/binary"

	"thresher/config"
)

// BatchSize is how many frames are judged together at most: as many as a queue
// takes from its ring at once.
const BatchSize = 64

// JudgeBatch writes the reason for each frame into reasons; facts and reasons
// must be at least as long as frames. The lease is the batch's: its clock is
// read before the first frame is judged.
func (t *Table) JudgeBatch(frames [][]byte, facts []Facts, lease Lease, reasons []Reason) {
	facts, reasons = facts[:len(frames)], reasons[:len(frames)]
	for i, frame := range frames {
		reasons[i] = t.Judge(frame, facts[i], lease)
	}
}

// Judge decides about one Ethernet frame, and touches nothing.
func (t *Table) Judge(frame []byte, facts Facts, lease Lease) Reason {
	if len(frame) < ethernetLen {
		return Other
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherTypeIPv4:
		return t.judge4(frame, frame[ethernetLen:], facts, lease, false)
	case etherTypeARP:
		return t.judgeARP(frame, ethernetLen)
	case etherTypeIPv6:
		return t.judge6(frame, frame[ethernetLen:], facts, lease, false)
	case etherTypeVLAN:
		return t.judgeTagged(frame, facts, lease)
	}
	return Other
}

// JudgeFirst is Judge of a frame whose reason is Fragment, and which is the first
// one of its datagram: by its ports, as if it were whole. A later one is a Fragment
// here, too.
func (t *Table) JudgeFirst(frame []byte, facts Facts, lease Lease) Reason {
	if len(frame) < ethernetLen {
		return Other
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherTypeIPv4:
		return t.judge4(frame, frame[ethernetLen:], facts, lease, true)
	case etherTypeIPv6:
		return t.judge6(frame, frame[ethernetLen:], facts, lease, true)
	}
	return Other
}

// judge4 tells VIP packets from others before anything else is looked at: what
// is not for a VIP must pass however odd it is. first is packet's.
func (t *Table) judge4(frame, ip []byte, facts Facts, lease Lease, first bool) Reason {
	if len(ip) < ipv4MinLen {
		return t.stray(frame)
	}
	vip, ok := t.VIPs.find(binary.LittleEndian.Uint32(ip[16:]))
	if !ok {
		return t.stray(frame)
	}
	dst := config.MAC(frame[:6])
	if !t.takes(dst, vip) {
		return Other
	}
	if ip[9] == protocolProbe && dst != t.NIC {
		return Other // The kernel program has given it another EtherType.
	}
	p := packet{first: first, relay: t.relays(frame, vip)}
	if reason := p.parse4(ip); reason != Accepted {
		return t.judgeUnparsed(&p, reason, lease)
	}
	return t.judgeParsed(&p, vip, ip, facts, lease)
}

// judge6 is the same for IPv6. Neighbour discovery comes before everything: it is
// what ARP is to IPv4, never balanced and never dropped.
func (t *Table) judge6(frame, ip []byte, facts Facts, lease Lease, first bool) Reason {
	if len(ip) < ipv6Len {
		return t.stray(frame)
	}
	p := packet{first: first}
	payload, reason := p.walk6(ip)
	if reason == Accepted && p.isNeighbour(payload) {
		return t.judgeNeighbour(frame)
	}
	vip, ok := t.VIPs6.find(address6(ip[24:]))
	if !ok {
		return t.stray(frame)
	}
	dst := config.MAC(frame[:6])
	if !t.takes(dst, vip) {
		return Other
	}
	if ip[6] == protocolProbe && dst != t.NIC {
		return Other // The kernel program has given it another EtherType.
	}
	p.relay = t.relays(frame, vip)
	if reason = p.parse6(ip, payload, reason); reason != Accepted {
		return t.judgeUnparsed(&p, reason, lease)
	}
	return t.judgeParsed(&p, vip, ip, facts, lease)
}

// judgeUnparsed is the verdict on a packet that no rule can be for, or on a part of
// a datagram.
func (t *Table) judgeUnparsed(p *packet, reason Reason, lease Lease) Reason {
	switch {
	case reason == OtherProtocol:
		return t.judgeDefault(p, reason, lease)
	case reason == Fragment && p.relay:
		return Copied
	}
	return reason
}

func (t *Table) judgeParsed(p *packet, vip int, ip []byte, facts Facts, lease Lease) Reason {
	if p.protocol == protocolICMP || p.protocol == protocolICMPv6 {
		return t.judgeICMP(p, vip, ip, facts, lease)
	}
	return t.judgeFlow(p, vip, facts, lease)
}

// stray is a frame that is for no VIP: dropped if it was sent to a VMAC.
func (t *Table) stray(frame []byte) Reason {
	if config.MAC(frame[:6]) != t.NIC && t.isVMAC(frame) {
		return NotVIP
	}
	return Other
}

// judgeFlow finds the rule of a TCP or UDP packet and judges it by its bucket.
func (t *Table) judgeFlow(p *packet, vip int, facts Facts, lease Lease) Reason {
	ports := t.TCP
	if p.protocol == protocolUDP {
		ports = t.UDP
	}
	rule := ports.find(vip, p.dstPort)
	if rule >= RuleBlock {
		if rule == RuleBlock {
			return Blocked
		}
		return t.judgeNoRule(p, facts, lease)
	}
	if !t.Serving {
		return NotServing
	}
	bucket := t.bucketOf(p, int(rule))
	if p.relay {
		if reason := t.relayed(int(rule), bucket); reason != Other {
			return reason
		}
	}
	s := t.standing(int(rule), bucket)
	if !p.opens {
		return s.judgeFlow(facts, lease)
	}
	var reason Reason
	switch {
	case p.protocol != protocolUDP:
		reason = s.judgeSYN(facts, lease)
	case t.Forward[rule]:
		reason = s.judgeForwardedUDP(facts, lease)
	default:
		reason = s.judgeUDP(lease)
	}
	if (reason == Accepted || reason == Parked || reason == AcceptedSticky || reason == ParkedSticky) &&
		(facts.late(lease.Now) || t.wasAnothers(int(rule), bucket, facts, lease.Now)) {
		return Late
	}
	return reason
}

// wasAnothers says whether a packet may have come while its bucket was another node's,
// and so have been answered by that one: it waited to be read until this node had gained
// the bucket. Gains of long ago tell nothing, since what is so old is late.
func (t *Table) wasAnothers(rule int, bucket uint16, facts Facts, now int64) bool {
	return now-t.GainedAt <= int64(LotAge) && facts.early(t.GainedAt) && t.Parts[t.PartOf[rule]].Gained.Has(bucket)
}

// bucketOf is the bucket of a rule's packet. An IPv6 packet has no identification.
func (r *Rules) bucketOf(p *packet, rule int) uint16 {
	what := &r.Hashed[rule]
	if p.six {
		return r.hash.bucket6(p.src6[0]&what.Mask6[0], p.src6[1]&what.Mask6[1], p.srcPort&what.Port6)
	}
	return r.hash.bucket4(client4(p.src, p.srcPort, p.id) & what.Mask4)
}

// judgeICMP places echo requests by the client's address, so that one node
// answers, and errors by the flow that they are about.
func (t *Table) judgeICMP(p *packet, vip int, ip []byte, facts Facts, lease Lease) Reason {
	switch {
	case p.isEcho():
		if !t.Serving {
			return NotServing
		}
		return t.judgeEcho(p, lease)
	case p.isICMPError() && p.relay:
		return Copied
	case p.isICMPError():
		q := packet{six: p.six}
		return t.judgeError(&q, q.quoted(ip, p.icmp), vip, facts)
	}
	return t.judgeDefault(p, OtherICMP, lease)
}

func (t *Table) judgeEcho(p *packet, lease Lease) Reason {
	echo, bucket := len(t.PartOf)-1, p.bucket(&t.hash, 0)
	if p.relay {
		if reason := t.relayed(echo, bucket); reason != Other {
			return reason
		}
	}
	reason := t.standing(echo, bucket).judgeOwner(lease)
	if reason == Accepted {
		return AcceptedEcho
	}
	return reason
}

// judgeARP lets ARP pass: sent to a VMAC, it is a client's unicast re-check of
// its cache (RFC 1122 §2.3.2.1), which the interface must be made to take.
func (t *Table) judgeARP(frame []byte, header int) Reason {
	if len(frame) < header+arpLen {
		return Other
	}
	return t.judgeNeighbour(frame)
}

// judgeNeighbour is the verdict on address resolution, of either family.
func (t *Table) judgeNeighbour(frame []byte) Reason {
	if config.MAC(frame[:6]) != t.NIC && t.isVMAC(frame) {
		return AcceptedNeighbour
	}
	return Other
}

// Deliver makes an accepted frame one for this machine: its destination becomes
// the interface's own address. The rest of the frame stays as it came.
func (r *Rules) Deliver(frame []byte) { copy(frame, r.NIC[:]) }
