package farm

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"

	"thresher/arp"
	"thresher/config"
)

// neighbours answers who asks for the VIPs: by ARP for those of IPv4, by NDP for
// those of IPv6. A family without VIPs has no socket.
type neighbours struct {
	four, six *arp.Responder
}

// openNeighbours opens what the VIPs need.
func openNeighbours(ifi *net.Interface, vips []config.VIP, o arp.Options) (n *neighbours, err error) {
	n = &neighbours{}
	if slices.ContainsFunc(vips, func(v config.VIP) bool { return !v.Address.Is6() }) {
		if n.four, err = arp.Open(ifi, o); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(vips, func(v config.VIP) bool { return v.Address.Is6() }) {
		if n.six, err = arp.OpenIPv6(ifi, o); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

// all are those that are open.
func (n *neighbours) all() (open []*arp.Responder) {
	for _, r := range []*arp.Responder{n.four, n.six} {
		if r != nil {
			open = append(open, r)
		}
	}
	return open
}

// SetBindings has each family take its own of the bindings.
func (n *neighbours) SetBindings(answer, watch []arp.Binding) error {
	var errs []error
	for _, r := range n.all() {
		other := func(b arp.Binding) bool { return b.Address.Is6() != (r == n.six) }
		errs = append(errs, r.SetBindings(
			slices.DeleteFunc(slices.Clone(answer), other), slices.DeleteFunc(slices.Clone(watch), other)))
	}
	return errors.Join(errs...)
}

// SetFarm tells each family the nodes' own Ethernet addresses.
func (n *neighbours) SetFarm(macs []config.MAC) {
	for _, r := range n.all() {
		r.SetFarm(macs)
	}
}

// Reannounce announces all that this node answers for anew.
func (n *neighbours) Reannounce() error {
	var errs []error
	for _, r := range n.all() {
		errs = append(errs, r.Reannounce())
	}
	return errors.Join(errs...)
}

// Announce tells the segment once who has a VIP, whoever it is.
func (n *neighbours) Announce(b arp.Binding) error {
	if b.Address.Is6() {
		return n.six.Announce(b)
	}
	return n.four.Announce(b)
}

// Serve answers until ctx is done, or one family fails.
func (n *neighbours) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu      sync.Mutex
		errs    []error
		serving sync.WaitGroup
	)
	for _, r := range n.all() {
		serving.Go(func() {
			defer cancel()
			if err := r.Serve(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	serving.Wait()
	return errors.Join(errs...)
}

// counts are what the API says of them, by protocol.
func (n *neighbours) counts() map[string]map[string]uint64 {
	all := make(map[string]map[string]uint64)
	for name, r := range map[string]*arp.Responder{"arp": n.four, "ndp": n.six} {
		if r == nil {
			continue
		}
		c := r.Counters()
		counts := map[string]uint64{"announcements": c.Announcements, "announce_errors": c.AnnounceErrors, "defences": c.Defences}
		for reason, count := range c.Frames {
			counts[reason.String()] = count
		}
		all[name] = counts
	}
	return all
}

// Close closes the sockets.
func (n *neighbours) Close() error {
	var errs []error
	for _, r := range n.all() {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}
