package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// reach refuses addresses of this node's from which no packet gets to a peer. It says
// nothing while one of its own could not be read.
func (p *problems) reach(c Cluster) {
	own := c.Binds()
	if slices.ContainsFunc(own, func(a netip.AddrPort) bool { return !a.IsValid() }) {
		return
	}
	for _, peer := range c.Join {
		if slices.ContainsFunc(peer, func(to netip.AddrPort) bool { return reaches(own, to) }) {
			continue
		}
		to := peer[0].Addr()
		if slices.ContainsFunc(own, func(a netip.AddrPort) bool { return a.Addr().Is4() == to.Is4() }) {
			p.add(bindPath, fmt.Sprintf("%v is this machine's loopback address, from which nothing reaches %v of cluster.join", own[0].Addr(), to),
				"use the address that the other nodes reach this one by, such as 192.0.2.11")
			return
		}
		p.add(bindPath, fmt.Sprintf("has no %s address, but %v of cluster.join is one", family(to), to),
			"add this node's own, or name that node by an "+family(own[0].Addr())+" address")
		return
	}
}

// reaches tells whether a packet may get there from one of a node's own addresses.
func reaches(own []netip.AddrPort, to netip.AddrPort) bool {
	return slices.ContainsFunc(own, func(a netip.AddrPort) bool {
		return a.Addr().Is4() == to.Addr().Is4() && (!a.Addr().IsLoopback() || to.Addr().IsLoopback())
	})
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
