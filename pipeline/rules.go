package pipeline

import (
	"fmt"
	"net/netip"
	"slices"

	"thresher/config"
)

// Rules is a compiled configuration: which rule a packet falls under, and which
// bucket its client hashes to. It is never changed after Compile.
type Rules struct {
	nic    config.MAC
	vips   *vipTable
	hash   hasher
	tcp    classes
	udp    classes
	byRule []rule
}

type rule struct {
	affinity config.Affinity
}

// noRule stands in classes where no rule holds.
const noRule = 0xffff

// classes finds the rule of a port on a VIP in two look-ups, however many rules
// there are: ports that no rule tells apart form one class, and each pair of
// class and VIP has at most one rule.
type classes struct {
	ofPort [1 << 16]uint16
	rule   []uint16 // [class*vips + vip]
	vips   int
}

// Compile prepares rules for judging. nic is the interface's own address, which
// accepted frames are given. The configuration must have come from
// config.Load, which has made sure that no two rules overlap.
func Compile(vips []config.VIP, rules []config.Rule, key HashKey, nic config.MAC) (*Rules, error) {
	for _, v := range vips {
		if !v.Address.Is4() {
			return nil, fmt.Errorf("compile rules: VIP %s is not IPv4", v.Address)
		}
	}
	if len(vips) > config.MaxVIPs || len(rules) > config.MaxRules {
		return nil, fmt.Errorf("compile rules: %d VIPs and %d rules: at most %d and %d",
			len(vips), len(rules), config.MaxVIPs, config.MaxRules)
	}
	r := &Rules{nic: nic, vips: newVIPTable(vips), hash: newHasher(key)}
	r.tcp.compile(vips, rules, config.TCP)
	r.udp.compile(vips, rules, config.UDP)
	for i := range rules {
		r.byRule = append(r.byRule, rule{affinity: rules[i].Affinity})
	}
	return r, nil
}

// compile numbers the port classes of one protocol and fills in their rules.
func (c *classes) compile(vips []config.VIP, rules []config.Rule, protocol config.Protocol) {
	c.vips = len(vips)
	class := -1
	edges := classEdges(rules, protocol)
	for port := range 1 << 16 {
		if _, isEdge := slices.BinarySearch(edges, port); isEdge {
			class++
			c.rule = append(c.rule, rulesAt(vips, rules, protocol, uint16(port))...)
		}
		c.ofPort[port] = uint16(class)
	}
}

// classEdges are the ports at which a new class begins, sorted; 0 is one.
func classEdges(rules []config.Rule, protocol config.Protocol) []int {
	edges := []int{0}
	for _, r := range rules {
		if r.Protocol != protocol {
			continue
		}
		for _, p := range r.Ports {
			edges = append(edges, int(p.First), int(p.Last)+1)
		}
	}
	slices.Sort(edges)
	return slices.Compact(edges)
}

// rulesAt is the rule that holds for a port on each VIP.
func rulesAt(vips []config.VIP, rules []config.Rule, protocol config.Protocol, port uint16) []uint16 {
	row := make([]uint16, len(vips))
	for v := range vips {
		row[v] = noRule
		for i := range rules {
			if rules[i].Protocol == protocol && holds(&rules[i], vips[v].Address, port) {
				row[v] = uint16(i)
			}
		}
	}
	return row
}

func holds(r *config.Rule, vip netip.Addr, port uint16) bool {
	if len(r.VIPs) > 0 && !slices.Contains(r.VIPs, vip) {
		return false
	}
	return slices.ContainsFunc(r.Ports, func(p config.PortRange) bool {
		return p.First <= port && port <= p.Last
	})
}

// find returns the rule's number, or noRule.
func (c *classes) find(vip int, port uint16) uint16 {
	return c.rule[int(c.ofPort[port])*c.vips+vip]
}

// Placement is where a client's packets belong.
type Placement struct {
	Rule   int
	Bucket uint16
}

// Place tells which bucket of a rule a client hashes to; rule is its number in
// the configuration. The port counts only where the rule's affinity says so.
func (r *Rules) Place(client netip.AddrPort, rule int) Placement {
	port := client.Port()
	if r.byRule[rule].affinity != config.Session {
		port = 0
	}
	return Placement{Rule: rule, Bucket: r.hash.bucket(client.Addr(), port)}
}
