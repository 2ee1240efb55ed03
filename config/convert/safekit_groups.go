package convert

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"thresher/config"
)

// power is a node's part in a group.
type power struct {
	host string
	n    int
}

// loadBalancing reads the groups: what is served, and by whom.
func (s *safekit) loadBalancing(root *element, o Options) error {
	groups := root.all("group")
	for _, g := range groups {
		for _, h := range g.all("host") {
			if name := h.get("name"); !slices.Contains(s.hosts, name) {
				s.hosts = append(s.hosts, name)
			}
		}
	}
	if o.Node != "" && len(s.hosts) > 0 && !slices.Contains(s.hosts, o.Node) {
		return s.in.refuse(0, fmt.Sprintf("names no host %q", o.Node), "give one of its hosts by --node: "+strings.Join(s.hosts, ", "))
	}
	for _, g := range groups {
		powers, err := s.powers(g)
		if err != nil {
			return err
		}
		standing, err := s.standing(g, powers, o)
		if err != nil {
			return err
		}
		for _, r := range g.all("rule") {
			if err := s.rule(g, r, standing); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *safekit) powers(g *element) ([]power, error) {
	var list []power
	for _, h := range g.all("host") {
		n, err := strconv.Atoi(h.or("power", "1"))
		if err != nil || n < 0 || h.get("name") == "" {
			return nil, s.in.refuse(h.line, fmt.Sprintf("host %q has power %q", h.get("name"), h.get("power")), "give it a name and a power of 0 or more")
		}
		list = append(list, power{h.get("name"), n})
	}
	return list, nil
}

// standing is what a group says of this node and of the others, as a rule without
// anything else.
func (s *safekit) standing(g *element, powers []power, o Options) (rule, error) {
	var r rule
	most, same := 0, true
	for _, p := range powers {
		most = max(most, p.n)
		same = same && p.n == powers[0].n
		if p.n > 0 {
			r.Nodes = append(r.Nodes, p.host)
		}
	}
	switch {
	case len(powers) == 0:
		return r, nil
	case most == 0:
		r.Mode, r.Nodes = "block", nil
		return r, nil
	case same:
		return r, nil
	case o.Node == "":
		return r, s.in.refuse(g.line, fmt.Sprintf("group %q has nodes of different power", g.get("name")), "say whose configuration is wanted by --node: "+strings.Join(s.hosts, ", "))
	}
	s.differ = true
	if line := chain(powers); line != nil {
		r.Mode = "single"
		r.Priority = number(slices.Index(line, o.Node) + 1)
		if *r.Priority == 0 { // is not in the line, and nodes leaves it out
			r.Priority = nil
		}
		return r, nil
	}
	for _, p := range powers {
		if p.host == o.Node && p.n > 0 {
			r.Weight = number(max(1, (p.n*100+most/2)/most))
		}
	}
	return r, nil
}

// chain returns the nodes in the order in which one after the other serves alone,
// if that is what the powers mean: each is 64 times the one before, or more (User's
// Guide, 1.3.4).
func chain(powers []power) []string {
	line := slices.DeleteFunc(slices.Clone(powers), func(p power) bool { return p.n == 0 })
	slices.SortStableFunc(line, func(a, b power) int { return cmp.Compare(b.n, a.n) })
	if len(line) < 2 || len(line) > config.MaxPriority {
		return nil
	}
	names := []string{line[0].host}
	for i, p := range line[1:] {
		if line[i].n/64 < p.n {
			return nil
		}
		names = append(names, p.host)
	}
	return names
}

func number(n int) *int { return &n }

// rule reads one <rule> of a group.
func (s *safekit) rule(g, e *element, standing rule) error {
	r := standing
	r.line, r.Protocol = e.line, e.get("proto")
	switch r.Protocol {
	case "tcp", "udp":
	case "arp":
		s.note(e.line, "rule of proto arp", "one node answers for a VIP, and all nodes get its packets")
		return nil
	default:
		return s.in.refuse(e.line, fmt.Sprintf("rule: proto %q is not known", r.Protocol), "use tcp, udp or arp")
	}
	if r.Mode != "block" {
		if err := s.filter(e, &r); err != nil {
			return err
		}
	}
	port := e.or("port", "*")
	if r.Ports = allPorts; port == "*" {
		r.rest = true
	} else if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
		r.Ports = ports{{First: uint16(n), Last: uint16(n)}}
	} else {
		return s.in.refuse(e.line, fmt.Sprintf("rule: port %q is none", port), "use 1 to 65535, or *")
	}
	if va := e.or("virtual_addr", "*"); va != "*" {
		addr, err := netip.ParseAddr(va)
		if err != nil {
			return s.in.refuse(e.line, fmt.Sprintf("rule: virtual_addr %q is no IP address", va), "write the address itself: names are not looked up")
		}
		r.VIP = []netip.Addr{addr}
	}
	r.Name = fmt.Sprintf("%s-%s-%s", g.or("name", "farm"), r.Protocol, strings.ReplaceAll(port, "*", "all"))
	s.addRule(r)
	return nil
}

// filter reads what of a client picks its node.
func (s *safekit) filter(e *element, r *rule) error {
	wanted := ""
	switch f := e.or("filter", "on_addr"); f {
	case "on_addr":
		wanted = "client"
	case "on_port":
		wanted = "session"
	case "on_ipid":
		wanted = "packet"
	default:
		return s.in.refuse(e.line, fmt.Sprintf("rule: filter %q is not known", f), "use on_addr, on_port or on_ipid")
	}
	if r.Affinity = wanted; r.Mode == "single" {
		r.Affinity = "" // one node has all clients
	}
	return nil
}
