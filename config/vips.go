package config

import (
	"fmt"
	"net/netip"
)

// vips reads the shared addresses. One that cannot be read stays the zero
// VIP, so that places in the list are kept.
func (p *problems) vips(raw []rawVIP) []VIP {
	if len(raw) == 0 {
		p.addMissing("vips", "give at least one shared address, such as `- address: 192.0.2.100`, or `vips: []` behind another balancer")
		return nil
	}
	if len(raw) > MaxVIPs {
		p.add(fmt.Sprintf("vips[%d]", MaxVIPs), "too many VIPs", fmt.Sprintf("a farm has at most %d", MaxVIPs))
		raw = raw[:MaxVIPs]
	}
	vips := make([]VIP, len(raw))
	for i, r := range raw {
		path := fmt.Sprintf("vips[%d]", i)
		vips[i] = p.vip(path, r)
		p.checkSame(path, vips[i], vips[:i])
	}
	return vips
}

func (p *problems) vip(path string, raw rawVIP) VIP {
	vip := VIP{Mode: Flood}
	if raw.Mode != nil {
		vip.Mode = readEnum(p, vipModes, path+".mode", *raw.Mode)
	}
	addr, ok := p.vipAddress(path+".address", raw.Address)
	if !ok {
		return VIP{}
	}
	vip.Address, vip.MAC = addr, vmac(vip.Mode, addr)
	if raw.MAC != nil {
		vip.MAC = p.vipMAC(path+".mac", *raw.MAC, vip)
	}
	return vip
}

// vipAddress reads an address that a client can send to.
func (p *problems) vipAddress(path, text string) (netip.Addr, bool) {
	if text == "" {
		p.addMissing(path, "give the shared address, such as 192.0.2.100")
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		p.add(path, fmt.Sprintf("%q is no IP address", text), "write it as in 192.0.2.100 or 2001:db8::100, without prefix length and port")
		return netip.Addr{}, false
	}
	if what, cure := noVIP(addr); what != "" {
		p.add(path, what, cure)
		return netip.Addr{}, false
	}
	return addr, true
}

// noVIP says why an address cannot be a VIP, and what would be one; "" if it can.
func noVIP(addr netip.Addr) (what, cure string) {
	switch {
	case addr.Is4In6():
		return fmt.Sprintf("%v is an IPv4 address inside an IPv6 one", addr), fmt.Sprintf("write %v", addr.Unmap())
	case addr.Is6() && addr.IsLinkLocalUnicast():
		return fmt.Sprintf("%v is a link-local address, which every interface has its own of", addr),
			"use a free global or unique local address of the interface's network, such as 2001:db8::100"
	case addr.Is4() && !isHost4(addr), addr.Is6() && !isHost6(addr):
		return fmt.Sprintf("%v is no address of a host", addr), "use a free unicast address of the interface's network"
	}
	return "", ""
}

// isHost4 reports whether an IPv4 address can be a host's on a network: not "this
// network", loopback, multicast, reserved or broadcast (RFC 6890, 2.2.2).
func isHost4(addr netip.Addr) bool {
	first := addr.As4()[0]
	return first != 0 && first != 127 && first < 224
}

// isHost6 reports whether an IPv6 address can be a host's on a network: not ::,
// ::1, multicast, or of ::/96, which RFC 4291 (2.5.5.1) has done away with.
func isHost6(addr netip.Addr) bool {
	compatible := netip.PrefixFrom(netip.IPv6Unspecified(), 96)
	return !addr.IsMulticast() && !compatible.Contains(addr)
}

// vipMAC reads the VMAC that stands in the place of the mode's own.
func (p *problems) vipMAC(path, text string, vip VIP) MAC {
	if vip.Mode == Directed {
		p.add(path, "a VIP in mode directed has no MAC of its own", "leave mac out: the director answers with the one of its interface")
		return MAC{}
	}
	m, err := parseMAC(text, vip.Mode, vip.Address)
	if err != nil {
		p.add(path, err.Error(), macCure(vip))
	}
	return m
}

func macCure(vip VIP) string {
	switch vip.Mode {
	case Multicast:
		return fmt.Sprintf("use a multicast Ethernet address such as %v, or leave mac out", MulticastMAC(vip.Address))
	case IGMP:
		return fmt.Sprintf("leave mac out, or use %v, which is the MLD group's", mldMAC(vip.Address))
	}
	return "use a unicast Ethernet address such as 5a:fe:c0:00:02:64, or leave mac out"
}

// checkSame refuses an address or a MAC that an earlier VIP has.
func (p *problems) checkSame(path string, vip VIP, earlier []VIP) {
	if !vip.Address.IsValid() {
		return
	}
	for i, other := range earlier {
		if vip.Address == other.Address {
			p.add(path+".address", fmt.Sprintf("%v is already vips[%d]", vip.Address, i), "give each VIP once")
			return
		}
		if vip.MAC == other.MAC && vip.MAC != (MAC{}) {
			p.add(path+".mac", fmt.Sprintf("%v is already the MAC of %v", vip.MAC, other.Address), sameCure(vip, other))
			return
		}
	}
}

// sameCure says how two VIPs come by different MACs. In igmp mode these have but
// two bytes of the address.
func sameCure(vip, other VIP) string {
	if vip.Mode == IGMP && other.Mode == IGMP {
		return "give each VIP its own: in mode igmp their addresses must differ in the last two bytes, or one has mode multicast"
	}
	return "give each VIP its own"
}
