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
	return what, Cure(vip)
}

// Cure says what a network needs for a VIP in its mode, and how to see whether a switch has
// learnt the VMAC, as after a frame that somebody has forged.
func Cure(vip config.VIP) string {
	switch vip.Mode {
	case config.Multicast, config.IGMP:
		return "a Linux bridge that snoops needs mcast_router 2 on each node's port (bridge link set dev PORT mcast_router 2), or mcast_snooping 0; " +
			"another switch must go by MAC address, or not snoop; see docs/network.md"
	}
	return fmt.Sprintf("the switches must flood frames to unknown addresses to every node's port, without a limit, and must not know %[1]v: "+
		"bridge fdb show | grep %[1]v on a Linux bridge, show mac address-table address %[1]v on others names the port that it was learnt at; "+
		"a virtual machine's port must allow promiscuous mode; see docs/network.md", vip.MAC)
}
