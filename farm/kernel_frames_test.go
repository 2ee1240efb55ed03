package farm

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

// frameSource makes frames for the differential test: whole ones of every kind,
// and such with a few bytes changed, cut off or added.
type frameSource struct {
	t      testing.TB
	random *rand.Rand
	vips   []config.VIP
	rules  []config.Rule
	nic    config.MAC
	bases  [][]byte
}

var farMAC = config.MAC{0x02, 0, 0, 0, 0, 0xc1}

func newFrameSource(t testing.TB, seed uint64, vips []config.VIP, rules []config.Rule, nic config.MAC) *frameSource {
	s := &frameSource{t: t, random: rand.New(rand.NewPCG(seed, seed)), vips: vips, rules: rules, nic: nic}
	for range 1000 {
		s.bases = append(s.bases, s.whole())
	}
	return s
}

// next returns a frame that is the caller's until the next call.
func (s *frameSource) next(buf []byte) []byte {
	base := s.bases[s.random.IntN(len(s.bases))]
	frame := append(buf[:0], base...)
	s.newClient(frame)
	for range s.random.IntN(3) {
		frame = s.mutate(frame)
	}
	return frame
}

// newClient writes another source address and port where a plain frame has them.
func (s *frameSource) newClient(frame []byte) {
	address, ports := frame[26:30], 34
	if isIPv6(frame) {
		address, ports = frame[22:38], 54
	}
	if len(frame) < ports+2 || s.random.IntN(8) == 0 {
		return
	}
	for i := range address {
		address[i] = byte(s.random.Uint32())
	}
	frame[ports], frame[ports+1] = byte(s.random.Uint32()), byte(s.random.Uint32())
	fixHeader(frame)
}

// fixHeader writes the checksum of an IPv4 header anew.
func fixHeader(frame []byte) {
	if frame[12] != 8 || frame[13] != 0 || len(frame) < 14+int(frame[14]&15)*4 || frame[14]&15 < 5 {
		return
	}
	header := frame[14 : 14+int(frame[14]&15)*4]
	header[10], header[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < len(header); i += 2 {
		sum += uint32(header[i])<<8 | uint32(header[i+1])
	}
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	header[10], header[11] = ^byte(sum>>8), ^byte(sum)
}

func (s *frameSource) mutate(frame []byte) []byte {
	if len(frame) == 0 {
		return frame
	}
	switch s.random.IntN(6) {
	case 0: // any byte of the headers
		frame[s.random.IntN(min(len(frame), 80))] = byte(s.random.Uint32())
	case 1: // one bit of them
		frame[s.random.IntN(min(len(frame), 80))] ^= 1 << s.random.IntN(8)
	case 2: // cut
		frame = frame[:max(14, s.random.IntN(len(frame)))]
	case 3: // padded
		frame = append(frame, make([]byte, s.random.IntN(32))...)
	case 4: // other address
		copy(frame, s.mac())
	case 5: // the IP header's first bytes, where its checks are
		if len(frame) > 24 {
			frame[14+s.random.IntN(10)] = byte(s.random.Uint32())
		}
	}
	return frame
}

func (s *frameSource) mac() []byte {
	all := [][]byte{s.nic[:], farMAC[:], make([]byte, 6), {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	for _, v := range s.vips {
		all = append(all, v.MAC[:])
	}
	return all[s.random.IntN(len(all))]
}

// otherNodes are those of the farm, kernelNIC's own apart.
var otherNodes = []config.MAC{{0x02, 0, 0, 0, 1, 1}, {0x02, 0, 0, 0, 1, 2}, {0x02, 0, 0, 0, 1, 3}}

// source is a client's router most of the time, and else a node's.
func (s *frameSource) source() config.MAC {
	switch s.random.IntN(8) {
	case 0:
		return s.nic
	case 1, 2:
		return otherNodes[s.random.IntN(len(otherNodes))]
	}
	return farMAC
}

// whole builds a frame as a client sends it.
func (s *frameSource) whole() []byte {
	vip := s.vips[s.random.IntN(len(s.vips))]
	eth := &layers.Ethernet{SrcMAC: s.source().HardwareAddr(), DstMAC: vip.MAC.HardwareAddr(), EthernetType: layers.EthernetTypeIPv4}
	if vip.Address.Is6() {
		eth.EthernetType = layers.EthernetTypeIPv6
	} else if s.random.IntN(10) == 0 {
		return s.serialize(s.arp(eth, vip)...)
	}
	kind, chain := eth.EthernetType, []gopacket.SerializableLayer{eth}
	for tags := s.random.IntN(12); tags > 9; tags-- { // none, one or two VLAN tags
		eth.EthernetType = layers.EthernetTypeDot1Q
		vlan := uint16(s.random.IntN(4096)) * uint16(s.random.IntN(2)) // often a priority alone
		chain = append(chain, &layers.Dot1Q{Priority: 5, VLANIdentifier: vlan, Type: kind})
	}
	if vip.Address.Is6() {
		return s.serialize(append(chain, s.packet6(vip)...)...)
	}
	ip := &layers.IPv4{Version: 4, TTL: 64, Id: uint16(s.random.Uint32()), SrcIP: []byte{203, 0, 113, 7}, DstIP: vip.Address.AsSlice()}
	if s.random.IntN(5) == 0 {
		ip.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: make([]byte, 5)}}
	}
	if s.random.IntN(6) == 0 {
		ip.Flags, ip.Id = layers.IPv4MoreFragments, uint16(s.random.Uint32())
		if s.random.IntN(2) == 0 {
			ip.FragOffset = uint16(s.random.IntN(100))
		}
	}
	return s.serialize(append(append(chain, ip), s.transport(ip, &ip.Protocol)...)...)
}

// quote is what an ICMP error has of a packet that the VIP, to which it goes, has
// sent.
func (s *frameSource) quote(to gopacket.NetworkLayer) gopacket.Payload {
	protocol := []layers.IPProtocol{layers.IPProtocolTCP, layers.IPProtocolTCP, layers.IPProtocolUDP, layers.IPProtocolSCTP}[s.random.IntN(4)]
	var l4 gopacket.SerializableLayer = &layers.TCP{SrcPort: layers.TCPPort(s.port()), DstPort: layers.TCPPort(s.random.Uint32())}
	if protocol != layers.IPProtocolTCP {
		l4 = &layers.UDP{SrcPort: layers.UDPPort(s.port()), DstPort: layers.UDPPort(s.random.Uint32())}
	}
	var ip gopacket.SerializableLayer
	least := 28 // what is quoted of a packet at least (RFC 792)
	switch outer := to.(type) {
	case *layers.IPv4:
		ip = &layers.IPv4{Version: 4, TTL: 60, Protocol: protocol, SrcIP: outer.DstIP, DstIP: []byte{203, 0, 113, byte(s.random.Uint32())}}
	case *layers.IPv6:
		client := farIPv6.As16()
		client[15] = byte(s.random.Uint32())
		ip = &layers.IPv6{Version: 6, HopLimit: 60, NextHeader: protocol, SrcIP: outer.DstIP, DstIP: client[:]}
		least = 48
	}
	b := serialize(s.t, gopacket.SerializeOptions{FixLengths: true}, ip, l4)
	if s.random.IntN(2) == 0 {
		b = b[:least]
	}
	return b
}

func (s *frameSource) arp(eth *layers.Ethernet, vip config.VIP) []gopacket.SerializableLayer {
	eth.EthernetType = layers.EthernetTypeARP
	return []gopacket.SerializableLayer{eth, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPRequest, SourceHwAddress: farMAC.HardwareAddr(), SourceProtAddress: []byte{203, 0, 113, 7},
		DstHwAddress: make([]byte, 6), DstProtAddress: vip.Address.AsSlice(),
	}}
}

// transport is what an IP packet carries, which is written down in protocol.
func (s *frameSource) transport(ip gopacket.NetworkLayer, protocol *layers.IPProtocol) []gopacket.SerializableLayer {
	payload := gopacket.Payload(make([]byte, s.random.IntN(40)))
	switch s.random.IntN(6) {
	case 5:
		*protocol = 253
		return []gopacket.SerializableLayer{payload}
	case 0:
		header := s.icmp(ip, protocol)
		if s.random.IntN(2) == 0 {
			payload = s.quote(ip)
		}
		return []gopacket.SerializableLayer{header, payload}
	case 1:
		*protocol = []layers.IPProtocol{layers.IPProtocolSCTP, layers.IPProtocolNoNextHeader, layers.IPProtocolICMPv4, layers.IPProtocolICMPv6}[s.random.IntN(4)]
		return []gopacket.SerializableLayer{payload}
	case 2:
		*protocol = layers.IPProtocolUDP
		udp := &layers.UDP{SrcPort: layers.UDPPort(s.port()), DstPort: layers.UDPPort(s.port())}
		_ = udp.SetNetworkLayerForChecksum(ip) // never fails for IP
		return []gopacket.SerializableLayer{udp, payload}
	}
	*protocol = layers.IPProtocolTCP
	tcp := &layers.TCP{SrcPort: layers.TCPPort(s.port()), DstPort: layers.TCPPort(s.port())}
	s.flags(tcp)
	_ = tcp.SetNetworkLayerForChecksum(ip) // never fails for IP
	return []gopacket.SerializableLayer{tcp, payload}
}

// icmp is an ICMP header of any type that means something, or none.
func (s *frameSource) icmp(ip gopacket.NetworkLayer, protocol *layers.IPProtocol) gopacket.SerializableLayer {
	if ip.LayerType() == layers.LayerTypeIPv4 {
		*protocol = layers.IPProtocolICMPv4
		return &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode([]uint8{3, uint8(s.random.IntN(16))}[s.random.IntN(2)], 0)}
	}
	*protocol = layers.IPProtocolICMPv6
	first := []int{0, 128, 132}[s.random.IntN(3)] // errors, echo, neighbour discovery
	return gopacket.Payload{byte(first + s.random.IntN(7)), 0, 0, 0, 0, 0, 0, 0}
}

// flags makes a packet open a flow, go on with one, or do some of both.
func (s *frameSource) flags(tcp *layers.TCP) {
	switch s.random.IntN(4) {
	case 0, 1:
		tcp.SYN = true
	case 2:
		tcp.ACK = true
	default:
		tcp.FIN, tcp.SYN, tcp.RST = s.random.IntN(2) == 0, s.random.IntN(2) == 0, s.random.IntN(2) == 0
		tcp.PSH, tcp.ACK, tcp.URG = s.random.IntN(2) == 0, s.random.IntN(2) == 0, s.random.IntN(2) == 0
	}
}

// ruled is a whole packet of a rule, from a new client.
func (s *frameSource) ruled() []byte {
	for {
		rule := s.rules[s.random.IntN(len(s.rules))]
		vip := s.vips[s.random.IntN(len(s.vips))]
		if !rule.Holds(vip.Address) {
			continue
		}
		eth, ip := s.from(vip, layers.IPProtocol(rule.Protocol))
		var l4 gopacket.SerializableLayer = &layers.TCP{SrcPort: layers.TCPPort(1 + s.random.IntN(65535)), DstPort: layers.TCPPort(rule.Ports[0].First), SYN: true}
		if rule.Protocol == config.UDP {
			l4 = &layers.UDP{SrcPort: layers.UDPPort(1 + s.random.IntN(65535)), DstPort: layers.UDPPort(rule.Ports[0].First)}
		}
		frame := serialize(s.t, gopacket.SerializeOptions{FixLengths: true}, eth, ip, l4)
		fixHeader(frame)
		return frame
	}
}

// from are the headers of a plain packet from a new client.
func (s *frameSource) from(vip config.VIP, protocol layers.IPProtocol) (*layers.Ethernet, gopacket.SerializableLayer) {
	eth := &layers.Ethernet{SrcMAC: farMAC.HardwareAddr(), DstMAC: vip.MAC.HardwareAddr(), EthernetType: layers.EthernetTypeIPv4}
	a, b := byte(s.random.Uint32()), byte(s.random.Uint32())
	if vip.Address.Is4() {
		return eth, &layers.IPv4{Version: 4, TTL: 64, Id: uint16(s.random.Uint32()), Protocol: protocol, SrcIP: []byte{203, 0, a, b}, DstIP: vip.Address.AsSlice()}
	}
	eth.EthernetType = layers.EthernetTypeIPv6
	client := farIPv6.As16()
	client[14], client[15] = a, b
	client[4+s.random.IntN(10)] = a // of any network
	return eth, &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: client[:], DstIP: vip.Address.AsSlice()}
}

// port is one of a rule, beside one, or any.
func (s *frameSource) port() uint16 {
	if len(s.rules) == 0 || s.random.IntN(4) == 0 {
		return uint16(s.random.Uint32())
	}
	ports := s.rules[s.random.IntN(len(s.rules))].Ports
	p := ports[s.random.IntN(len(ports))]
	return []uint16{p.First, p.Last, p.First - 1, p.Last + 1}[s.random.IntN(4)]
}

func (s *frameSource) serialize(l ...gopacket.SerializableLayer) []byte {
	return serialize(s.t, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, l...)
}

func serialize(t testing.TB, o gopacket.SerializeOptions, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, o, l...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// randomFarm is a configuration with so many VIPs and rules, no two of which
// overlap. Every other VIP is an IPv6 address.
func randomFarm(random *rand.Rand, vips, rules int) (v []config.VIP, r []config.Rule) {
	return farmOf(random, vips, rules, func(i int) netip.Addr {
		if i%2 == 1 {
			return ipv6VIP(random, i)
		}
		return ipv4VIP(random, i)
	})
}

func ipv4VIP(random *rand.Rand, i int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 51, 100, byte(random.IntN(4) + 4*i)})
}

// directed puts some VIPs into that mode; their frames are sent to this node.
func directed(random *rand.Rand, vips []config.VIP) {
	for i := range vips {
		if random.IntN(2) == 0 {
			vips[i].Mode, vips[i].MAC = config.Directed, kernelNIC
		}
	}
}

// farmOf is one whose VIPs have the addresses that address gives them.
func farmOf(random *rand.Rand, vips, rules int, address func(i int) netip.Addr) (v []config.VIP, r []config.Rule) {
	for i := range vips {
		a := address(i)
		b := a.AsSlice()
		v = append(v, config.VIP{Address: a, Mode: config.Flood, MAC: config.MAC(append([]byte{0x5a, 0xfe}, b[len(b)-4:]...))})
	}
	port := uint16(0)
	for range rules {
		one := config.Rule{
			Protocol: []config.Protocol{config.TCP, config.UDP}[random.IntN(2)],
			Affinity: []config.Affinity{config.Client, config.Session, config.Network}[random.IntN(3)],
			Prefix4:  uint8(1 + random.IntN(32)), Prefix6: uint8(1 + random.IntN(128)),
			Forward: random.IntN(2) == 0,
		}
		switch {
		case len(r)%10 == 9:
			one.Mode = config.ModeBlock
		case one.Protocol == config.UDP && random.IntN(3) == 0:
			one.Affinity, one.Forward = config.Packet, false
		}
		for _, vip := range v {
			if random.IntN(2) == 0 {
				one.VIPs = append(one.VIPs, vip.Address)
			}
		}
		first := port + 1 + uint16(random.IntN(50))
		port = first + uint16(random.IntN(5))
		if one.Protocol == config.TCP && one.Affinity != config.Session && one.Mode != config.ModeBlock && len(r)%4 > 0 {
			one.Sticky = time.Minute
		}
		one.Ports = []config.PortRange{{First: first, Last: port}}
		r = append(r, one)
	}
	return v, r
}
