package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// ID names a process for as long as it runs. It is drawn at random.
type ID uint64

// Probe is what a probe says.
type Probe struct {
	// From is the sender.
	From ID
	// VIP is the address whose VMAC the probe was sent to.
	VIP netip.Addr
	// Seq counts the sender's probes for the VIP, from 1.
	Seq uint32
}

// Report is what a node tells the others each second.
type Report struct {
	// From is the sender.
	From ID
	// Name is its node's name.
	Name string
	// Digest is of its VIPs and rules: VIPs are numbered alike where it is the same.
	Digest uint64
	// Address is where the node gossips.
	Address netip.Addr
	// Asks says that the sender wants reports sent to it alone, too.
	Asks bool
	// Sent are the VIPs for which the sender sends probes.
	Sent []Sent
	// Seen are the probes that reached the sender.
	Seen []Seen
}

// Sent is how far the sender of a report has come with the probes for a VIP.
type Sent struct {
	VIP uint8
	Seq uint32
}

// Seen is what the sender of a report has got of somebody's probes for a VIP: the
// last one, and how many in all.
type Seen struct {
	VIP        uint8
	From       ID
	Seq, Count uint32
}

// Limits of what is read and written. A report fits into 1,400 bytes.
const (
	maxName = 63
	maxSent = 64
	// MaxSeen is how many entries a report has at most; who has more to say takes
	// turns.
	MaxSeen = 50
)

// The kinds of messages, and their version.
const (
	kindProbe  = 1
	kindReport = 2
)

var errMessage = errors.New("no message of this release")

// Append encodes the probe.
func (p Probe) Append(b []byte) []byte {
	a := p.VIP.As16()
	b = binary.BigEndian.AppendUint64(append(b, kindProbe), uint64(p.From))
	return binary.BigEndian.AppendUint32(append(b, a[:]...), p.Seq)
}

// DecodeProbe reads a probe. What follows it is a later release's.
func DecodeProbe(b []byte) (Probe, error) {
	r := reader{b: b}
	if r.u8() != kindProbe {
		return Probe{}, errMessage
	}
	p := Probe{From: ID(r.u64()), VIP: r.addr(), Seq: r.u32()}
	return p, r.err
}

// Append encodes the report, as far as the limits allow.
func (p Report) Append(b []byte) []byte {
	name := p.Name[:min(len(p.Name), maxName)]
	sent, seen := p.Sent[:min(len(p.Sent), maxSent)], p.Seen[:min(len(p.Seen), MaxSeen)]
	b = binary.BigEndian.AppendUint64(append(b, kindReport), uint64(p.From))
	b = append(append(b, byte(len(name))), name...)
	b = binary.BigEndian.AppendUint64(b, p.Digest)
	a := p.Address.As16()
	b = append(b, a[:]...)
	flags := byte(0)
	if p.Asks {
		flags = 1
	}
	b = append(b, flags, byte(len(sent)), byte(len(seen)))
	for _, s := range sent {
		b = binary.BigEndian.AppendUint32(append(b, s.VIP), s.Seq)
	}
	for _, s := range seen {
		b = binary.BigEndian.AppendUint64(append(b, s.VIP), uint64(s.From))
		b = binary.BigEndian.AppendUint32(b, s.Seq)
		b = binary.BigEndian.AppendUint32(b, s.Count)
	}
	return b
}

// DecodeReport reads a report. What follows it is a later release's.
func DecodeReport(b []byte) (Report, error) {
	r := reader{b: b}
	if r.u8() != kindReport {
		return Report{}, errMessage
	}
	p := Report{From: ID(r.u64())}
	p.Name = string(r.bytes(int(r.u8())))
	p.Digest, p.Address, p.Asks = r.u64(), r.addr(), r.u8()&1 != 0
	sent, seen := int(r.u8()), int(r.u8())
	for range min(sent, maxSent) {
		p.Sent = append(p.Sent, Sent{r.u8(), r.u32()})
	}
	for range min(seen, MaxSeen) {
		p.Seen = append(p.Seen, Seen{VIP: r.u8(), From: ID(r.u64()), Seq: r.u32(), Count: r.u32()})
	}
	if r.err == nil && (sent > maxSent || seen > MaxSeen || len(p.Name) == 0 || len(p.Name) > maxName) {
		return Report{}, fmt.Errorf("report of %q with %d probes sent and %d seen: %w", p.Name, sent, seen, errMessage)
	}
	return p, r.err
}

// reader takes a message apart. After an error it reads zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) bytes(n int) []byte {
	if len(r.b) < n {
		r.b, r.err = nil, fmt.Errorf("message cut off: %w", errMessage)
		return make([]byte, n)
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) u8() uint8        { return r.bytes(1)[0] }
func (r *reader) u32() uint32      { return binary.BigEndian.Uint32(r.bytes(4)) }
func (r *reader) u64() uint64      { return binary.BigEndian.Uint64(r.bytes(8)) }
func (r *reader) addr() netip.Addr { return netip.AddrFrom16([16]byte(r.bytes(16))).Unmap() }
