package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"thresher/config"
)

// The layouts that there are: the second one has networks behind the first.
const (
	metaFirst    = 1
	metaNetworks = 2
)

// metaHeader is the length of the layout's fixed part: version, phase, MAC,
// digest, gossip address and port, rule count. networkLen is that of one network.
const (
	metaHeader = 1 + 1 + 6 + 8 + 16 + 2 + 2
	networkLen = 16 + 2
)

// MaxWeight is the greatest weight of a node (DESIGN §3).
const MaxWeight = 100

// ErrMeta is what every error of Meta's codec wraps.
var ErrMeta = errors.New("node metadata")

// Meta is what a node tells the farm about itself through gossip.
type Meta struct {
	// Phase is where in its life the node is.
	Phase Phase
	// MAC is the Ethernet address of the node's VIP interface.
	MAC config.MAC
	// Digest is a hash of the part of the configuration that all nodes must
	// share (VIPs, rules). 0 has no special meaning.
	Digest uint64
	// Gossip is where the node gossips. Who hears the node's heartbeats but
	// not its gossip can say so from it. It may be the zero AddrPort.
	Gossip netip.AddrPort
	// Weights are the node's weights, 0 to MaxWeight, one for each rule in the
	// order of the rules; a rule that a check withdrew has 0. At most
	// config.MaxRules.
	Weights []uint8
	// Networks are where the node gossips beside its address, on further networks;
	// nil for none. The Cluster fills them in.
	Networks []netip.AddrPort
}

// on is m with further networks.
func (m Meta) on(networks []netip.AddrPort) Meta {
	m.Networks = networks
	return m
}

// Encode returns the metadata's wire form, at most 347 bytes of the 512 that
// memberlist has room for:
//
//	0   version: 1, or 2 with networks
//	1   phase
//	2   MAC, 6 bytes
//	8   digest, 8 bytes, big endian
//	16  gossip address, 16 bytes, IPv4 mapped as in RFC 4291 §2.5.5.2; all 0 for none
//	32  gossip port, 2 bytes, big endian
//	34  number of rules, 2 bytes, big endian
//	36  one byte of weight for each rule
//	    version 2: number of networks, 1 byte, and address and port of each as above
//
// It fails on values that DecodeMeta would refuse.
func (m Meta) Encode() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if !m.Phase.known() {
		return nil, fmt.Errorf("%w: phase %d is none", ErrMeta, m.Phase)
	}
	b := make([]byte, 0, metaHeader+len(m.Weights))
	version := byte(metaFirst)
	if len(m.Networks) > 0 {
		version = metaNetworks
	}
	b = append(b, version, byte(m.Phase))
	b = append(b, m.MAC[:]...)
	b = binary.BigEndian.AppendUint64(b, m.Digest)
	b = appendAddrPort(b, m.Gossip)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.Weights)))
	b = append(b, m.Weights...)
	if version == metaFirst {
		return b, nil
	}
	b = append(b, byte(len(m.Networks)))
	for _, a := range m.Networks {
		b = appendAddrPort(b, a)
	}
	return b, nil
}

// DecodeMeta reads the wire form. It does not keep b.
//
// A release may only append to the layout, and raises the version when it does.
// So what is known here is read strictly, to the last byte, and of a higher version
// the part that is known and what follows is left alone: two adjacent
// releases can share a farm during an upgrade. A phase that a later release
// added comes out as its number, which is not Up, so its node owns nothing here.
func DecodeMeta(b []byte) (Meta, error) {
	if len(b) < metaHeader {
		return Meta{}, fmt.Errorf("%w: %d bytes, want at least %d", ErrMeta, len(b), metaHeader)
	}
	version := b[0]
	if version < metaFirst {
		return Meta{}, fmt.Errorf("%w: version %d is none", ErrMeta, version)
	}
	m := Meta{
		Phase:  Phase(b[1]),
		MAC:    config.MAC(b[2:8]),
		Digest: binary.BigEndian.Uint64(b[8:16]),
		Gossip: readAddrPort(b[16:34]),
	}
	rules, rest := int(binary.BigEndian.Uint16(b[34:36])), b[metaHeader:]
	if len(rest) < rules || version == metaFirst && len(rest) > rules {
		return Meta{}, fmt.Errorf("%w: %d rules but %d bytes of weights", ErrMeta, rules, len(rest))
	}
	if version <= metaNetworks && !m.Phase.known() {
		return Meta{}, fmt.Errorf("%w: phase %d is none", ErrMeta, m.Phase)
	}
	m.Weights = append([]uint8{}, rest[:rules]...)
	if version >= metaNetworks {
		if err := m.readNetworks(rest[rules:], version == metaNetworks); err != nil {
			return Meta{}, err
		}
	}
	return m, m.check()
}

// readNetworks reads what is behind the weights, to the last byte if it is strict.
func (m *Meta) readNetworks(b []byte, strict bool) error {
	if len(b) == 0 || strict && b[0] == 0 {
		return fmt.Errorf("%w: no number of networks", ErrMeta)
	}
	count, b := int(b[0]), b[1:]
	if len(b) < count*networkLen || strict && len(b) > count*networkLen {
		return fmt.Errorf("%w: %d networks but %d bytes of addresses", ErrMeta, count, len(b))
	}
	for ; count > 0; count-- {
		m.Networks = append(m.Networks, readAddrPort(b))
		b = b[networkLen:]
	}
	return nil
}

// appendAddrPort writes 18 bytes: the address in its 16-byte form and the port.
func appendAddrPort(b []byte, a netip.AddrPort) []byte {
	var address [16]byte
	if a.Addr().IsValid() {
		address = a.Addr().As16()
	}
	return binary.BigEndian.AppendUint16(append(b, address[:]...), a.Port())
}

// readAddrPort reads what appendAddrPort wrote; all 0 is none.
func readAddrPort(b []byte) netip.AddrPort {
	address, port := [16]byte(b[:16]), binary.BigEndian.Uint16(b[16:])
	if address == [16]byte{} && port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(address).Unmap(), port)
}

// reachable tells whether an address is one that a node can gossip at.
func reachable(a netip.AddrPort) bool {
	return a.IsValid() && !a.Addr().IsUnspecified() && a.Port() != 0
}

// check refuses what no version allows.
func (m Meta) check() error {
	if len(m.Weights) > config.MaxRules {
		return fmt.Errorf("%w: %d rules, want at most %d", ErrMeta, len(m.Weights), config.MaxRules)
	}
	if len(m.Networks) >= config.MaxNetworks {
		return fmt.Errorf("%w: %d networks, want at most %d", ErrMeta, 1+len(m.Networks), config.MaxNetworks)
	}
	if m.Gossip.IsValid() && !reachable(m.Gossip) {
		return fmt.Errorf("%w: gossip at %v, which is no node's", ErrMeta, m.Gossip)
	}
	for _, a := range m.Networks {
		if !reachable(a) {
			return fmt.Errorf("%w: a network without address or port", ErrMeta)
		}
	}
	for i, w := range m.Weights {
		if w > MaxWeight {
			return fmt.Errorf("%w: weight %d of rule %d, want at most %d", ErrMeta, w, i, MaxWeight)
		}
	}
	return nil
}
