package pipeline

import (
	"encoding/binary"
	"net/netip"

	"thresher/config"
)

// Leftover is a SYN in a bucket that this node has just let go of. It came too late
// for this node and maybe too early for the new owner, which had not heard of the
// release; so it is kept until that one parks what comes, and then sent on to it.
//
// A node never lets in what it has kept, even if it gets the bucket back.
type Leftover struct {
	// Release is the number of the release (Share.Release).
	Release uint64
	// Since is when it came, in nanoseconds of CLOCK_BOOTTIME.
	Since int64

	length uint16
	data   [LotPacketLen]byte
}

// Frame is the frame as it came. It is part of the Leftover.
func (l *Leftover) Frame() []byte { return l.data[:l.length:l.length] }

// Ends returns the flow's two ends.
func (l *Leftover) Ends() (client, server netip.AddrPort) {
	f, _, _ := flowIn(l.Frame()) // only what has a flow is kept
	return f.ends()
}

// ends are a flow's client and server.
func (f flow) ends() (client, server netip.AddrPort) {
	addr, server := f.opening().Addrs()
	return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(f.ports[:])), server
}

// Leaves tells whether a packet that is to be held is for another node: its bucket
// is one that this node has just let go of, and neither its flow nor its client are
// this node's.
//
// What came under the interface's own address was sent on by another node, and is
// not sent on again.
func (t *Table) Leaves(frame []byte, facts Facts) bool {
	if t.Release == 0 {
		return false
	}
	f, protocol, ok := flowIn(frame)
	if !ok {
		return false
	}
	_, server := f.ends()
	part, bucket := t.partFor(frame, protocol, server)
	if part == nil || !part.Released.Has(bucket) {
		return false
	}
	return protocol != protocolTCP || !facts.Flow.known() && !(facts.Remembered && part.Sticky.Has(bucket))
}

// partFor finds the part and the bucket of a packet, as Judge does; nil if no rule
// has it.
func (t *Table) partFor(frame []byte, protocol uint8, server netip.AddrPort) (*Part, uint16) {
	named := config.TCP
	if protocol == protocolUDP {
		named = config.UDP
	}
	rule, ok := t.Find(named, server.Addr(), server.Port())
	if !ok {
		return nil, 0
	}
	p := packet{first: true}
	ip := frame[ethernetLen:]
	var reason Reason
	if binary.BigEndian.Uint16(frame[12:]) == etherTypeIPv6 {
		var payload []byte
		payload, reason = p.walk6(ip)
		reason = p.parse6(ip, payload, reason)
	} else {
		reason = p.parse4(ip)
	}
	if reason != Accepted {
		return nil, 0
	}
	return &t.Parts[t.PartOf[rule]], t.bucketOf(&p, rule)
}

// Keep keeps a copy of a packet that Leaves: a SYN, for which the reason to count is
// as Park's. Datagrams are dropped: two copies of one would both be answered.
func (l *Lot) Keep(t *Table, frame []byte, facts Facts, now int64) Reason {
	if _, isTCP := tcpFlow(frame); !isTCP || t.sentOn(frame) {
		return NotMine
	}
	return l.park(frame, facts, now, t.Release)
}

// sentOn tells whether another node may have sent a frame on that it had kept: it came
// under the interface's own address. In mode directed all frames do, those too that
// a director has handed to this node as the bucket's owner.
func (t *Table) sentOn(frame []byte) bool {
	if config.MAC(frame[:6]) != t.NIC {
		return !t.isVMAC(frame)
	}
	f, _, ok := flowIn(frame)
	if !ok {
		return true
	}
	_, server := f.ends()
	vip, ok := t.vip(server.Addr())
	return !ok || !t.Directed[vip]
}

// lookAfterKept hands out a packet that was kept, unless it is still to be kept.
func (l *Lot) lookAfterKept(i int32, t *Table) {
	s := l.slots.at(i)
	if s.release == t.Release {
		return
	}
	leftover := Leftover{Release: s.release, Since: s.since, length: s.length, data: s.data}
	select {
	case l.Leftovers <- leftover:
	default: // nobody wants it, or a flood; the client comes again
	}
	l.remove(i, NotMine)
}
