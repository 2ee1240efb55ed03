package config

import (
	"fmt"
	"net/netip"
)

// vips reads the shared addresses. One that cannot be read stays the zero
// VIP, so that places in the list are kept.
func (p *problems) vips(raw []rawVIP) []VIP {
	if len(raw) == 0 {
		p.addMissing("vips", "give at least one shared address, such as `- address: 192.0.2.100`")
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
	vip.Address, vip.MAC = addr, FloodMAC(addr)
	if raw.MAC != nil {
		vip.MAC = p.vipMAC(path+".mac", *raw.MAC)
	}
	return vip
}

// vipAddress reads an IPv4 address that a client can send to.
func (p *problems) vipAddress(path, text string) (netip.Addr, bool) {
	if text == "" {
		p.addMissing(path, "give the shared address, such as 192.0.2.100")
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		p.add(path, fmt.Sprintf("%q is no IP address", text), "write it as in 192.0.2.100, without prefix length and port")
	case !addr.Is4():
		p.add(path, fmt.Sprintf("%v is an IPv6 address, and VIPs are IPv4 so far", addr), "give an IPv4 address")
	case !isHost(addr):
		p.add(path, fmt.Sprintf("%v is no address of a host", addr), "use a free unicast address of the interface's network")
	default:
		return addr, true
	}
	return netip.Addr{}, false
}

// isHost reports whether an IPv4 address can be a host's on a network: not "this
// network", loopback, multicast, reserved or broadcast (RFC 6890, 2.2.2).
func isHost(addr netip.Addr) bool {
	first := addr.As4()[0]
	return first != 0 && first != 127 && first < 224
}

func (p *problems) vipMAC(path, text string) MAC {
	m, err := parseMAC(text)
	if err != nil {
		p.add(path, err.Error(), "use a unicast Ethernet address such as 5a:fe:c0:00:02:64, or leave mac out")
	}
	return m
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
			p.add(path+".mac", fmt.Sprintf("%v is already the MAC of %v", vip.MAC, other.Address), "give each VIP its own")
			return
		}
	}
}
