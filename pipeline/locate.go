package pipeline

import (
	"encoding/binary"
	"net/netip"
)

// Location is where a frame's packet belongs, as far as its headers tell: for those
// who look at packets, not for the verdict on them.
type Location struct {
	// Client is the sender; the zero Addr if there is none.
	Client netip.Addr
	// Rule is its rule's number; RuleBlock for one that nobody serves, RuleNone for
	// none. ICMP echo has the number after the last rule's.
	Rule int
	// Bucket is the client's; Placed tells whether it has one.
	Bucket uint16
	Placed bool
}

// Locate finds a frame's place. Of a datagram in parts it knows that of the first.
func (r *Rules) Locate(frame []byte) Location {
	l := Location{Rule: RuleNone}
	if len(frame) < ethernetLen {
		return l
	}
	p := packet{first: true}
	switch ip := frame[ethernetLen:]; binary.BigEndian.Uint16(frame[12:]) {
	case etherTypeIPv4:
		if len(ip) < ipv4MinLen {
			return l
		}
		l.Client = netip.AddrFrom4([4]byte(ip[12:]))
		if vip, ok := r.VIPs.find(binary.LittleEndian.Uint32(ip[16:])); ok && p.parse4(ip) == Accepted {
			r.locate(&l, &p, vip)
		}
	case etherTypeIPv6:
		if len(ip) < ipv6Len {
			return l
		}
		l.Client = netip.AddrFrom16([16]byte(ip[8:]))
		payload, reason := p.walk6(ip)
		if vip, ok := r.VIPs6.find(address6(ip[24:])); ok && p.parse6(ip, payload, reason) == Accepted {
			r.locate(&l, &p, vip)
		}
	}
	return l
}

// Martian tells whether a packet's source is one that no client can have, a VIP among
// them. The address is not mapped.
func (r *Rules) Martian(client netip.Addr) bool {
	if _, own := r.vip(client); own {
		return true
	}
	if client.Is4() {
		a := client.As4()
		src := binary.LittleEndian.Uint32(a[:])
		return martian4(a[0], src, ^src)
	}
	a := client.As16()
	var p packet
	p.src6[0], p.src6[1] = address6(a[:])
	return p.martian6(^p.src6[0], ^p.src6[1])
}

// locate is the same of a packet that has been read.
func (r *Rules) locate(l *Location, p *packet, vip int) {
	classes := r.TCP
	switch p.protocol {
	case protocolICMP, protocolICMPv6:
		if p.isEcho() {
			l.Rule, l.Bucket, l.Placed = len(r.Affinities), p.bucket(&r.hash, 0), true
		}
		return
	case protocolUDP:
		classes = r.UDP
	}
	rule := classes.find(vip, p.dstPort)
	l.Rule = int(rule)
	if rule < RuleBlock {
		l.Bucket, l.Placed = r.bucketOf(p, l.Rule), true
	}
}
