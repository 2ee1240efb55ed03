package pipeline

import (
	"bytes"
	"encoding/binary"
)

// quotedPorts is how much of what a quoted packet carries is needed, in bytes: as
// much as every error quotes (RFC 792), ports among it.
const quotedPorts = 8

// quoted reads the packet that an ICMP error is about, which a node has sent to a
// client, and turns it round: p becomes a packet of the client's. ip is the
// error's own packet, icmp its message. It returns false if the packet cannot be
// placed: no VIP has sent it, or its ports are not there.
func (p *packet) quoted(ip, icmp []byte) bool {
	inner := icmp[icmpLen:]
	l4, ok := p.quoted4(ip, inner)
	if p.six {
		l4, ok = p.quoted6(ip, inner)
	}
	if !ok || len(l4) < quotedPorts || p.protocol != protocolTCP && p.protocol != protocolUDP {
		return false
	}
	p.dstPort = binary.BigEndian.Uint16(l4)
	p.srcPort = binary.LittleEndian.Uint16(l4[2:])
	return true
}

func (p *packet) quoted4(ip, inner []byte) (l4 []byte, ok bool) {
	if len(inner) < ipv4MinLen {
		return nil, false
	}
	headerLen := int(inner[0]&0x0f) * 4
	if inner[0]>>4 != 4 || headerLen < ipv4MinLen || headerLen > len(inner) ||
		binary.BigEndian.Uint16(inner[6:])&offsetMask4 != 0 || !bytes.Equal(inner[12:16], ip[16:20]) {
		return nil, false
	}
	p.protocol, p.src = inner[9], binary.LittleEndian.Uint32(inner[16:])
	return inner[headerLen:], true
}

// quoted6 is the same of IPv6. What a node sends has hardly ever extension
// headers: such packets are not placed.
func (p *packet) quoted6(ip, inner []byte) (l4 []byte, ok bool) {
	if len(inner) < ipv6Len || inner[0]>>4 != 6 || !bytes.Equal(inner[8:24], ip[24:40]) {
		return nil, false
	}
	p.protocol = inner[6]
	p.src6[0], p.src6[1] = address6(inner[24:])
	return inner[ipv6Len:], true
}

// judgeError is the verdict on an ICMP error about q, if that is placed: it
// belongs to the node that has the flow. Where that cannot be told every node takes
// it, since none answers it (RFC 1122 §3.2.2). So the lease does not count either.
func (t *Table) judgeError(q *packet, placed bool, vip int, facts Facts) Reason {
	if !placed || !t.Serving {
		return AcceptedICMPError
	}
	classes := t.TCP
	if q.protocol == protocolUDP {
		classes = t.UDP
	}
	rule := classes.find(vip, q.dstPort)
	// What an answer's identification was tells nothing of that of the question.
	if rule >= RuleBlock || t.Hashed[rule].byID() {
		return AcceptedICMPError
	}
	s := t.standing(int(rule), t.bucketOf(q, int(rule)))
	return s.judgeError(facts, q.protocol == protocolTCP || t.Forward[rule])
}

// judgeError is the verdict on an ICMP error about a flow in the bucket; told says
// that flows of its kind are known to those who have them.
func (s standing) judgeError(facts Facts, told bool) Reason {
	switch {
	case s.mine && !s.unsettled:
		return AcceptedICMPError
	case !s.unsettled:
		return NotMine
	case told && !facts.Flow.known():
		return UnknownFlow
	}
	return AcceptedICMPError
}
