package farm_test

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/perf/lab"
)

// TestPacketsAsTheyComeIPv6 is TestPacketsAsTheyCome for a VIP of IPv6: datagrams in
// parts, extension headers, and ICMP errors.
func TestPacketsAsTheyComeIPv6(t *testing.T) {
	t.Parallel()
	for _, c := range inForm(packetRuns("ipv6")) {
		t.Run(c.String(), func(t *testing.T) {
			f := bothFamilies(t, lab.Config{Nodes: 3, Queues: 2}, lab.FarmOptions{
				TCPPorts: []int{80}, UDPPorts: []int{7}, Affinity: "session", XDP: c.xdp, Offload: c.offload, Mode: c.mode,
			})
			f.servesMode(c.mode)
			t.Run("fragments", f.fragmentsAnsweredOnce)
			t.Run("extension headers", f.extensionsAnsweredOnce)
			t.Run("for a group or for all", f.groupFramesNotAnswered)
			t.Run("path mtu", f.pathMTUFound)
		})
	}
}

func (f *testFarm) ethernet6() *layers.Ethernet {
	return &layers.Ethernet{
		SrcMAC: f.Client.MAC.HardwareAddr(), DstMAC: f.VMACOf(f.to()).HardwareAddr(), EthernetType: layers.EthernetTypeIPv6,
	}
}

// parts6 has a fragment header in each part (RFC 8200, 4.5).
func (f *testFarm) parts6(t *testing.T, from netip.AddrPort, id uint16, payload []byte) [][]byte {
	t.Helper()
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolIPv6Fragment,
		SrcIP: from.Addr().AsSlice(), DstIP: f.to().AsSlice()}
	udp := &layers.UDP{SrcPort: layers.UDPPort(from.Port()), DstPort: 7}
	must(t, udp.SetNetworkLayerForChecksum(ip))
	whole := build(t, udp, gopacket.Payload(payload))
	const size = 1440
	var all [][]byte
	for at := 0; at < len(whole); at += size {
		end := min(at+size, len(whole))
		place := uint16(at) // in bytes, which are a multiple of 8: the lowest bits are free
		if end < len(whole) {
			place |= 1
		}
		header := []byte{byte(layers.IPProtocolUDP), 0, byte(place >> 8), byte(place), 0, 0, byte(id >> 8), byte(id)}
		all = append(all, build(t, f.ethernet6(), ip, gopacket.Payload(append(header, whole[at:end]...))))
	}
	return all
}

// syn6 is a SYN to the VIP's web server behind extension headers, each of 8 bytes of
// padding (RFC 8200, 4.2).
func (f *testFarm) syn6(t *testing.T, port uint16, headers ...layers.IPProtocol) []byte {
	t.Helper()
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP,
		SrcIP: f.clientAddress(0).AsSlice(), DstIP: f.to().AsSlice()}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(port), DstPort: 80, Seq: uint32(port) << 8, Window: 64240, SYN: true}
	must(t, tcp.SetNetworkLayerForChecksum(ip))
	rest := build(t, tcp)
	next := layers.IPProtocolTCP
	for i := len(headers) - 1; i >= 0; i-- {
		rest = append([]byte{byte(next), 0, 1, 4, 0, 0, 0, 0}, rest...) // PadN of 6 bytes
		next = headers[i]
	}
	ip.NextHeader = next
	return build(t, f.ethernet6(), ip, gopacket.Payload(rest))
}

func (f *testFarm) extensionsAnsweredOnce(t *testing.T) {
	const n = 150
	for name, headers := range map[string][]layers.IPProtocol{
		"none":                {},
		"hop by hop":          {layers.IPProtocolIPv6HopByHop},
		"destination options": {layers.IPProtocolIPv6Destination},
		"both":                {layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Destination},
	} {
		if got := f.answeredBy(t, n, func(port uint16) []byte { return f.syn6(t, port, headers...) }); got != n {
			t.Errorf("%s: %d of %d SYNs answered", name, got, n)
		}
	}
}
