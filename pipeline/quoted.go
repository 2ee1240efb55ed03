package pipeline

import (
	"encoding/binary"

	"thresher/config"
)

// quoted is the packet that an ICMP error is about, as far as the error quotes
// it: one that a node has sent to a client. Its bucket is that of the packets
// that the client sends.
type quoted struct {
	protocol uint8
	// vipPort is in host order, clientPort as on the wire.
	vipPort, clientPort uint16
	client              uint32
	// ok says that it can be placed: a VIP sent it, and its ports are there.
	ok bool
}

// quoted4 reads what an error quotes (RFC 792: the IP header and 64 bits of what
// follows). ip is the error's own packet.
func (p *packet) quoted4(ip []byte) (q quoted) {
	b := p.icmp[icmpLen:]
	if len(b) < ipv4MinLen {
		return q
	}
	headerLen := int(b[0]&0x0f) * 4
	if b[0]>>4 != 4 || headerLen < ipv4MinLen || len(b) < headerLen+icmpLen ||
		binary.BigEndian.Uint16(b[6:])&offsetMask4 != 0 || [4]byte(b[12:]) != [4]byte(ip[16:]) {
		return q
	}
	q.protocol, q.client = b[9], binary.LittleEndian.Uint32(b[16:])
	q.vipPort = binary.BigEndian.Uint16(b[headerLen:])
	q.clientPort = binary.LittleEndian.Uint16(b[headerLen+2:])
	q.ok = q.protocol == protocolTCP || q.protocol == protocolUDP
	return q
}

// judgeError is the verdict on an ICMP error: it belongs to the node that has the
// flow. Where that cannot be told every node takes it, since none answers it
// (RFC 1122 §3.2.2). So the lease does not count either.
func (t *Table) judgeError(q quoted, vip int, facts Facts) Reason {
	if !q.ok || !t.Serving {
		return AcceptedICMPError
	}
	classes := t.TCP
	if q.protocol == protocolUDP {
		classes = t.UDP
	}
	rule := classes.find(vip, q.vipPort)
	if rule == RuleNone {
		return AcceptedICMPError
	}
	port := q.clientPort
	if t.Affinities[rule] != config.Session {
		port = 0
	}
	s := t.standing(int(rule), t.hash.bucket4(q.client, port))
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
