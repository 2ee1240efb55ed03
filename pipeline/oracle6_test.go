package pipeline

import (
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

// explain6 is explain for a frame that says it is IPv6.
func explain6(p gopacket.Packet, b []byte, toVMAC bool) []Reason {
	const hopByHop, nextHeader = 0, ethernetLen + 6
	ip, ok := p.NetworkLayer().(*layers.IPv6)
	if !ok && len(b) >= ethernetLen+ipv6Len && b[nextHeader] == hopByHop {
		// gopacket reads the options, too, and refuses the packet for them; the
		// stack does so, and the verdict need not.
		return []Reason{untouched6, Accepted, AcceptedEcho, AcceptedICMPError, AcceptedNeighbour}
	}
	if !ok {
		return nil
	}
	if icmp, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); ok {
		if kind := icmp.TypeCode.Type(); kind >= layers.ICMPv6TypeRouterSolicitation && kind <= layers.ICMPv6TypeRedirect {
			if toVMAC {
				return []Reason{AcceptedNeighbour}
			}
			return nil
		}
	}
	addr, _ := netip.AddrFromSlice(ip.DstIP)
	if dst := config.MAC(b[:6]); addr == vip6.Address && (dst == vip6.MAC || dst == nicMAC) {
		return explainTransport6(p, addr)
	}
	if p.Layer(layers.LayerTypeIPv6Fragment) != nil && toVMAC {
		return []Reason{untouched6, AcceptedNeighbour}
	}
	return nil
}

// untouched6 heads a list of reasons of which none must be: the frame may be nobody's.
const untouched6 = Other

func explainTransport6(p gopacket.Packet, vip netip.Addr) []Reason {
	if f, ok := p.Layer(layers.LayerTypeIPv6Fragment).(*layers.IPv6Fragment); ok {
		if f.FragmentOffset != 0 || f.MoreFragments {
			return nil
		}
		// gopacket does not look into a packet of one fragment.
		return []Reason{untouched6, Accepted, AcceptedEcho, AcceptedICMPError, AcceptedNeighbour}
	}
	if icmp, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); ok {
		switch kind := icmp.TypeCode.Type(); {
		case kind == layers.ICMPv6TypeEchoRequest:
			return []Reason{AcceptedEcho}
		case kind >= layers.ICMPv6TypeDestinationUnreachable && kind <= layers.ICMPv6TypeParameterProblem:
			return []Reason{AcceptedICMPError}
		}
		return nil
	}
	return explainTransport(p, vip)
}
