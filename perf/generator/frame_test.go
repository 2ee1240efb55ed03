package generator

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
	"thresher/internal/leftout"
)

var (
	vips = []VIP{
		{netip.MustParseAddr("198.18.0.100"), config.MAC{0x5a, 0xfe, 198, 18, 0, 100}},
		{netip.MustParseAddr("198.18.0.101"), config.MAC{0x03, 0xbf, 198, 18, 0, 101}},
		{netip.MustParseAddr("198.18.0.102"), config.MAC{0x5a, 0xfe, 198, 18, 0, 102}},
	}
	source = config.MAC{2, 0, 0, 0, 0, 0x99}
)

func traffic(p Protocol, vips ...VIP) Traffic {
	return Traffic{
		Protocol: p, VIPs: vips, Ports: config.PortRange{First: 7, Last: 9}, Source: source,
		Clients: netip.MustParsePrefix("10.64.0.0/10"), ClientPorts: config.PortRange{First: 1024, Last: 65535},
	}
}

func newGenerator(t *testing.T, traffic Traffic, target int) *Generator {
	t.Helper()
	if os.Geteuid() != 0 {
		leftout.Skip(t, "needs root: the test loads a BPF program")
	}
	g, err := New(traffic, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// checkFrame holds a frame against the traffic it belongs to, by gopacket and by
// a checksum of the test's own, and returns its client.
func checkFrame(t *testing.T, frame []byte, want Traffic) (client, to netip.AddrPort) {
	t.Helper()
	if len(frame) != FrameLen {
		t.Fatalf("a frame of %d bytes, want %d", len(frame), FrameLen)
	}
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
	if p.TransportLayer() == nil { // errors behind it are those of protocols guessed from the ports
		t.Fatalf("gopacket can't read %x: %v", frame, p.ErrorLayer().Error())
	}
	eth := p.LayerClass(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip := p.LayerClass(layers.LayerTypeIPv4).(*layers.IPv4)
	from, _ := netip.AddrFromSlice(ip.SrcIP)
	vip, _ := netip.AddrFromSlice(ip.DstIP)
	checkEthernet(t, eth, vip, want)
	checkIP(t, ip, from, want)
	var sport, dport uint16
	if want.Protocol == UDP {
		sport, dport = checkUDP(t, p)
	} else {
		sport, dport = checkSYN(t, p)
	}
	if sport < want.ClientPorts.First || sport > want.ClientPorts.Last || dport < want.Ports.First || dport > want.Ports.Last {
		t.Errorf("ports %d to %d are not the traffic's", sport, dport)
	}
	return netip.AddrPortFrom(from, sport), netip.AddrPortFrom(vip, dport)
}

func checkEthernet(t *testing.T, eth *layers.Ethernet, vip netip.Addr, want Traffic) {
	t.Helper()
	if eth.SrcMAC.String() != net.HardwareAddr(want.Source[:]).String() || eth.EthernetType != layers.EthernetTypeIPv4 {
		t.Errorf("Ethernet header %v", eth)
	}
	for _, v := range want.VIPs {
		if v.Address == vip && eth.DstMAC.String() == net.HardwareAddr(v.MAC[:]).String() {
			return
		}
	}
	t.Errorf("VIP %v with address %v is not the traffic's", vip, eth.DstMAC)
}

func checkIP(t *testing.T, ip *layers.IPv4, from netip.Addr, want Traffic) {
	t.Helper()
	length := uint16(FrameLen - 14)
	if want.Protocol == TCP {
		length = 40
	}
	if ip.Version != 4 || ip.IHL != 5 || ip.TOS != 0 || ip.Length != length || ip.TTL != 64 ||
		ip.Flags != layers.IPv4DontFragment || ip.FragOffset != 0 || uint8(ip.Protocol) != uint8(want.Protocol) {
		t.Errorf("IP header %+v", ip)
	}
	if sum := onesComplement(0, ip.Contents); sum != 0xffff {
		t.Errorf("IP header %x sums to %#x", ip.Contents, sum)
	}
	if !want.Clients.Contains(from) {
		t.Errorf("client %v is not in %v", from, want.Clients)
	}
}

func checkUDP(t *testing.T, p gopacket.Packet) (sport, dport uint16) {
	t.Helper()
	udp := p.LayerClass(layers.LayerTypeUDP).(*layers.UDP)
	if udp.Length != 26 || udp.Checksum == 0 || len(udp.Payload) != 18 {
		t.Errorf("UDP header %+v", udp)
	}
	checkSum(t, p, UDP)
	return uint16(udp.SrcPort), uint16(udp.DstPort)
}

func checkSYN(t *testing.T, p gopacket.Packet) (sport, dport uint16) {
	t.Helper()
	tcp := p.LayerClass(layers.LayerTypeTCP).(*layers.TCP)
	if !tcp.SYN || tcp.ACK || tcp.RST || tcp.FIN || tcp.PSH || tcp.URG || tcp.ECE || tcp.CWR || tcp.NS ||
		tcp.DataOffset != 5 || tcp.Ack != 0 || tcp.Window != 64240 || tcp.Urgent != 0 {
		t.Errorf("TCP header %+v", tcp)
	}
	checkSum(t, p, TCP)
	return uint16(tcp.SrcPort), uint16(tcp.DstPort)
}

// checkSum sums the transport part with its pseudo header (RFC 9293 §3.1, RFC 768).
func checkSum(t *testing.T, p gopacket.Packet, protocol Protocol) {
	t.Helper()
	ip := p.NetworkLayer().(*layers.IPv4)
	pseudo := onesComplement(uint32(protocol)+uint32(len(ip.Payload)), append(ip.SrcIP.To4(), ip.DstIP.To4()...))
	if sum := onesComplement(uint32(pseudo), ip.Payload); sum != 0xffff {
		t.Errorf("checksum of %x is wrong: the sum is %#x", ip.Payload, sum)
	}
}

// onesComplement adds big-endian words to sum, the slow way.
func onesComplement(sum uint32, b []byte) uint16 {
	for i, v := range b {
		if i%2 == 0 {
			sum += uint32(v) << 8
		} else {
			sum += uint32(v)
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// TestFrames makes frames out of a buffer full of ones: what the program leaves
// unwritten shows.
func TestFrames(t *testing.T) {
	for name, tt := range map[string]Traffic{
		"UDP": traffic(UDP, vips...), "TCP": traffic(TCP, vips...), "one VIP": traffic(UDP, vips[0]),
	} {
		t.Run(name, func(t *testing.T) {
			g := newGenerator(t, tt, 0)
			headers := 14 + 20 + map[Protocol]int{UDP: 8, TCP: 20}[tt.Protocol]
			clients, tos := map[netip.AddrPort]int{}, map[netip.AddrPort]int{}
			const n = 3000
			for range n {
				data, out := make([]byte, FrameLen), make([]byte, FrameLen)
				for i := range headers {
					data[i] = 0xff
				}
				action, err := g.objects.Generate.Run(&ebpf.RunOptions{Data: data, DataOut: out})
				if err != nil || action != 1 { // XDP_DROP
					t.Fatalf("action %d: %v", action, err)
				}
				client, to := checkFrame(t, out, tt)
				clients[client]++
				tos[to]++
			}
			if len(clients) < n-10 {
				t.Errorf("%d clients in %d frames", len(clients), n)
			}
			checkEven(t, tos, n, 3*len(tt.VIPs))
		})
	}
}

// checkEven wants all destinations, each with its part within a third.
func checkEven(t *testing.T, got map[netip.AddrPort]int, frames, destinations int) {
	t.Helper()
	if len(got) != destinations {
		t.Errorf("%d destinations, want %d", len(got), destinations)
	}
	for to, n := range got {
		if part := float64(n) * float64(destinations) / float64(frames); part < 0.67 || part > 1.33 {
			t.Errorf("%v got %.2f of its part", to, part)
		}
	}
}
