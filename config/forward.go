package config

import "net/netip"

// Addresses are the VIPs' own, in the order of the file.
func (c *Config) Addresses() []netip.Addr {
	list := make([]netip.Addr, len(c.VIPs))
	for i, v := range c.VIPs {
		list[i] = v.Address
	}
	return list
}

// Forwarded returns the VIPs that rules with Forward hold for, in the order of the
// file: those whose flows are looked for in conntrack.
func (c *Config) Forwarded() []netip.Addr {
	var addrs []netip.Addr
	for _, v := range c.VIPs {
		for _, r := range c.Rules {
			if r.Forward && r.Holds(v.Address) {
				addrs = append(addrs, v.Address)
				break
			}
		}
	}
	return addrs
}
