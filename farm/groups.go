package farm

import (
	"net/netip"
	"slices"

	"thresher/config"
)

// noUnicastInGroups are the sysctls that have the kernel drop what comes for an IP
// address of this machine in a frame for a group or for all (RFC 1122 §3.3.6; Linux,
// Documentation/networking/ip-sysctl.rst). Frames for the VIP are such ones where
// its VMAC is a group address: the packet path makes those that it lets in frames
// for the interface, and without it every node would take all of them. Where the VMAC
// is none, every node would answer a packet for the VIP in a frame for all.
func noUnicastInGroups(cfg *config.Config, nic string) (list []sysctl) {
	for _, family := range []struct {
		name string
		is6  bool
	}{{"ipv4", false}, {"ipv6", true}} {
		if slices.ContainsFunc(cfg.VIPs, func(v config.VIP) bool { return v.Address.Is6() == family.is6 }) {
			list = append(list, sysctl{"net/" + family.name + "/conf/" + nic + "/drop_unicast_in_l2_multicast", "1", nil})
		}
	}
	return list
}

// groups are the IP groups that the interface joins, as host addresses: those that
// switches know the members of VIPs in mode igmp by.
func groups(cfg *config.Config) []netip.Prefix {
	var all []netip.Prefix
	for _, v := range cfg.VIPs {
		for _, group := range config.GroupsOf(v) {
			all = append(all, netip.PrefixFrom(group, group.BitLen()))
		}
	}
	return all
}

// joinGroups has the interface join them.
func (m *machine) joinGroups(cfg *config.Config, nic string) error {
	for _, group := range groups(cfg) {
		if err := m.journal.AddAddress(nic, group); err != nil {
			return err
		}
	}
	return nil
}
