package farm

import (
	"maps"
	"net/netip"
	"slices"

	"thresher/arp"
	"thresher/cluster"
	"thresher/config"
	"thresher/farm/confirmation"
)

// bindings say who answers ARP or NDP for each VIP.
type bindings struct {
	responders map[netip.Addr]string
	mine       []arp.Binding // those that this node answers for
	all        []arp.Binding
	probes     []uint8 // the VIPs for which this node sends probes, by number
	// farm are the addresses that a VIP in mode directed may have: the nodes' own; nil
	// while they are unknown.
	farm []config.MAC
}

// bindingsFor elects a responder for each VIP. Every node comes to the same
// result by itself.
func bindingsFor(v cluster.View, self string, vips []config.VIP) bindings {
	b := bindings{responders: make(map[netip.Addr]string)}
	for i, vip := range vips {
		node := v.Responder(vip.Address)
		b.responders[vip.Address] = node
		binding := arp.Binding{Address: vip.Address, MAC: vip.MAC}
		if vip.Mode == config.Directed {
			binding = arp.Binding{Address: vip.Address, MAC: addressOf(v, node), Directed: true}
			if binding.MAC.IsZero() {
				continue // Nobody is there.
			}
		} else if self == node || self == without(v, node).Responder(vip.Address) {
			b.probes = append(b.probes, uint8(i))
		}
		b.all = append(b.all, binding)
		if node == self {
			b.mine = append(b.mine, binding)
		}
	}
	return b
}

// answerers is the view whose nodes answer for the VIPs: the one that this node heads
// for, or, when it is out of the farm and heads for none, that of the others.
func answerers(shown *confirmation.Picture, self string) cluster.View {
	if v := shown.Target.View; len(v.Nodes) > 0 {
		return v
	}
	return without(shown.Observed.View, self)
}

// formerly has claims pass that were right before VIPs' modes were changed.
func (b bindings) formerly(vips []config.VIP) bindings {
	for _, list := range [][]arp.Binding{b.mine, b.all} {
		for i := range list {
			for _, was := range vips {
				if was.Address != list[i].Address {
					continue
				}
				list[i].Former = was.MAC
				list[i].Directed = list[i].Directed || was.Mode == config.Directed
			}
		}
	}
	return b
}

func (b bindings) equal(o bindings) bool {
	return maps.Equal(b.responders, o.responders) && slices.Equal(b.mine, o.mine) && slices.Equal(b.all, o.all) &&
		slices.Equal(b.probes, o.probes) && slices.Equal(b.farm, o.farm)
}

// macOf is the Ethernet address that neighbours are given for a VIP, as the status
// has it: "" for one in mode directed that nobody answers for.
func (b bindings) macOf(vip config.VIP) string {
	if vip.Mode != config.Directed {
		return vip.MAC.String()
	}
	for _, one := range b.all {
		if one.Address == vip.Address {
			return one.MAC.String()
		}
	}
	return ""
}

// addressOf is a node's own Ethernet address; zero if it is not in the view.
func addressOf(v cluster.View, name string) config.MAC {
	for _, n := range v.Nodes {
		if n.Name == name {
			return n.MAC
		}
	}
	return config.MAC{}
}

// stations are the Ethernet addresses of all nodes that gossip knows of, in order.
func stations(members []cluster.Member) (macs []config.MAC) {
	for _, m := range members {
		if !m.Meta.MAC.IsZero() {
			macs = append(macs, m.Meta.MAC)
		}
	}
	slices.SortFunc(macs, func(a, b config.MAC) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(macs)
}

// without is the view without one of its nodes. Two nodes send probes for a VIP, its
// responder and who would be it without that one, so that each is watched too.
func without(v cluster.View, node string) cluster.View {
	v.Nodes = slices.DeleteFunc(slices.Clone(v.Nodes), func(n cluster.Node) bool { return n.Name == node })
	return v
}
