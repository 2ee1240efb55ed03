package farm

import (
	"fmt"
	"net/netip"
	"strings"

	"thresher/cluster/sticky"
	"thresher/config"
	"thresher/console"
)

// where finds the nodes that a client's new flows go to, by the rule of that name, or
// in the order of the rules by each: what none can be told of has the reason.
func (l *loop) where(client netip.Addr, port uint16, rule string) ([]console.Where, error) {
	if l.datapath.rules.Martian(client) {
		return nil, &console.Error{
			Code: console.CodeBadRequest, Message: fmt.Sprintf("no client can have the address %v: packets from it are dropped as martian", client),
			Cure: "give the address that a client's packets come from",
		}
	}
	if rule == "" && len(l.cfg.Rules) > 1 {
		return l.whereByEach(client, port), nil
	}
	i, err := l.ruleNumber(rule)
	if err != nil {
		return nil, err
	}
	if refused := nowhere(l.cfg.Rules[i], client, port); refused != nil {
		return nil, refused
	}
	return []console.Where{l.whereBy(i, client, port)}, nil
}

func (l *loop) whereByEach(client netip.Addr, port uint16) []console.Where {
	found := make([]console.Where, len(l.cfg.Rules))
	for i, r := range l.cfg.Rules {
		if refused := nowhere(r, client, port); refused != nil {
			found[i] = console.Where{Rule: r.Name, Reason: refused.Error()}
		} else {
			found[i] = l.whereBy(i, client, port)
		}
	}
	return found
}

func (l *loop) whereBy(i int, client netip.Addr, port uint16) console.Where {
	place := l.datapath.rules.Place(netip.AddrPortFrom(client, port), i)
	w := console.Where{
		Node:   l.server(i, place.Bucket),
		Rule:   l.cfg.Rules[i].Name,
		Bucket: int(place.Bucket),
	}
	if l.cfg.Rules[i].Sticky > 0 {
		keeper := l.confirmation.Keeper(sticky.Client{Rule: l.confirmation.RuleID(i), Bucket: place.Bucket, Addr: l.datapath.rules.Client(client, i)})
		if keeper != "" && keeper != w.Node {
			w.Node, w.Sticky = keeper, true
		}
	}
	return w
}

// nowhere is why no node can be told for a rule's client; nil if one can. Port 0 is
// none given.
func nowhere(r config.Rule, client netip.Addr, port uint16) *console.Error {
	e := &console.Error{Code: console.CodeConflict}
	switch {
	case r.Mode == config.ModeBlock:
		e.Message, e.Cure = fmt.Sprintf("nobody serves rule %s: its mode is block", r.Name), "use another mode to have it served"
	case r.Mode == config.ModeSingle:
		return nil // one node has all buckets
	case r.Affinity == config.Packet:
		e.Message = fmt.Sprintf("rule %s places each datagram by itself, by its IP identification", r.Name)
		e.Cure = "with affinity client, session or network, a client has one node"
	case r.Affinity == config.Session && port == 0:
		e.Code, e.Message = console.CodeBadRequest, fmt.Sprintf("rule %s places each flow by itself, by its port, too", r.Name)
		e.Cure = "give ADDRESS:PORT, such as " + netip.AddrPortFrom(client, 40000).String() + " (in the API, port)"
	default:
		return nil
	}
	return e
}

func (l *local) ruleNumber(name string) (int, error) {
	if name == "" && len(l.cfg.Rules) == 1 {
		return 0, nil
	}
	names := make([]string, len(l.cfg.Rules))
	for i, r := range l.cfg.Rules {
		if r.Name == name {
			return i, nil
		}
		names[i] = r.Name
	}
	e := &console.Error{
		Code: console.CodeNotFound, Message: fmt.Sprintf("there is no rule %q", name),
		Cure: "name one of: " + strings.Join(names, ", "),
	}
	if len(names) == 0 {
		e.Message, e.Cure = "this farm has no rules", "add vips and rules to the configuration"
	} else if name == "" {
		e.Code, e.Message = console.CodeBadRequest, "the farm has several rules, and a client may have a node in each"
	}
	return 0, e
}
