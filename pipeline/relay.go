package pipeline

import (
	"encoding/binary"
	"slices"

	"thresher/config"
)

// Owners say of each bucket of a rule where a client's packet goes that reaches
// this node for a VIP in mode directed: the number of another node (Share.Nodes), or
// one of those below; with InDoubt or without.
type Owners [Buckets]uint8

const (
	// MaxNodes is how many other nodes a share can name.
	MaxNodes = 64

	// ThisNode judges the packet, and nobody else gets it: the bucket is this node's
	// and settled, or nobody's.
	ThisNode uint8 = 0x7e
	// NoNode stands for an owner that is not known.
	NoNode uint8 = 0x7f
	// InDoubt is added to the owner where others may have flows in the bucket, or let
	// some in: all nodes get copies and judge them. Where nobody reads the sockets to
	// make copies, the owner alone gets the packet.
	InDoubt uint8 = 0x80
	// AllNodes get copies, and whose the bucket is is not known.
	AllNodes = InDoubt | NoNode
)

// relays tells whether this node must hand a VIP's packet on if it is another's:
// the VIP is in mode directed, and the frame is a client's. What another node has
// handed on is judged as in the other modes, and never handed on again.
func (t *Table) relays(frame []byte, vip int) bool {
	if !t.Directed[vip] || config.MAC(frame[:6]) != t.NIC {
		return false
	}
	source := config.MAC(frame[6:12])
	return source != t.NIC && !slices.Contains(t.Nodes, source)
}

// relayed is the verdict on a packet that belongs to another node, or to nobody
// knows which; Other where this node judges it alone.
func (t *Table) relayed(rule int, bucket uint16) Reason {
	switch owner := t.owner(rule, bucket); {
	case owner == ThisNode:
		return Other
	case int(owner) < len(t.Nodes):
		return Forwarded
	}
	return Copied
}

func (t *Table) owner(rule int, bucket uint16) uint8 {
	owners := t.Parts[t.PartOf[rule]].Owners
	if owners == nil {
		return AllNodes
	}
	return owners[bucket]
}

// Target is the number of the node, in Nodes, that a frame belongs to whose reason is
// Forwarded, or Copied if it is known.
func (t *Table) Target(frame []byte) (node int, ok bool) {
	p := packet{}
	ip := frame[ethernetLen:]
	if binary.BigEndian.Uint16(frame[12:]) == etherTypeIPv6 {
		payload, reason := p.walk6(ip)
		if p.parse6(ip, payload, reason) != Accepted {
			return 0, false
		}
		vip, ok := t.VIPs6.find(address6(ip[24:]))
		return t.target(&p, vip, ok)
	}
	if p.parse4(ip) != Accepted {
		return 0, false
	}
	vip, ok := t.VIPs.find(binary.LittleEndian.Uint32(ip[16:]))
	return t.target(&p, vip, ok)
}

func (t *Table) target(p *packet, vip int, ok bool) (int, bool) {
	if !ok || !t.Serving {
		return 0, false
	}
	rule, bucket := len(t.PartOf)-1, uint16(0)
	switch p.protocol {
	case protocolICMP, protocolICMPv6:
		if !p.isEcho() {
			return 0, false
		}
		bucket = p.bucket(&t.hash, 0)
	default:
		ports := t.TCP
		if p.protocol == protocolUDP {
			ports = t.UDP
		}
		found := ports.find(vip, p.dstPort)
		if found >= RuleBlock {
			return 0, false
		}
		rule, bucket = int(found), t.bucketOf(p, int(found))
	}
	owner := t.owner(rule, bucket) &^ InDoubt
	return int(owner), int(owner) < len(t.Nodes)
}

// Address gives a frame this machine as its sender, so that switches learn nothing
// of the client, and a node of the farm as its receiver.
func (r *Rules) Address(frame []byte, to config.MAC) {
	copy(frame, to[:])
	copy(frame[6:], r.NIC[:])
}
