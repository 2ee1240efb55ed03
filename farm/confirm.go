package farm

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"thresher/cluster"
	"thresher/farm/confirmation"
)

// openConfirmation makes the protocol's node: the one that was handed over, if there is one.
func (p *parts) openConfirmation() error {
	apart, err := apart(p.nic, p.cfg.Cluster.Binds())
	if err != nil {
		return err
	}
	var before *confirmation.Handed
	if p.handed != nil {
		before = &p.handed.Handed
	}
	p.confirmation, err = confirmation.Open(confirmation.Options{
		Config: p.cfg, Rules: p.datapath.rules, Interface: p.ifi(), Apart: apart, Meta: p.meta(cluster.Up),
		Path: p.datapath, Program: p.datapath.program, Openings: p.datapath.asking, Leftovers: p.datapath.leftovers,
		Log: p.log,
	}, before)
	if p.handed != nil && p.confirmation != nil {
		p.handed.resumed = p.confirmation.Resumed()
	}
	return err
}

// apart says whether gossip has a network of its own: one of its addresses is not on
// the VIPs' interface.
func apart(nic netlink.Link, binds []netip.AddrPort) (bool, error) {
	addrs, err := netlink.AddrList(nic, netlink.FAMILY_ALL)
	if err != nil {
		return false, fmt.Errorf("list the addresses of %s: %w", nic.Attrs().Name, err)
	}
	return slices.ContainsFunc(binds, func(bind netip.AddrPort) bool {
		return !slices.ContainsFunc(addrs, func(a netlink.Addr) bool {
			one, ok := netip.AddrFromSlice(a.IP)
			return ok && one.Unmap() == bind.Addr().Unmap()
		})
	}), nil
}
