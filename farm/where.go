package farm

import (
	"fmt"
	"net/netip"
	"strings"

	"thresher/cluster/sticky"
	"thresher/config"
	"thresher/console"
)

// where finds the node that a client's new flows go to. An empty rule is the
// only one there is.
func (l *loop) where(client netip.Addr, port uint16, rule string) (console.Where, error) {
	i, err := l.ruleNumber(rule)
	if err != nil {
		return console.Where{}, err
	}
	if r := l.cfg.Rules[i]; r.Mode == config.ModeBlock || r.Affinity == config.Packet && r.Mode != config.ModeSingle {
		return console.Where{}, nowhere(r)
	}
	place := l.datapath.rules.Place(netip.AddrPortFrom(client, port), i)
	w := console.Where{
		Node:   l.division.owner(i, place.Bucket),
		Rule:   l.cfg.Rules[i].Name,
		Bucket: int(place.Bucket),
	}
	if l.cfg.Rules[i].Sticky > 0 {
		keeper := l.confirmation.keeper(sticky.Client{Rule: l.confirmation.ids[i], Bucket: place.Bucket, Addr: l.datapath.rules.Client(client, i)})
		if keeper != "" && keeper != w.Node {
			w.Node, w.Sticky = keeper, true
		}
	}
	return w, nil
}

// nowhere is why a rule's clients have no node.
func nowhere(r config.Rule) error {
	e := &console.Error{
		Code: console.CodeConflict, Message: fmt.Sprintf("rule %s places each datagram by itself, by its IP identification", r.Name),
		Cure: "with affinity client, session or network, a client has one node",
	}
	if r.Mode == config.ModeBlock {
		e.Message, e.Cure = fmt.Sprintf("nobody serves rule %s: its mode is block", r.Name), "use another mode to have it served"
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
	if name == "" {
		e.Code, e.Message = console.CodeBadRequest, "the farm has several rules, and a client may have a node in each"
	}
	return 0, e
}
