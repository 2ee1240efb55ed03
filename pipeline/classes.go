package pipeline

import (
	"fmt"
	"net/netip"
	"slices"

	"thresher/config"
)

// maxClasses is how many sets of ports the rules of one protocol may tell apart.
const maxClasses = 1024

// RuleNone stands where no rule holds.
const RuleNone = 0xffff

// RuleBlock stands where a rule with mode block holds: what has no clients needs
// no number.
const RuleBlock = 0xfffe

// Classes find the rule of a port on a VIP in two look-ups, however many rules
// there are: ports that no rule tells apart are one class, and each pair of
// class and VIP has at most one rule. The kernel program has the same tables.
type Classes struct {
	// OfPort is the class of each port.
	OfPort [1 << 16]uint16
	// Rule is the rule's number by class and VIP, or RuleNone or RuleBlock.
	Rule [maxClasses][config.MaxVIPs]uint16
}

type classRow = [config.MaxVIPs]uint16

// compile numbers the port classes of one protocol and fills in their rules.
// Ports with the same rules on every VIP are one class, wherever they are.
func (c *Classes) compile(vips []config.VIP, rules []config.Rule, protocol config.Protocol) error {
	known := make(map[classRow]uint16)
	edges := classEdges(rules, protocol)
	for i, first := range edges {
		row := rulesAt(vips, rules, protocol, uint16(first))
		class, ok := known[row]
		if !ok {
			class = uint16(len(known))
			if class == maxClasses {
				return fmt.Errorf("the %s rules tell more than %d sets of ports apart: join ranges or rules", protocol, maxClasses)
			}
			known[row] = class
			c.Rule[class] = row
		}
		end := 1 << 16
		if i+1 < len(edges) {
			end = edges[i+1]
		}
		for port := first; port < end; port++ {
			c.OfPort[port] = class
		}
	}
	return nil
}

// classEdges are the ports at which other rules begin to hold, sorted; 0 is one.
func classEdges(rules []config.Rule, protocol config.Protocol) []int {
	edges := []int{0}
	for _, r := range rules {
		if r.Protocol != protocol {
			continue
		}
		for _, p := range r.Ports {
			edges = append(edges, int(p.First))
			if p.Last < 1<<16-1 {
				edges = append(edges, int(p.Last)+1)
			}
		}
	}
	slices.Sort(edges)
	return slices.Compact(edges)
}

// rulesAt is the rule that holds for a port on each VIP.
func rulesAt(vips []config.VIP, rules []config.Rule, protocol config.Protocol, port uint16) (row classRow) {
	for v := range row {
		row[v] = RuleNone
	}
	for v := range vips {
		for i := range rules {
			if rules[i].Protocol == protocol && holds(&rules[i], vips[v].Address, port) {
				row[v] = uint16(i)
				if rules[i].Mode == config.ModeBlock {
					row[v] = RuleBlock
				}
			}
		}
	}
	return row
}

func holds(r *config.Rule, vip netip.Addr, port uint16) bool {
	return r.Holds(vip) && slices.ContainsFunc(r.Ports, func(p config.PortRange) bool {
		return p.First <= port && port <= p.Last
	})
}

// find returns the rule's number, or RuleNone or RuleBlock.
func (c *Classes) find(vip int, port uint16) uint16 {
	return c.Rule[c.OfPort[port]%maxClasses][vip%config.MaxVIPs]
}
