package health

import (
	"fmt"

	"thresher/config"
)

// How long a packet may be that XDP and AF_XDP take, in bytes.
const (
	// chunkSize is an AF_XDP frame, headroom what XDP keeps free at its start
	// (XDP_PACKET_HEADROOM, linux/bpf.h), ethernetHeader what comes before the IP
	// packet.
	chunkSize      = 4096
	headroom       = 256
	ethernetHeader = 14
	// sharedInfo is the kernel's struct skb_shared_info, rounded up, which has to
	// fit into a page behind the frame; vlanTags are the two tags that drivers of
	// hardware leave room for (mlx5 takes 3,498 with pages of 4 KB).
	sharedInfo = 320
	vlanTags   = 8
)

// MaxSocketMTU is the largest MTU whose packets all fit into an AF_XDP frame:
// 4,096 bytes less 256 of headroom and 14 of Ethernet header.
const MaxSocketMTU = chunkSize - headroom - ethernetHeader

// NativeMTU is the largest MTU with which a driver takes an XDP program that has
// every frame in one piece. For veth it is exact (3,506 with pages of 4 KB, tried on
// Linux 6.18: attached at 3,506, refused at 3,507); for others it is what the common
// ones take at least.
func (f Facts) NativeMTU() int {
	limit := f.PageSize - headroom - ethernetHeader - sharedInfo
	if f.Driver != "veth" {
		limit -= vlanTags
	}
	return limit
}

// InPieces tells whether the driver must hand longer frames to an XDP program in
// pieces (BPF_F_XDP_HAS_FRAGS, Linux 5.18), if it can. In generic mode the kernel
// makes them one.
func (f Facts) InPieces(xdp config.XDPMode) bool {
	return f.MTU > f.NativeMTU() && xdp != config.XDPGeneric
}

// mtu judges the MTU: once for attaching in the driver, once for the socket.
func (f Facts) mtu(xdp config.XDPMode) []Finding {
	return []Finding{f.mtuAttach(xdp), f.mtuSocket()}
}

func (f Facts) mtuAttach(xdp config.XDPMode) Finding {
	limit := f.NativeMTU()
	if !f.InPieces(xdp) {
		return ok("MTU %d of %s suits the XDP mode", f.MTU, f.Interface)
	}
	if f.Driver == "veth" {
		return ok("MTU %d of %s is more than native XDP takes in one piece (%d), and veth hands over several", f.MTU, f.Interface, limit)
	}
	what := fmt.Sprintf("MTU %d of %s is more than native XDP takes in one piece (about %d): where the driver does not hand over several, ", f.MTU, f.Interface, limit)
	lower := fmt.Sprintf("ip link set %s mtu %d", f.Interface, limit)
	if xdp == config.XDPNative {
		return Finding{LevelWarn, what + "the daemon does not start, since datapath.xdp is native", lower + ", or set datapath.xdp to auto"}
	}
	return Finding{LevelWarn, what + "generic mode is used, which is slower", "for native mode: " + lower}
}

// NativeHindered tells whether something that Findings has a cure for may have kept a
// driver from native XDP.
func (f Facts) NativeHindered() bool {
	return f.mtuAttach(config.XDPAuto).Level != LevelOK || f.LRO
}

func (f Facts) mtuSocket() Finding {
	if f.MTU <= MaxSocketMTU {
		return ok("every packet of %s fits into an AF_XDP frame", f.Interface)
	}
	return Finding{LevelWarn,
		fmt.Sprintf("MTU %d of %s lets packets in that are longer than an AF_XDP frame holds (%d): parts of datagrams to a VIP that are so long are dropped and counted", f.MTU, f.Interface, MaxSocketMTU),
		fmt.Sprintf("if clients send such ones: ip link set %s mtu %d, or less", f.Interface, MaxSocketMTU)}
}

// lro judges large receive offload: packets that the card has joined are no
// longer the ones that were sent, and drivers refuse native XDP with it.
func (f Facts) lro(xdp config.XDPMode) Finding {
	off := "ethtool -K " + f.Interface + " lro off"
	switch {
	case !f.LRO:
		return ok("large receive offload of %s is off", f.Interface)
	case xdp == config.XDPNative:
		return Finding{LevelError, "large receive offload of " + f.Interface + " is on, with which drivers refuse native XDP", off}
	}
	return Finding{LevelWarn, "large receive offload of " + f.Interface + " is on: the card joins packets into ones too long for AF_XDP", off}
}
