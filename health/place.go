package health

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"thresher/config"
)

// Places judges whether the VIPs are addresses of hosts on the interface's networks.
func (f Facts) Places(vips []config.VIP) (list []Finding) {
	for _, v := range vips {
		if found := f.place(v.Address); found.Level != LevelOK {
			list = append(list, found)
		}
	}
	return list
}

// place judges one VIP. Linux has the lowest address of a network as a host's (since
// 5.14), other systems have it as a second broadcast address.
func (f Facts) place(vip netip.Addr) Finding {
	var near []string
	within := false
	for _, p := range f.Networks {
		switch {
		case p.Addr().Is4() != vip.Is4():
			continue
		case vip == broadcast(p):
			return Finding{LevelError, fmt.Sprintf("%v is the broadcast address of %v, %s's network: no client sends to it", vip, p, f.Interface), placeCure}
		case vip.Is4() && vip == p.Addr():
			return Finding{LevelWarn, fmt.Sprintf("%v is the lowest address of %v, %s's network, which many clients and routers have as a broadcast address", vip, p, f.Interface), placeCure}
		}
		within = within || p.Contains(vip)
		near = append(near, p.String())
	}
	if within || len(near) == 0 {
		return Finding{}
	}
	return Finding{LevelWarn, fmt.Sprintf("%v is in no network of %s (%s): only routers that send it there as a route reach it", vip, f.Interface, strings.Join(near, ", ")), placeCure}
}

const placeCure = "use a free address of the interface's network"

// broadcast is a network's broadcast address; the zero address if it has none.
func broadcast(p netip.Prefix) netip.Addr {
	if !p.Addr().Is4() {
		return netip.Addr{}
	}
	b := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}

// networkOf is the network that an interface's address is in; ok is false for one that
// says nothing of the others there: a link-local address, one by itself, an end of a line
// between two.
func networkOf(n *net.IPNet) (p netip.Prefix, ok bool) {
	addr, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	p, err := addr.Unmap().Prefix(bits)
	return p, err == nil && bits < p.Addr().BitLen()-1 && !addr.IsLinkLocalUnicast()
}

// addNetwork adds the network of one more address.
func (f *Facts) addNetwork(n *net.IPNet) {
	if p, ok := networkOf(n); ok && !slices.Contains(f.Networks, p) {
		f.Networks = append(f.Networks, p)
	}
}
