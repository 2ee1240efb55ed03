package pipeline

import (
	"encoding/binary"

	"thresher/config"
)

// BatchSize is how many frames are judged together at most: as many as a queue
// takes from its ring at once.
const BatchSize = 64

// JudgeBatch writes the reason for each frame into reasons, which must be at
// least as long as frames.
func (t *Table) JudgeBatch(frames [][]byte, reasons []Reason) {
	reasons = reasons[:len(frames)]
	for i, frame := range frames {
		reasons[i] = t.Judge(frame)
	}
}

// Judge decides about one Ethernet frame, and touches nothing.
func (t *Table) Judge(frame []byte) Reason {
	if len(frame) < ethernetLen {
		return Other
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherTypeIPv4:
		return t.judge4(frame)
	case etherTypeARP:
		return t.judgeARP(frame)
	}
	return Other
}

// judge4 tells VIP packets from others before anything else is looked at: what
// is not for a VIP must pass however odd it is.
func (t *Table) judge4(frame []byte) Reason {
	ip := frame[ethernetLen:]
	if len(ip) < ipv4MinLen {
		return t.stray(frame)
	}
	vip, ok := t.VIPs.find(binary.LittleEndian.Uint32(ip[16:]))
	if !ok {
		return t.stray(frame)
	}
	if dst := config.MAC(frame[:6]); dst != t.VMACs[vip] && dst != t.NIC {
		return Other
	}
	var p packet
	if reason := p.parse4(ip); reason != Accepted {
		return reason
	}
	if p.protocol == protocolICMP {
		return t.judgeICMP(&p)
	}
	return t.judgeFlow(&p, vip)
}

// stray is a frame that is for no VIP: dropped if it was sent to a VMAC.
func (t *Table) stray(frame []byte) Reason {
	if config.MAC(frame[:6]) != t.NIC && t.isVMAC(frame) {
		return NotVIP
	}
	return Other
}

// judgeFlow finds the rule of a TCP or UDP packet and the owner of its bucket.
func (t *Table) judgeFlow(p *packet, vip int) Reason {
	ports := t.TCP
	if p.protocol == protocolUDP {
		ports = t.UDP
	}
	rule := ports.find(vip, p.dstPort)
	if rule == RuleNone {
		return NoRule
	}
	port := p.srcPort
	if t.Affinities[rule] != config.Session {
		port = 0
	}
	return t.has(int(rule), t.hash.bucket4(p.src, port))
}

// judgeICMP places echo requests by the client's address, so that one node
// answers, and lets every node have the errors.
func (t *Table) judgeICMP(p *packet) Reason {
	switch p.icmpType {
	case icmpEchoRequest:
		return t.hasEcho(t.hash.bucket4(p.src, 0))
	case icmpUnreachable, icmpTimeExceeded, icmpParameterProb:
		return AcceptedICMPError
	}
	return OtherICMP
}

// judgeARP lets ARP pass: sent to a VMAC, it is a client's unicast re-check of
// its cache (RFC 1122 §2.3.2.1), which the interface must be made to take.
func (t *Table) judgeARP(frame []byte) Reason {
	if len(frame) >= ethernetLen+arpLen && t.isVMAC(frame) {
		return AcceptedNeighbour
	}
	return Other
}

// Deliver makes an accepted frame one for this machine: its destination becomes
// the interface's own address. The rest of the frame stays as it came.
func (r *Rules) Deliver(frame []byte) { copy(frame, r.NIC[:]) }
