package farm

import (
	"net/netip"

	"thresher/config"
)

// noUnicastInGroups are the sysctls that have the kernel drop what comes for an IP
// address of this machine in a frame for a group (RFC 1122 §3.3.6; Linux,
// Documentation/networking/ip-sysctl.rst). Frames for the VIP are such ones where
// its VMAC is a group address. The packet path makes those that it lets in frames
// for the interface; without the packet path every node would take all of them.
func noUnicastInGroups(cfg *config.Config, nic string) []string {
	var names []string
	for _, family := range []struct {
		name string
		is6  bool
	}{{"ipv4", false}, {"ipv6", true}} {
		for _, v := range cfg.VIPs {
			if v.MAC.IsGroup() && v.Address.Is6() == family.is6 {
				names = append(names, "net/"+family.name+"/conf/"+nic+"/drop_unicast_in_l2_multicast")
				break
			}
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

// prepareGroups readies the interface for VMACs that are group addresses.
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
