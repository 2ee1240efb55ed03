package pipeline

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

// FuzzJudge feeds arbitrary frames. What gopacket, the independent parser, reads
// out of a frame must explain the verdict.
func FuzzJudge(f *testing.F) {
	for _, seed := range []*frame{tcpFrame(40000, 80), udpFrame(40000, 53), icmpFrame(8), icmpFrame(3), newFrame(vipB, &layers.TCP{SrcPort: 1, DstPort: 25})} {
		f.Add(seed.bytes(f))
	}
	f.Add(arpFrame(f, vipA.MAC, vipA))
	for _, seed := range seeds6(f) {
		f.Add(seed)
	}
	f.Add(tagged(tcpFrame(40000, 80).bytes(f), 0x8100, 0xa000))
	f.Add(parts(f, bigUDP(40000, 4000), 1480)[0])
	f.Add([]byte{})
	table := testTable(f, true)
	f.Fuzz(func(t *testing.T, b []byte) {
		got := table.Judge(b, Facts{}, goodLease)
		if want := explain(b); got.Verdict() == Accept && !slices.Contains(want, got) {
			t.Errorf("got %s, gopacket sees reason for %v", got, want)
		} else if got == Other && len(want) > 0 && want[0].Verdict() == Accept {
			t.Errorf("got %s, gopacket sees %v", got, want)
		}
	})
}

// explain lists the reasons that a gopacket reading of the frame allows for
// accepting it: none if it should not be accepted.
func explain(b []byte) []Reason {
	if len(b) >= ethernetLen+vlanLen && [2]byte(b[12:]) == [2]byte{0x81, 0} && b[14]&0x0f == 0 && b[15] == 0 {
		b = append(slices.Clone(b[:12]), b[16:]...) // a priority tag is none
	}
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy)
	eth, ok := p.LinkLayer().(*layers.Ethernet)
	if !ok {
		return nil
	}
	dst := config.MAC(eth.DstMAC)
	toVMAC := slices.ContainsFunc(testVIPs, func(v config.VIP) bool { return v.MAC == dst })
	if eth.EthernetType == layers.EthernetTypeARP && toVMAC && len(b) >= ethernetLen+arpLen {
		return []Reason{AcceptedNeighbour}
	}
	if eth.EthernetType == layers.EthernetTypeIPv6 {
		return explain6(p, b, toVMAC)
	}
	ip, ok := p.NetworkLayer().(*layers.IPv4)
	if !ok || eth.EthernetType != layers.EthernetTypeIPv4 || (!toVMAC && dst != nicMAC) || ip.FragOffset != 0 || ip.Flags&layers.IPv4MoreFragments != 0 {
		return nil
	}
	addr, _ := netip.AddrFromSlice(ip.DstIP.To4())
	for _, vip := range testVIPs {
		if addr == vip.Address && (dst == vip.MAC || dst == nicMAC) {
			return explainTransport(p, addr)
		}
	}
	return nil
}

func explainTransport(p gopacket.Packet, vip netip.Addr) []Reason {
	if icmp, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); ok {
		if icmp.TypeCode.Type() == layers.ICMPv4TypeEchoRequest {
			return []Reason{AcceptedEcho}
		}
		return []Reason{AcceptedICMPError}
	}
	var protocol config.Protocol
	var port uint16
	switch l := p.TransportLayer().(type) {
	case *layers.TCP:
		protocol, port = config.TCP, uint16(l.DstPort)
	case *layers.UDP:
		protocol, port = config.UDP, uint16(l.DstPort)
	default:
		// gopacket refuses TCP with a data offset that is off; the stack does
		// so, too, and the verdict need not.
		return []Reason{Accepted}
	}
	for i := range testRules {
		if testRules[i].Protocol == protocol && holds(&testRules[i], vip, port) {
			return []Reason{Accepted}
		}
	}
	return nil
}
