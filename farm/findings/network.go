package findings

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/farm/host"
	"thresher/health"
)

// Network judges what a node with VIPs cannot serve without on its interface, whether
// it is to start or runs: addresses of its own, room for heartbeats, and that nobody
// else has put a VIP on this machine but what is recorded.
func Network(cfg *config.Config, facts health.Facts, recorded []host.Entry) ([]health.Finding, error) {
	var vips []netip.Addr
	for _, v := range cfg.VIPs {
		vips = append(vips, v.Address)
	}
	strays, err := host.Strays(vips, recorded)
	if err != nil {
		return nil, fmt.Errorf("look whether this machine has a VIP already: %w", err)
	}
	list := slices.Concat(facts.Addresses(cfg.VIPs), roomForHeartbeats(cfg, facts))
	for _, s := range strays {
		list = append(list, health.Finding{Level: health.LevelError, What: s.What(), Cure: s.Cure()})
	}
	return list, nil
}

// NetworkBefore is Network of a node that this process does not run: its journal says
// what the daemon has put on this machine, or has left there. Who may not read it takes
// what is on lo for that.
func NetworkBefore(cfg *config.Config, facts health.Facts) ([]health.Finding, error) {
	recorded, known, err := host.Recorded(filepath.Join(cfg.RunDir, cfg.Node, host.JournalFile))
	if err != nil {
		return nil, err
	}
	for i := 0; !known && i < len(cfg.VIPs); i++ {
		a := cfg.VIPs[i].Address
		recorded = append(recorded, host.Entry{Kind: host.KindAddress, Link: "lo", Prefix: netip.PrefixFrom(a, a.BitLen())})
	}
	list, err := Network(cfg, facts, recorded)
	return slices.Concat(list, facts.Places(cfg.VIPs), joined(cfg, facts), copies(cfg, facts)), err
}

// joined warns of packets that come to the kernel program joined, with a checksum that
// the kernel has not written whole yet (CHECKSUM_PARTIAL): one that goes by AF_XDP comes
// back with that, and is dropped as damaged. A bond hands native XDP on to those below.
func joined(cfg *config.Config, facts health.Facts) []health.Finding {
	native := facts.Driver == "bonding" && cfg.Datapath.XDP != config.XDPGeneric
	if len(facts.Joined) == 0 || native || cfg.Datapath.Offload == config.OffloadFull {
		return nil
	}
	return []health.Finding{{
		Level: health.LevelWarn,
		What: fmt.Sprintf("%s joins packets (GRO) below %s: at offload %s those are lost that are joined",
			strings.Join(facts.Joined, ", "), facts.Interface, cfg.Datapath.Offload),
		Cure: fmt.Sprintf("set datapath.offload to full, or ethtool -K %s gro off", facts.Joined[0]),
	}}
}

// copies judges zero copy that must be had. Where frames may come in pieces there is
// none: virtio-net drops such frames then (Linux 6.18, virtnet_receive_xsk_merge).
func copies(cfg *config.Config, facts health.Facts) []health.Finding {
	if cfg.Datapath.ZeroCopy != config.ZeroCopyOn || !facts.InPieces(cfg.Datapath.XDP) {
		return nil
	}
	return []health.Finding{{
		Level: health.LevelError,
		What:  fmt.Sprintf("datapath.zero_copy is on, and with an MTU of %d the driver hands over frames in pieces, which excludes it", facts.MTU),
		Cure:  fmt.Sprintf("set it to auto, or ip link set %s mtu %d", facts.Interface, facts.NativeMTU()),
	}}
}

// roomForHeartbeats judges the MTU. A node that can't say that it is there would serve
// alone, and reset what the others' clients send to all nodes.
func roomForHeartbeats(cfg *config.Config, facts health.Facts) []health.Finding {
	const kind = 1 // the byte in clear before what is sealed
	if need := kind + confirm.LongestFor(cfg.Cluster.Nodes()); facts.MTU < need {
		return []health.Finding{{
			Level: health.LevelError, What: fmt.Sprintf("MTU %d of %s has no room for heartbeats, which need %d", facts.MTU, facts.Interface, need),
			Cure: fmt.Sprintf("ip link set %s mtu 1500", facts.Interface),
		}}
	}
	return nil
}
