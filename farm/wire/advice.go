package wire

import (
	"fmt"
	"strings"

	"thresher/config"
)

// Text says what the problem is and what to do about it.
func (p Problem) Text(vips []config.VIP) (what, cure string) {
	vip := vips[p.VIP]
	frames := fmt.Sprintf("frames for %v (VIP %v, mode %v)", vip.MAC, vip.Address, vip.Mode)
	switch {
	case p.Node == "":
		what = "no node gets " + frames
	case len(p.From) == 0:
		what = p.Node + " gets no " + frames
	default:
		what = fmt.Sprintf("%s gets no %s from %s", p.Node, frames, strings.Join(p.From, ", "))
	}
	return what, Cure(vip.Mode)
}

// Cure says what a network needs in a mode.
func Cure(mode config.VIPMode) string {
	switch mode {
	case config.Multicast, config.IGMP:
		return "a Linux bridge that snoops needs mcast_router 2 on each node's port (bridge link set dev PORT mcast_router 2), or mcast_snooping 0; " +
			"another switch must go by MAC address, or not snoop; see docs/network.md"
	}
	return "the switches must flood frames to unknown addresses to every node's port, without a limit, and must not know this address; " +
		"a virtual machine's port must allow promiscuous mode; see docs/network.md"
}
