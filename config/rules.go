package config

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// rules reads the rules and compares each with the ones before it.
func (p *problems) rules(raw []rawRule, vips []VIP) []Rule {
	if len(raw) == 0 {
		p.addMissing("rules", "a farm without rules serves nothing, so give at least one")
		return nil
	}
	if len(raw) > MaxRules {
		p.add(fmt.Sprintf("rules[%d]", MaxRules), "too many rules", fmt.Sprintf("a farm has at most %d", MaxRules))
		raw = raw[:MaxRules]
	}
	rules := make([]Rule, len(raw))
	for i, r := range raw {
		path := fmt.Sprintf("rules[%d]", i)
		rules[i] = p.rule(path, r, vips)
		p.checkRuleName(path, rules[i], rules[:i])
		p.checkOverlap(path, rules[i], rules[:i], vips)
	}
	return rules
}

func (p *problems) rule(path string, raw rawRule, vips []VIP) Rule {
	rule := Rule{Mode: ModeShared, Affinity: Client, Weight: DefaultWeight, Priority: DefaultPriority, Forward: raw.Forward}
	if rule.Name = raw.Name; rule.Name == "" {
		p.addMissing(path+".name", "give the rule a name, such as web")
	} else {
		p.name(path+".name", rule.Name)
	}
	if raw.Protocol == "" {
		p.addMissing(path+".protocol", protocols.cure())
	} else {
		rule.Protocol = readEnum(p, protocols, path+".protocol", raw.Protocol)
	}
	rule.Ports = p.ports(path+".ports", raw.Ports)
	rule.VIPs = p.ruleVIPs(path+".vip", raw.VIP, vips)
	p.servers(path, raw, &rule)
	p.placing(path, raw, &rule, vips)
	if raw.Sticky != nil {
		rule.Sticky = p.sticky(path+".sticky", *raw.Sticky, rule)
	}
	return rule
}

// Bounds of sticky: below, a sweep of the memory would come too late; above, it is
// no session any more.
const minSticky, maxSticky = time.Second, 24 * time.Hour

func (p *problems) sticky(path string, text duration, rule Rule) time.Duration {
	switch {
	case rule.Protocol == UDP:
		p.add(path, "clients of a udp rule do not stay with a node", "leave it out, or use protocol tcp")
	case rule.Affinity == Session:
		p.add(path, "with affinity session, each connection is placed by itself", "use affinity client or network, or leave sticky out")
	case rule.Mode == ModeSingle:
		p.add(path, "with mode single, all clients are with one node", "leave it out, or use mode shared")
	}
	return p.duration(path, text, minSticky, maxSticky)
}

// ruleVIPs reads one address or a list of them. Nil and "all" mean all. Where one could
// not be read, the result has the zero address besides, which is no VIP: the
// rule is not taken for one that holds for all.
func (p *problems) ruleVIPs(path string, value any, vips []VIP) []netip.Addr {
	if p.malformed[path] {
		return []netip.Addr{{}}
	}
	switch value := value.(type) {
	case nil:
		return nil
	case string:
		if value == "all" {
			return nil
		}
		addr, _ := p.ruleVIP(path, value, vips)
		return []netip.Addr{addr}
	case []any:
		if len(value) == 0 {
			p.add(path, "names no address", "leave it out for all VIPs")
		}
		var addrs []netip.Addr
		for i, one := range value {
			at := fmt.Sprintf("%s[%d]", path, i)
			addr, ok := p.ruleVIP(at, one, vips)
			if ok && slices.Contains(addrs, addr) {
				p.add(at, fmt.Sprintf("%v stands twice", addr), "give each address once")
			}
			addrs = append(addrs, addr)
		}
		return addrs
	default:
		addr, _ := p.ruleVIP(path, value, vips)
		return []netip.Addr{addr}
	}
}

// ruleVIP reads an address that must be one of the farm's.
func (p *problems) ruleVIP(path string, value any, vips []VIP) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(fmt.Sprint(value))
	if err != nil {
		p.add(path, fmt.Sprintf("%q is no IP address", fmt.Sprint(value)), "use one of vips, or leave it out for all")
		return netip.Addr{}, false
	}
	known, whole := false, len(vips) > 0
	for _, vip := range vips {
		known = known || vip.Address == addr
		whole = whole && vip.Address.IsValid()
	}
	// Where a VIP could not be read, it may be the one that is meant.
	if !known && whole {
		p.add(path, fmt.Sprintf("%v is not among vips", addr), "add it there, or leave vip out for all")
	}
	return addr, known
}

func (p *problems) checkRuleName(path string, rule Rule, earlier []Rule) {
	i := slices.IndexFunc(earlier, func(r Rule) bool { return r.Name == rule.Name })
	if i >= 0 && rule.Name != "" {
		p.add(path+".name", fmt.Sprintf("%q is already the name of rules[%d]", rule.Name, i), "give each rule its own")
	}
}

// checkOverlap refuses a rule that another one already serves a part of: which
// of the two held would depend on their order.
func (p *problems) checkOverlap(path string, rule Rule, earlier []Rule, vips []VIP) {
	for i, other := range earlier {
		if rule.Protocol != other.Protocol || rule.Protocol == 0 {
			continue
		}
		vip, shareVIP := sharedVIP(other, rule, vips)
		port, sharePort := sharedPort(other.Ports, rule.Ports)
		if shareVIP && sharePort {
			p.add(path+".ports", fmt.Sprintf("%s and %s both serve %v port %d of %v",
				label(other, i), label(rule, len(earlier)), rule.Protocol, port, vip),
				"give the port to one of them")
			return
		}
	}
}

func label(rule Rule, i int) string {
	if rule.Name == "" {
		return fmt.Sprintf("rules[%d]", i)
	}
	return fmt.Sprintf("rule %q", rule.Name)
}

// sharedVIP returns the first VIP that two rules both hold for.
func sharedVIP(a, b Rule, vips []VIP) (netip.Addr, bool) {
	for _, vip := range vips {
		if vip.Address.IsValid() && a.Holds(vip.Address) && b.Holds(vip.Address) {
			return vip.Address, true
		}
	}
	return netip.Addr{}, false
}

// Holds reports whether the rule holds for a VIP: one of its own, or any if it
// names none.
func (r Rule) Holds(vip netip.Addr) bool {
	return len(r.VIPs) == 0 || slices.Contains(r.VIPs, vip)
}
