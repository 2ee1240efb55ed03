package arp

import (
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"

	"thresher/config"
)

// hardwareEthernet is ARP's hardware type of Ethernet (RFC 826; IANA, ARP
// Parameters).
const hardwareEthernet = 1

// judge says what is to become of one frame. It decides, and does nothing: for
// Answered and ProbeDefended the caller sends the reply, for Conflict it tells.
func (t *table) judge(p *arp.Packet, f *ethernet.Frame, nic config.MAC) Reason {
	if r, bad := refuse(p, f, nic); bad {
		return r
	}
	sender := macOf(p.SenderHardwareAddr)
	// Before the sender is looked at more closely: VMACs may be group addresses.
	if mac, ok := t.watch[p.SenderIP]; ok && sender != (config.MAC{}) {
		if sender != mac {
			return Conflict
		}
		return Announcement
	}
	if !answerable(sender, p.SenderIP) {
		return BadSender
	}
	if p.Operation != arp.OperationRequest {
		return NotRequest
	}
	mac, ok := t.answer[p.TargetIP]
	switch {
	case !ok && t.watched(p.TargetIP):
		return NotElected
	case !ok:
		return NotBound
	case !addressed(macOf(f.Destination), nic, mac):
		return OtherHost
	case p.SenderIP.IsUnspecified():
		return ProbeDefended
	}
	return Answered
}

// refuse finds what makes a frame unfit for any answer. The client's parser
// checks none of this: with an address length of 16, say, it hands over an IPv6
// address as if ARP knew such a thing.
func refuse(p *arp.Packet, f *ethernet.Frame, nic config.MAC) (Reason, bool) {
	switch {
	case macOf(f.Source) == nic:
		return OwnFrame, true
	case f.VLAN != nil || f.ServiceVLAN != nil:
		return Tagged, true
	case p.HardwareType != hardwareEthernet:
		return BadHardwareType, true
	case p.ProtocolType != uint16(ethernet.EtherTypeIPv4):
		return BadProtocolType, true
	case p.HardwareAddrLength != 6 || p.IPLength != 4:
		return BadLength, true
	}
	return 0, false
}

// answerable tells whether a unicast reply to the sender makes sense. A reply to
// a group address would let one forged request reach the whole segment.
func answerable(mac config.MAC, ip netip.Addr) bool {
	group := mac[0]&1 != 0
	return !group && mac != (config.MAC{}) &&
		!ip.IsMulticast() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// addressed tells whether a request came to everybody or to us. Clients renew a
// known entry by a unicast request to the VMAC.
func addressed(to, nic, vmac config.MAC) bool {
	return to == macOf(ethernet.Broadcast) || to == nic || to == vmac
}

func (t *table) watched(a netip.Addr) bool {
	_, ok := t.watch[a]
	return ok
}

// macOf copies an address of 6 bytes; of any other length it makes zero, which
// no binding has.
func macOf(a net.HardwareAddr) (m config.MAC) {
	if len(a) == len(m) {
		copy(m[:], a)
	}
	return m
}
