package pipeline

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

var (
	vip6    = config.VIP{Address: netip.MustParseAddr("2001:db8::100"), Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 0, 0, 1, 0}}
	client6 = netip.MustParseAddr("2001:db8:f::7")
)

// frame6 is a packet for the IPv6 VIP, to be changed by a test before it is built.
type frame6 struct {
	eth        layers.Ethernet
	ip         layers.IPv6
	protocol   layers.IPProtocol
	extensions []extension6
	l4         gopacket.SerializableLayer
	edit       func([]byte) []byte
}

// extension6 is an extension header, but for its first byte.
type extension6 struct {
	kind layers.IPProtocol
	rest []byte
}

func newFrame6(l4 gopacket.SerializableLayer) *frame6 {
	f := &frame6{
		eth: layers.Ethernet{SrcMAC: clientMAC.HardwareAddr(), DstMAC: vip6.MAC.HardwareAddr(), EthernetType: layers.EthernetTypeIPv6},
		ip:  layers.IPv6{Version: 6, HopLimit: 64, SrcIP: client6.AsSlice(), DstIP: vip6.Address.AsSlice()},
		l4:  l4, protocol: layers.IPProtocolICMPv6,
	}
	switch l4.(type) {
	case *layers.TCP:
		f.protocol = layers.IPProtocolTCP
	case *layers.UDP:
		f.protocol = layers.IPProtocolUDP
	}
	return f
}

func tcp6(src, dst uint16) *frame6 {
	return newFrame6(&layers.TCP{SrcPort: layers.TCPPort(src), DstPort: layers.TCPPort(dst), SYN: true, Window: 1024})
}

func udp6(src, dst uint16) *frame6 {
	return newFrame6(&layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)})
}

// icmp6 has so many bytes, the type among them.
func icmp6(kind uint8, length int) *frame6 {
	return newFrame6(append(gopacket.Payload{kind}, make([]byte, length-1)...))
}

func (f *frame6) from(ip string) *frame6 { f.ip.SrcIP = net.ParseIP(ip).To16(); return f }
func (f *frame6) dst(ip string) *frame6  { f.ip.DstIP = net.ParseIP(ip).To16(); return f }
func (f *frame6) to(m config.MAC) *frame6 {
	f.eth.DstMAC = m.HardwareAddr()
	return f
}

// with puts an extension header before the transport header; rest begins with its
// length, and 8 bytes in all are made of less.
func (f *frame6) with(kind uint8, rest ...byte) *frame6 {
	f.extensions = append(f.extensions, extension6{layers.IPProtocol(kind), append(rest, make([]byte, max(0, 7-len(rest)))...)})
	return f
}

// options are so many headers of destination options.
func (f *frame6) options(n int) *frame6 {
	for range n {
		f.with(extDestination, 0)
	}
	return f
}

func (f *frame6) patch(edit func([]byte) []byte) *frame6 { f.edit = edit; return f }

func (f *frame6) bytes(t testing.TB) []byte {
	t.Helper()
	if c, ok := f.l4.(interface {
		SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
	}); ok {
		if err := c.SetNetworkLayerForChecksum(&f.ip); err != nil {
			t.Fatal(err)
		}
	}
	chain := []gopacket.SerializableLayer{&f.eth, &f.ip}
	next := &f.ip.NextHeader
	for _, e := range f.extensions {
		header := append(gopacket.Payload{0}, e.rest...)
		*next, next = e.kind, (*layers.IPProtocol)(&header[0])
		chain = append(chain, header)
	}
	*next = f.protocol
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, append(chain, f.l4, gopacket.Payload("payload"))...); err != nil {
		t.Fatal(err)
	}
	if f.edit == nil {
		return buf.Bytes()
	}
	return f.edit(buf.Bytes())
}

// seeds6 are frames of every kind for fuzzing.
func seeds6(t testing.TB) (seeds [][]byte) {
	for _, f := range []*frame6{
		tcp6(40000, 80), udp6(40000, 53), icmp6(icmp6EchoRequest, 8), icmp6(icmp6TooBig, 8), icmp6(135, 24), icmp6(135, 24).to(nicMAC),
		tcp6(40000, 80).with(extHopByHop, 0, 5, 2), tcp6(40000, 80).with(extHopByHop, 0).with(extRouting, 0, 2).with(extAuth, 1).options(2),
		udp6(40000, 53).with(extFragment, 0, 0, 1), udp6(40000, 53).with(extFragment, 0, 0, 0), tcp6(40000, 80).options(7),
		tcp6(40000, 80).from("::ffff:192.0.2.1"), tcp6(40000, 80).dst("2001:db8::101"),
	} {
		seeds = append(seeds, f.bytes(t))
	}
	return seeds
}

// packets6 are IPv6 packets, whole and broken.
func packets6() []named {
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	set := func(at int, v ...byte) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[at:], v); return b }
	}
	web := func() *frame6 { return tcp6(40000, 80) }
	long := append([]byte{255}, make([]byte, 2046)...)
	return []named{
		{"tcp to a rule's port", web(), Accepted},
		{"tcp past a rule's range", tcp6(40000, 8011), NoRule},
		{"udp to a rule's port", udp6(40000, 53), Accepted},
		{"udp to a tcp rule's port", udp6(40000, 80), NoRule},
		{"rule of another vip", tcp6(40000, 25), NoRule},
		{"sent to the interface's own address", web().to(nicMAC), Accepted},
		{"sent to another machine", web().to(otherMAC), Other},
		{"sent to another vip's vmac", web().to(vipA.MAC), Other},
		{"vmac, no vip", web().dst("2001:db8::99"), NotVIP},
		{"vmac, the vip's last half", web().dst("2001:db8:1::100"), NotVIP},
		{"vmac, the vip's first half", web().dst("2001:db8::101"), NotVIP},
		{"own address, no vip", web().dst("2001:db8::99").to(nicMAC), Other},
		{"padded to the ethernet minimum", web().patch(func(b []byte) []byte { return append(b, make([]byte, 20)...) }), Accepted},
		{"traffic class and flow label", web().patch(set(14, 0x6f, 0xff, 0xff, 0xff)), Accepted},

		{"hop-by-hop options", web().with(extHopByHop, 0, 5, 2), Accepted},
		{"destination options", web().options(1), Accepted},
		{"authentication", web().with(extAuth, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8), Accepted},
		{"routing without segments left", web().with(extRouting, 0, 2, 0), Accepted},
		{"routing with segments left", web().with(extRouting, 0, 2, 1), OtherProtocol},
		{"all in the order that RFC 8200 names", udp6(40000, 53).with(extHopByHop, 0).options(1).with(extRouting, 0).with(extFragment, 0).with(extAuth, 0).options(1), Accepted},
		{"six headers", web().options(6), Accepted},
		{"seven headers", web().options(7), Malformed},
		{"longest options", web().with(extDestination, long...), Accepted},
		{"options past the packet", web().with(extDestination, 3).patch(func(b []byte) []byte { b[18], b[19] = 0, 28; return b[:82] }), Malformed},
		{"hop-by-hop options second", web().options(1).with(extHopByHop, 0), Malformed},
		{"extension header cut short", web().options(1).patch(func(b []byte) []byte { b[18], b[19] = 0, 7; return b }), Malformed},
		{"no next header", web().patch(set(20, 59)), OtherProtocol},
		{"encapsulated security payload", web().patch(set(20, 50)), OtherProtocol},
		{"mobility header", web().patch(set(20, 135)), OtherProtocol},
		{"sctp", web().patch(set(20, 132)), OtherProtocol},
		{"ICMP of IPv4", icmp6(8, 8).patch(set(20, 1)), OtherProtocol},

		{"first fragment", web().with(extFragment, 0, 0, 1), Fragment},
		{"later fragment", web().with(extFragment, 0, 0, 8), Fragment},
		{"last fragment, with options before", web().options(1).with(extFragment, 0, 0xff, 0xf8), Fragment},
		{"a fragment that is all", web().with(extFragment, 0, 0, 0), Accepted},
		{"a fragment that is all, reserved bits", web().with(extFragment, 0xff, 0, 6), Accepted},

		{"echo request", icmp6(icmp6EchoRequest, 8), AcceptedEcho},
		{"echo reply", icmp6(129, 8), OtherICMP},
		{"unreachable", icmp6(icmp6Unreachable, 8), AcceptedICMPError},
		{"packet too big", icmp6(icmp6TooBig, 8), AcceptedICMPError},
		{"time exceeded", icmp6(icmp6TimeExceeded, 8), AcceptedICMPError},
		{"parameter problem", icmp6(icmp6ParameterProb, 8), AcceptedICMPError},
		{"type 0", icmp6(0, 8), OtherICMP},
		{"type 5", icmp6(5, 8), OtherICMP},
		{"listener query", icmp6(130, 8), OtherICMP},
		{"before neighbour discovery", icmp6(132, 8), OtherICMP},
		{"after neighbour discovery", icmp6(138, 8), OtherICMP},
		{"icmp cut short", icmp6(icmp6EchoRequest, 8).patch(set(18, 0, 7)), Malformed},
		{"echo behind options", icmp6(icmp6EchoRequest, 8).options(1), AcceptedEcho},

		{"router solicitation", icmp6(133, 8), AcceptedNeighbour},
		{"solicitation", icmp6(135, 24), AcceptedNeighbour},
		{"solicitation from nobody", icmp6(135, 24).from("::"), AcceptedNeighbour},
		{"solicitation from the vip", icmp6(135, 24).from("2001:db8::100"), AcceptedNeighbour},
		{"solicitation for no vip, to a vmac", icmp6(135, 24).dst("2001:db8::99"), AcceptedNeighbour},
		{"solicitation behind options", icmp6(135, 24).options(1), AcceptedNeighbour},
		{"solicitation to the interface", icmp6(135, 24).to(nicMAC), Other},
		{"solicitation to another machine", icmp6(135, 24).to(otherMAC), Other},
		{"advertisement", icmp6(136, 24), AcceptedNeighbour},
		{"redirect", icmp6(137, 40), AcceptedNeighbour},
		{"solicitation cut short", icmp6(135, 24).patch(set(18, 0, 7)), Malformed},
		{"solicitation in fragments", icmp6(135, 24).with(extFragment, 0, 0, 1), Fragment},

		{"from port 0", tcp6(0, 80), PortZero},
		{"to port 0", udp6(40000, 0), PortZero},
		{"from ::", web().from("::"), Martian},
		{"from loopback", web().from("::1"), Martian},
		{"from ::2", web().from("::2"), Accepted},
		{"from multicast", web().from("ff02::1"), Martian},
		{"from an ipv4 address", web().patch(func(b []byte) []byte { copy(b[22:], make([]byte, 10)); b[32], b[33] = 0xff, 0xff; return b }), Martian},
		{"from an address translated from ipv4", web().from("64:ff9b::192.0.2.1"), Accepted},
		{"from a link-local address", web().from("fe80::1"), Accepted},
		{"from the vip itself", web().from("2001:db8::100"), Martian},
		{"a martian's fragment", web().from("::1").with(extFragment, 0, 0, 1), Martian},

		{"version 4", web().patch(set(14, 0x45)), Malformed},
		{"payload past the frame", web().patch(set(18, 0x05, 0xdc)), Malformed},
		{"no payload", web().patch(set(18, 0, 0)), Malformed},
		{"tcp header cut short", web().patch(set(18, 0, 19)), Malformed},
		{"udp header cut short", udp6(40000, 53).patch(set(18, 0, 7)), Malformed},
		{"header cut short", web().patch(cut(53)), NotVIP},
		{"header cut short, own address", web().to(nicMAC).patch(cut(53)), Other},
		{"ipv6 in an ipv4 frame", web().patch(set(12, 0x08, 0x00)), NotVIP},
	}
}

func TestJudgeIPv6WithoutBuckets(t *testing.T) {
	none := testTable(t, false)
	stopped := NewTable(none.Rules, nil)
	for _, tt := range []struct {
		frame         *frame6
		none, stopped Reason
	}{
		{tcp6(40000, 80), NotMine, NotServing},
		{udp6(40000, 53), NotMine, NotServing},
		{icmp6(icmp6EchoRequest, 8), NotMine, NotServing},
		{icmp6(icmp6TooBig, 8), AcceptedICMPError, AcceptedICMPError},
		{icmp6(135, 24), AcceptedNeighbour, AcceptedNeighbour},
	} {
		b := tt.frame.bytes(t)
		if got := none.Judge(b, Facts{}, goodLease); got != tt.none {
			t.Errorf("node without buckets: got %s, want %s", got, tt.none)
		}
		if got := stopped.Judge(b, Facts{}, goodLease); got != tt.stopped {
			t.Errorf("stopped node: got %s, want %s", got, tt.stopped)
		}
	}
}

// TestIPv6PacketGoesWhereItsClientIsPlaced: `where` and the verdict are of one mind.
func TestIPv6PacketGoesWhereItsClientIsPlaced(t *testing.T) {
	rules := testTable(t, false).Rules
	for port := range uint16(50) {
		from := netip.AddrPortFrom(client6, 40000+port)
		part, others := &Part{}, &Part{}
		part.Mine.Set(rules.Place(from, 0).Bucket)
		table := NewTable(rules, &Share{Rules: []*Part{part, others, others}, Echo: others})
		if got := table.Judge(tcp6(from.Port(), 80).bytes(t), Facts{}, goodLease); got != Accepted {
			t.Fatalf("%v: %s", from, got)
		}
		if got := table.Judge(tcp6(from.Port()+1, 80).bytes(t), Facts{}, goodLease); got != NotMine {
			t.Fatalf("beside %v: %s", from, got)
		}
	}
}

// TestFlowOfIPv6 finds one flow in packets of it, with extension headers or without.
func TestFlowOfIPv6(t *testing.T) {
	want := flow{source: client6.As16(), destination: vip6.Address.As16(), ports: [4]byte{0x9c, 0x40, 0, 80}}
	for name, f := range map[string]*frame6{"plain": tcp6(40000, 80), "options": tcp6(40000, 80).with(extHopByHop, append([]byte{1}, make([]byte, 14)...)...).options(2)} {
		if got, ok := tcpFlow(f.bytes(t)); !ok || got != want {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	if client, vip := want.opening().Addrs(); client != client6 || vip != netip.AddrPortFrom(vip6.Address, 80) {
		t.Errorf("opening of %v to %v", client, vip)
	}
	set := NewHalfOpen(1, func(yield func(c, s netip.AddrPort) bool) {
		yield(netip.AddrPortFrom(client6, 40000), netip.AddrPortFrom(vip6.Address, 80))
	})
	if !set.has(want) {
		t.Error("its half-open handshake is not found")
	}
	if _, _, ok := flowIn(udp6(40000, 53).with(extFragment, 0, 0, 8).bytes(t)); ok {
		t.Error("a fragment has a flow")
	}
	if _, ok := tcpFlow(udp6(40000, 53).bytes(t)); ok {
		t.Error("UDP has a TCP flow")
	}
}

// TestParkedIPv6MeetsTheList: as TestParkedUDPMeetsList, for a SYN over IPv6.
func TestParkedIPv6MeetsTheList(t *testing.T) {
	syn := tcp6(40000, 80).bytes(t)
	parking, mine := forwardTable(t, false, false, true), forwardTable(t, false, true, false)
	other := mine.WithHalfOpen(NewHalfOpen(1, func(yield func(c, s netip.AddrPort) bool) {
		yield(netip.AddrPortFrom(client6, 40000), netip.AddrPortFrom(vip6.Address, 80))
	}))
	for want, table := range map[Reason]*Table{Accepted: mine, HalfOpenElsewhere: other} {
		l := NewLot(2)
		if got := parking.Judge(syn, Facts{}, goodLease); got != Parked || l.Park(syn, Facts{}, 1) != Parked {
			t.Fatalf("%s, want it parked", got)
		}
		if l.Park(syn, Facts{}, 2); l.Len() != 1 {
			t.Errorf("%d packets of one flow are parked", l.Len())
		}
		l.Review()
		l.Release(table, goodLease, make([]byte, LotPacketLen))
		if sum := left(l); sum[want] != 1 {
			t.Errorf("it left as %v, want %s", sum, want)
		}
	}
}

// TestIPv6BatchAllocatesNothing, with extension headers, and nothing per parked one.
func TestIPv6BatchAllocatesNothing(t *testing.T) {
	table := testTable(t, true)
	var frames [][]byte
	for i := range uint16(BatchSize) {
		frames = append(frames, tcp6(40000+i, 80).options(int(i%8)).bytes(t))
	}
	facts, reasons := make([]Facts, BatchSize), make([]Reason, BatchSize)
	var c Counters
	if n := testing.AllocsPerRun(100, func() {
		table.JudgeBatch(frames, facts, goodLease, reasons)
		c.Add(reasons)
	}); n != 0 {
		t.Errorf("%v allocations in a batch, want 0", n)
	}
	l := NewLot(BatchSize)
	dst := make([]byte, LotPacketLen)
	if n := testing.AllocsPerRun(100, func() {
		for _, f := range frames {
			l.Park(f, Facts{}, 1)
		}
		for l.Review(); l.Release(table, goodLease, dst) > 0; {
		}
	}); n != 0 {
		t.Errorf("%v allocations for a parked batch, want 0", n)
	}
}

// BenchmarkBatch6 is BenchmarkBatch for IPv6 packets.
func BenchmarkBatch6(b *testing.B) {
	table := testTable(b, true)
	var frames [][]byte
	for i := range uint16(BatchSize) {
		frames = append(frames, tcp6(40000+i, 80).bytes(b))
	}
	facts, reasons := make([]Facts, BatchSize), make([]Reason, BatchSize)
	b.ReportAllocs()
	for b.Loop() {
		table.JudgeBatch(frames, facts, goodLease, reasons)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/BatchSize, "ns/packet")
}
