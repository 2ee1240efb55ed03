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
func noUnicastInGroups(cfg *config.Config, nic string) []string {
	var names []string
	for _, family := range []struct {
		name string
		is6  bool
	}{{"ipv4", false}, {"ipv6", true}} {
		if slices.ContainsFunc(cfg.VIPs, func(v config.VIP) bool { return v.Address.Is6() == family.is6 }) {
			names = append(names, "net/"+family.name+"/conf/"+nic+"/drop_unicast_in_l2_multicast")
		}
	}
	return names
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

// prepareGroups readies the interface for frames to group addresses, VMACs or not.
func (m *machine) prepareGroups(cfg *config.Config, nic string) error {
	for _, name := range noUnicastInGroups(cfg, nic) {
		if err := m.journal.SetSysctl(name, "1"); err != nil {
			return err
		}
	}
	for _, group := range groups(cfg) {
		if err := m.journal.AddAddress(nic, group); err != nil {
			return err
		}
	}
	return nil
}
