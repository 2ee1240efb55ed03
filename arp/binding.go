package arp

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"thresher/config"
)

// Binding says which Ethernet address answers for an address.
type Binding struct {
	// Address is the VIP. An IPv4 address inside IPv6 is taken as IPv4.
	Address netip.Addr
	// MAC is the VMAC, or in mode directed the own address of the node that answers.
	MAC config.MAC
	// Directed says that any node of the farm may come to answer for the address, with
	// its own (Responder.SetFarm): its claim is no conflict.
	Directed bool
	// Former is the VMAC that the VIP had before its mode was changed; zero for none.
	// A node that has not changed yet answers with it: that is no conflict.
	Former config.MAC
}

// table is what the responder goes by at one moment. It is never changed after
// it has been published.
type table struct {
	// answer holds the VIPs that this node answers for.
	answer map[netip.Addr]config.MAC
	// watch holds these and the ones that other nodes answer for.
	watch map[netip.Addr]config.MAC
	// directed are those that may move from node to node.
	directed map[netip.Addr]bool
	// former are those that nodes may still answer with.
	former map[netip.Addr]config.MAC
}

// newTable checks the bindings and copies them. An address may stand in both
// lists; answer's are watched without being listed again.
func newTable(answer, watch []Binding, takes func(netip.Addr) bool) (*table, error) {
	t := &table{
		answer: map[netip.Addr]config.MAC{}, watch: map[netip.Addr]config.MAC{},
		directed: map[netip.Addr]bool{}, former: map[netip.Addr]config.MAC{},
	}
	for _, b := range answer {
		if err := put(t.answer, b, takes); err != nil {
			return nil, err
		}
	}
	for _, list := range [][]Binding{answer, watch} {
		for _, b := range list {
			if err := put(t.watch, b, takes); err != nil {
				return nil, err
			}
			if b.Directed {
				t.directed[b.Address.Unmap()] = true
			}
			if !b.Former.IsZero() {
				t.former[b.Address.Unmap()] = b.Former
			}
		}
	}
	return t, nil
}

func put(m map[netip.Addr]config.MAC, b Binding, takes func(netip.Addr) bool) error {
	// mdlayher/arp takes a 4-in-6 address for an IPv6 one.
	addr := b.Address.Unmap()
	if !takes(addr) {
		return fmt.Errorf("binding of %v: not an address of the responder's family", b.Address)
	}
	if b.MAC == (config.MAC{}) {
		return fmt.Errorf("binding of %v: no ethernet address", addr)
	}
	if old, ok := m[addr]; ok && old != b.MAC {
		return fmt.Errorf("binding of %v: both %v and %v", addr, old, b.MAC)
	}
	m[addr] = b.MAC
	return nil
}

// watches lists the addresses that are watched, in order.
func (t *table) watches() []netip.Addr {
	return slices.SortedFunc(maps.Keys(t.watch), netip.Addr.Compare)
}

// answers lists the bindings that this node answers for.
func (t *table) answers() []Binding {
	list := make([]Binding, 0, len(t.answer))
	for a, m := range t.answer {
		list = append(list, Binding{Address: a, MAC: m, Directed: t.directed[a]})
	}
	return list
}
