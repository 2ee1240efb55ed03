package pipeline

import (
	"fmt"
	"net/netip"
	"slices"

	"thresher/config"
)

// Rules is a compiled configuration: which rule a packet falls under, and which
// bucket its client hashes to. It is never changed after Compile. The exported
// tables are what the kernel program gets; who has them must not change them.
type Rules struct {
	// VIPs finds VIPs by IPv4 address, VIPs6 by IPv6 address; VMACs are theirs by
	// number, which the two families share.
	VIPs  *VIPTable
	VIPs6 *VIPTable6
	VMACs []config.MAC
	// Former has by number the VMACs that VIPs had before (WithFormer); nil for none.
	Former []config.MAC
	// Directed says of each VIP, by number, whether its mode is directed: its VMAC is
	// the interface's own then, and this node hands others' packets on to them.
	Directed []bool
	// TCP and UDP find rules by VIP and port.
	TCP, UDP *Classes
	// Affinities are the rules' own, by rule number.
	Affinities []config.Affinity
	// Hashed says of each rule, by number, what is hashed of a packet.
	Hashed []Hashed
	// Sticky says of each rule, by number, whether clients stay with their node.
	Sticky []bool
	// Forward says of each rule whether its flows are conntrack's.
	Forward []bool
	// Default is what becomes of packets under no rule; not set is config.Deny.
	Default config.Default
	// Key is the bucket hash's.
	Key config.HashKey
	// NIC is the interface's own address.
	NIC config.MAC

	hash hasher
}

// Compile prepares rules for judging. nic is the interface's own address, which
// accepted frames are given. The configuration must have come from
// config.Load, which has made sure that no two rules overlap.
func Compile(vips []config.VIP, rules []config.Rule, key config.HashKey, nic config.MAC) (*Rules, error) {
	if len(vips) > config.MaxVIPs || len(rules) > config.MaxRules {
		return nil, fmt.Errorf("compile rules: %d VIPs and %d rules: at most %d and %d",
			len(vips), len(rules), config.MaxVIPs, config.MaxRules)
	}
	if i := slices.IndexFunc(vips, func(v config.VIP) bool { return v.Address != v.Address.Unmap().WithZone("") || !v.Address.IsValid() }); i >= 0 {
		return nil, fmt.Errorf("compile rules: VIP %v is neither an IPv4 nor an IPv6 address without a zone", vips[i].Address)
	}
	r := &Rules{TCP: &Classes{}, UDP: &Classes{}, Key: key, NIC: nic, hash: newHasher(key)}
	var err error
	if r.VIPs, err = newVIPTable(vips); err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	if r.VIPs6, err = newVIPTable6(vips); err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	for _, v := range vips {
		vmac := v.MAC
		if v.Mode == config.Directed {
			vmac = nic
		}
		r.VMACs = append(r.VMACs, vmac)
		r.Directed = append(r.Directed, v.Mode == config.Directed)
	}
	if err := r.TCP.compile(vips, rules, config.TCP); err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	if err := r.UDP.compile(vips, rules, config.UDP); err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	for i := range rules {
		r.Affinities = append(r.Affinities, rules[i].Affinity)
		r.Hashed = append(r.Hashed, hashedOf(rules[i]))
		r.Sticky = append(r.Sticky, rules[i].Sticky > 0)
		r.Forward = append(r.Forward, rules[i].Forward)
	}
	return r, nil
}

// WithDefault returns the rules with what becomes of packets under none of them.
// Both share everything else.
func (r *Rules) WithDefault(d config.Default) *Rules {
	next := *r
	next.Default = d
	return &next
}

// WithFormer returns the rules with what some VIPs were before: frames that come as
// they came then are taken as well. Both share everything else.
func (r *Rules) WithFormer(vips, former []config.VIP) *Rules {
	next := *r
	next.Former, next.Directed = make([]config.MAC, len(vips)), slices.Clone(r.Directed)
	for _, f := range former {
		i := slices.IndexFunc(vips, func(v config.VIP) bool { return v.Address == f.Address })
		switch {
		case i < 0:
		case f.Mode == config.Directed:
			next.Directed[i] = true
		default:
			next.Former[i] = f.MAC
		}
	}
	return &next
}

// isVMAC tells whether a frame's destination is the VMAC of any VIP.
func (r *Rules) isVMAC(frame []byte) bool {
	dst := config.MAC(frame[:6])
	return slices.Contains(r.VMACs, dst) || !dst.IsZero() && slices.Contains(r.Former, dst)
}

// takes tells whether a frame with a VIP's packet was sent to this machine.
func (r *Rules) takes(dst config.MAC, vip int) bool {
	return dst == r.VMACs[vip] || dst == r.NIC || r.Former != nil && dst == r.Former[vip] && !dst.IsZero()
}

// Placement is where a client's packets belong.
type Placement struct {
	Rule   int
	Bucket uint16
}

// Place tells which bucket of a rule a client hashes to; rule is its number in
// the configuration. The port counts only where the rule's affinity says so. With
// affinity packet it is the bucket of datagrams without an IP identification.
func (r *Rules) Place(client netip.AddrPort, rule int) Placement {
	port := client.Port()
	if r.Affinities[rule] != config.Session {
		port = 0
	}
	return Placement{Rule: rule, Bucket: r.hash.bucket(r.Client(client.Addr(), rule), port)}
}

// Find tells which rule holds for a port of an address, by its number in the
// configuration; false if none does, or one that nobody serves.
func (r *Rules) Find(protocol config.Protocol, vip netip.Addr, port uint16) (rule int, ok bool) {
	number, ok := r.vip(vip.Unmap())
	if !ok {
		return 0, false
	}
	classes := r.TCP
	if protocol == config.UDP {
		classes = r.UDP
	} else if protocol != config.TCP {
		return 0, false
	}
	found := classes.find(number, port)
	return int(found), found < RuleBlock
}
