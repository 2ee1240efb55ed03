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
}

// bindingsFor elects a responder for each VIP. Every node comes to the same
// result by itself.
func bindingsFor(v cluster.View, self string, vips []config.VIP) bindings {
	b := bindings{responders: make(map[netip.Addr]string)}
	for _, vip := range vips {
		node := v.Responder(vip.Address)
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
	return maps.Equal(b.responders, o.responders) && slices.Equal(b.mine, o.mine) && slices.Equal(b.all, o.all)
}
