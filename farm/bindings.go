package farm

import (
	"maps"
	"net/netip"
	"slices"

	"thresher/arp"
	"thresher/cluster"
	"thresher/config"
)

// bindings say who answers ARP or NDP for each VIP.
type bindings struct {
	responders map[netip.Addr]string
	mine       []arp.Binding // those that this node answers for
	all        []arp.Binding
	probes     []uint8 // the VIPs for which this node sends probes, by number
}

// bindingsFor elects a responder for each VIP. Every node comes to the same
// result by itself.
func bindingsFor(v cluster.View, self string, vips []config.VIP) bindings {
	b := bindings{responders: make(map[netip.Addr]string)}
	for i, vip := range vips {
		node := v.Responder(vip.Address)
		if self == node || self == without(v, node).Responder(vip.Address) {
			b.probes = append(b.probes, uint8(i))
		}
		b.responders[vip.Address] = node
		binding := arp.Binding{Address: vip.Address, MAC: vip.MAC}
		b.all = append(b.all, binding)
		if node == self {
			b.mine = append(b.mine, binding)
		}
	}
	return b
}

func (b bindings) equal(o bindings) bool {
	return maps.Equal(b.responders, o.responders) && slices.Equal(b.mine, o.mine) && slices.Equal(b.all, o.all) &&
		slices.Equal(b.probes, o.probes)
}

// without is the view without one of its nodes. Two nodes send probes for a VIP, its
// responder and who would be it without that one, so that each is watched too.
func without(v cluster.View, node string) cluster.View {
	v.Nodes = slices.DeleteFunc(slices.Clone(v.Nodes), func(n cluster.Node) bool { return n.Name == node })
	return v
}
