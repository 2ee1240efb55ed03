package config

import (
	"fmt"
	"slices"
)

// RuleMode is who serves a rule.
type RuleMode uint8

const (
	// ModeShared divides the clients among the nodes, by weight.
	ModeShared RuleMode = iota + 1
	// ModeSingle has one node serve them all: of those that are there, the one with
	// the lowest priority.
	ModeSingle
	// ModeBlock has nobody serve them: what comes is dropped and counted.
	ModeBlock
)

// String returns the mode as the file spells it.
func (m RuleMode) String() string { return ruleModes.name(m) }

var ruleModes = enum[RuleMode]{"rule mode", []word[RuleMode]{
	{"shared", ModeShared}, {"single", ModeSingle}, {"block", ModeBlock},
}}

// ServedBy tells whether a node may have a part of the rule.
func (r Rule) ServedBy(node string) bool {
	return r.Mode != ModeBlock && (len(r.Nodes) == 0 || slices.Contains(r.Nodes, node))
}

// servers reads who serves a rule: its mode, and this node's standing in it.
func (p *problems) servers(path string, raw rawRule, rule *Rule) {
	if raw.Mode != nil {
		rule.Mode = readEnum(p, ruleModes, path+".mode", *raw.Mode)
	}
	if rule.Mode == ModeBlock {
		p.checkBlock(path, raw)
	}
	if raw.Weight != nil {
		rule.Weight = p.within(path+".weight", "weight", *raw.Weight, 0, 100)
	}
	if raw.Priority != nil {
		rule.Priority = p.within(path+".priority", "priority", *raw.Priority, 1, MaxPriority)
		if rule.Mode == ModeShared {
			p.add(path+".priority", "counts with mode single alone", "use mode: single, or weight to share the clients unevenly")
		}
	}
	if raw.Nodes != nil {
		rule.Nodes = p.nodes(path+".nodes", *raw.Nodes)
	}
}

// checkBlock refuses what would say how clients are served that are not.
func (p *problems) checkBlock(path string, raw rawRule) {
	for _, k := range []struct {
		key     string
		written bool
	}{
		{"affinity", raw.Affinity != nil}, {"prefix", raw.Prefix != nil}, {"weight", raw.Weight != nil},
		{"priority", raw.Priority != nil}, {"nodes", raw.Nodes != nil}, {"sticky", raw.Sticky != nil}, {"forward", raw.Forward},
	} {
		if k.written {
			p.add(path+"."+k.key, "with mode block, nobody serves the rule", "leave it out, or use another mode")
		}
	}
}

// nodes reads names of nodes. Whether there are such nodes nobody knows: they may
// come later.
func (p *problems) nodes(path string, names []string) []string {
	if len(names) == 0 && !p.malformed[path] {
		p.add(path, "names no node", "leave it out for all nodes, or use mode: block to serve nobody")
	}
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", path, i)
		p.name(at, name)
		if slices.Contains(names[:i], name) {
			p.add(at, fmt.Sprintf("%q stands twice", name), "name each node once")
		}
	}
	return names
}

// placing reads what of a client picks its bucket.
func (p *problems) placing(path string, raw rawRule, rule *Rule, vips []VIP) {
	if raw.Affinity != nil {
		rule.Affinity = readEnum(p, affinities, path+".affinity", *raw.Affinity)
	}
	switch {
	case rule.Affinity == Network:
		rule.Prefix4, rule.Prefix6 = DefaultPrefix4, DefaultPrefix6
		p.prefix(path+".prefix", raw.Prefix, rule)
	case raw.Prefix != nil && rule.Mode != ModeBlock:
		p.add(path+".prefix", "counts with affinity network alone", "use affinity: network, or leave prefix out")
	case rule.Affinity == Packet && rule.Protocol == TCP:
		p.add(path+".affinity", "the packets of a TCP connection must go to one node", "use client, session or network, or protocol udp")
	case rule.Affinity == Packet && slices.ContainsFunc(vips, func(v VIP) bool { return v.Address.Is6() && rule.Holds(v.Address) }):
		p.add(path+".affinity", "packets of IPv6 have no identification, and the rule holds for an IPv6 VIP",
			"use client, session or network, or name the IPv4 addresses in the rule's vip")
	case rule.Affinity == Packet && rule.Forward:
		p.add(path+".affinity", "the packets of a flow that is forwarded must go to one node", "use client, session or network, or leave forward out")
	}
}

func (p *problems) prefix(path string, raw *rawPrefix, rule *Rule) {
	if raw == nil || p.malformed[path] {
		return
	}
	if raw.V4 == nil && raw.V6 == nil {
		p.add(path, "is empty", "write {v4: 24, v6: 64}, or leave it out for that")
	}
	if raw.V4 != nil {
		rule.Prefix4 = p.within(path+".v4", "prefix", *raw.V4, 1, 32)
	}
	if raw.V6 != nil {
		rule.Prefix6 = p.within(path+".v6", "prefix", *raw.V6, 1, 128)
	}
}

// within reads a number that has bounds.
func (p *problems) within(path, what string, n, least, most int64) uint8 {
	if n < least || n > most {
		p.add(path, fmt.Sprintf("%s %d is out of range", what, n), fmt.Sprintf("use %d to %d", least, most))
		return 0
	}
	return uint8(n)
}
