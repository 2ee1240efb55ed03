package xsk

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
	"thresher/pipeline"
)

// TestReasonsAgree holds reason.h against pipeline.Reason, name by name.
func TestReasonsAgree(t *testing.T) {
	values := enumValues(t, "reason")
	if got, want := len(values)-1, int(pipeline.ReasonLen); got != want {
		t.Fatalf("reason.h has %d reasons, package pipeline %d", got, want)
	}
	for _, v := range values[:pipeline.ReasonLen] {
		if got, want := strings.ToLower(v.Name), pipeline.Reason(v.Value).String(); got != want {
			t.Errorf("reason %d is %s in reason.h, %s in package pipeline", v.Value, got, want)
		}
	}
}

// TestFlowStatesAgree does the same with flows.h and pipeline.FlowState.
func TestFlowStatesAgree(t *testing.T) {
	want := map[string]pipeline.FlowState{
		"FLOW_NONE": pipeline.FlowNone, "FLOW_LISTEN": pipeline.FlowListen, "FLOW_KNOWN": pipeline.FlowKnown,
		"FLOW_TIME_WAIT": pipeline.FlowTimeWait, "FLOW_COOKIE": pipeline.FlowCookie, "FLOW_LEN": pipeline.FlowLen,
	}
	values := enumValues(t, "flow")
	if len(values) != len(want) {
		t.Errorf("flows.h has %d states, package pipeline %d", len(values), len(want))
	}
	for _, v := range values {
		if number, ok := want[v.Name]; !ok || uint64(number) != v.Value {
			t.Errorf("%s is %d in flows.h, %d in package pipeline", v.Name, v.Value, number)
		}
	}
}

func enumValues(t *testing.T, name string) []btf.EnumValue {
	t.Helper()
	spec, err := loadBpf()
	must(t, err)
	var enum *btf.Enum
	must(t, spec.Types.TypeByName(name, &enum))
	return enum.Values
}

var (
	ownMAC   = config.MAC{0x02, 0, 0, 0, 0, 0x0b}
	otherMAC = config.MAC{0x02, 0, 0, 0, 0, 0x0c}
)

const (
	xdpDrop     = 1
	xdpPass     = 2
	xdpRedirect = 4
)

func tcpTo(t testing.TB, mac config.MAC, ip string) []byte {
	t.Helper()
	eth, dst := headers(t, mac, netip.Addr{}, ip, layers.IPProtocolTCP)
	tcp := layers.TCP{SrcPort: 40000, DstPort: 80, SYN: true}
	must(t, tcp.SetNetworkLayerForChecksum(dst))
	return serialize(t, eth, dst, &tcp)
}

func udpTo(t testing.TB, mac config.MAC, ip string) []byte {
	t.Helper()
	eth, dst := headers(t, mac, netip.Addr{}, ip, layers.IPProtocolUDP)
	udp := layers.UDP{SrcPort: 40000, DstPort: 53}
	must(t, udp.SetNetworkLayerForChecksum(dst))
	return serialize(t, eth, dst, &udp)
}

// ipHeader is one of either family.
type ipHeader interface {
	gopacket.NetworkLayer
	gopacket.SerializableLayer
}

// headers are those of a packet to an address of either family; from is the client
// if it is none.
func headers(t testing.TB, mac config.MAC, from netip.Addr, to string, protocol layers.IPProtocol) (*layers.Ethernet, ipHeader) {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: otherMAC.HardwareAddr(), DstMAC: mac.HardwareAddr(), EthernetType: layers.EthernetTypeIPv4}
	dst := parseIP(t, to)
	if len(dst) == 4 {
		if !from.IsValid() {
			from = clientIP.Addr()
		}
		return eth, &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: from.AsSlice(), DstIP: dst}
	}
	if !from.IsValid() {
		from = clientIP6.Addr()
	}
	eth.EthernetType = layers.EthernetTypeIPv6
	return eth, &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: from.AsSlice(), DstIP: dst}
}

// transportAt is where a frame of headers' has its transport header.
func transportAt(frame []byte) int {
	if frame[12] == 0x86 {
		return 14 + 40
	}
	return 14 + 20
}

// solicitation asks for an address (RFC 4861 §4.3), sent to an Ethernet address.
func solicitation(t testing.TB, mac config.MAC, target string) []byte {
	t.Helper()
	eth, ip := headers(t, mac, netip.Addr{}, target, layers.IPProtocolICMPv6)
	icmp := layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeNeighborSolicitation, 0)}
	must(t, icmp.SetNetworkLayerForChecksum(ip))
	return serialize(t, eth, ip, &icmp, &layers.ICMPv6NeighborSolicitation{TargetAddress: parseIP(t, target)})
}

func arpTo(t *testing.T, mac config.MAC) []byte {
	t.Helper()
	return serialize(t,
		&layers.Ethernet{SrcMAC: otherMAC.HardwareAddr(), DstMAC: mac.HardwareAddr(), EthernetType: layers.EthernetTypeARP},
		&layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: layers.ARPRequest, SourceHwAddress: otherMAC.HardwareAddr(), SourceProtAddress: clientIP.Addr().AsSlice(),
			DstHwAddress: make([]byte, 6), DstProtAddress: vip.Address.AsSlice()})
}

func serialize(t testing.TB, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	must(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, l...))
	return buf.Bytes()
}

// TestProgramOneFrame runs the real program on one frame at a time.
func TestProgramOneFrame(t *testing.T) {
	w := newWire(t, 1)
	p := newPath(t, w, ownMAC, config.XDPNative, 1, &passAll{nic: ownMAC})
	index := uint32(w.nic.Attrs().Index)
	broadcast := config.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	tests := []struct {
		name   string
		frame  []byte
		queue  uint32
		want   uint32
		reason pipeline.Reason
		dst    config.MAC // of the frame afterwards; zero: unchanged
	}{
		{name: "vip", frame: tcpTo(t, vip.MAC, "198.18.0.100"), want: xdpRedirect},
		{name: "vip at the interface's address", frame: tcpTo(t, ownMAC, "198.18.0.100"), want: xdpRedirect},
		{name: "vip at another machine's address", frame: tcpTo(t, otherMAC, "198.18.0.100"), want: xdpPass},
		{name: "own address", frame: tcpTo(t, ownMAC, "198.18.0.11"), want: xdpPass},
		{name: "vmac without vip", frame: tcpTo(t, vip.MAC, "198.18.0.11"), want: xdpDrop, reason: pipeline.NotVIP},
		{name: "vmac, ip header cut short", frame: tcpTo(t, vip.MAC, "198.18.0.100")[:33], want: xdpDrop, reason: pipeline.NotVIP},
		{name: "own address, ip header cut short", frame: tcpTo(t, ownMAC, "198.18.0.100")[:33], want: xdpPass},
		{name: "ipv6 vip", frame: tcpTo(t, vip6.MAC, "2001:db8:1::100"), want: xdpRedirect},
		{name: "ipv6 vip at the interface's address", frame: tcpTo(t, ownMAC, "2001:db8:1::100"), want: xdpRedirect},
		{name: "ipv6 vip at another machine's address", frame: tcpTo(t, otherMAC, "2001:db8:1::100"), want: xdpPass},
		{name: "ipv6 vip at another vip's vmac", frame: tcpTo(t, vip.MAC, "2001:db8:1::100"), want: xdpPass},
		{name: "own ipv6 address", frame: tcpTo(t, ownMAC, "2001:db8:1::b"), want: xdpPass},
		{name: "vmac without ipv6 vip", frame: tcpTo(t, vip6.MAC, "2001:db8:1::b"), want: xdpDrop, reason: pipeline.NotVIP},
		{name: "vmac, ipv6 header cut short", frame: tcpTo(t, vip6.MAC, "2001:db8:1::100")[:53], want: xdpDrop, reason: pipeline.NotVIP},
		{name: "own address, ipv6 header cut short", frame: tcpTo(t, ownMAC, "2001:db8:1::100")[:53], want: xdpPass},
		{name: "solicitation to the vmac", frame: solicitation(t, vip6.MAC, "2001:db8:1::100"), want: xdpPass, reason: pipeline.AcceptedNeighbour, dst: ownMAC},
		{name: "solicitation for no vip to the vmac", frame: solicitation(t, vip6.MAC, "2001:db8:1::99"), want: xdpPass, reason: pipeline.AcceptedNeighbour, dst: ownMAC},
		{name: "solicitation to the interface", frame: solicitation(t, ownMAC, "2001:db8:1::100"), want: xdpPass},
		{name: "solicitation to its group", frame: solicitation(t, config.MAC{0x33, 0x33, 0xff, 0, 1, 0}, "ff02::1:ff00:100"), want: xdpPass},

		{name: "arp broadcast", frame: arpTo(t, broadcast), want: xdpPass},
		{name: "arp to the vmac", frame: arpTo(t, vip.MAC), want: xdpPass, reason: pipeline.AcceptedNeighbour, dst: ownMAC},
		{name: "arp to the vmac, cut short", frame: arpTo(t, vip.MAC)[:41], want: xdpPass},
		{name: "arp to the interface", frame: arpTo(t, ownMAC), want: xdpPass},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := counters(t, p.program)
			out := make([]byte, len(tt.frame)+Headroom)
			run := &ebpf.RunOptions{Data: tt.frame, DataOut: out, Context: struct {
				Data, DataEnd, DataMeta, Ifindex, Queue, Egress uint32
			}{DataEnd: uint32(len(tt.frame)), Ifindex: index, Queue: tt.queue}}
			got, err := p.program.objects.Thresher.Run(run)
			must(t, err)
			if got != tt.want {
				t.Errorf("verdict %d, want %d", got, tt.want)
			}
			want := bytes.Clone(tt.frame)
			if got == xdpRedirect {
				run.DataOut = run.DataOut[metaLen:]
			}
			if tt.dst != (config.MAC{}) {
				copy(want, tt.dst[:])
			}
			if !bytes.Equal(run.DataOut, want) {
				t.Errorf("frame is\n%x, want\n%x", run.DataOut, want)
			}
			after := counters(t, p.program)
			for r := range after {
				counted := after[r] - before[r]
				if expected := uint64(0); pipeline.Reason(r) == tt.reason && r > 0 {
					expected = 1
					if counted != expected {
						t.Errorf("%s counted %d times", tt.reason, counted)
					}
				} else if counted != expected {
					t.Errorf("%s counted", pipeline.Reason(r))
				}
			}
		})
	}
}

// TestNoReaderDrops: with its sockets gone, the program must let no VIP packet
// through.
func TestNoReaderDrops(t *testing.T) {
	w := newWire(t, 1)
	p, err := LoadProgram(rulesFor(w.nicMAC()))
	must(t, err)
	defer p.Close()
	must(t, p.Arm())
	got, err := p.objects.Thresher.Run(&ebpf.RunOptions{Data: tcpTo(t, vip.MAC, "198.18.0.100")})
	must(t, err)
	if got != xdpDrop {
		t.Errorf("verdict %d, want %d", got, xdpDrop)
	}
	if n := counters(t, p)[pipeline.NoReader]; n != 1 {
		t.Errorf("no_reader counted %d times", n)
	}
}

func counters(t *testing.T, p *Program) []uint64 {
	t.Helper()
	sum := make([]uint64, pipeline.ReasonLen)
	must(t, p.AddCounters(sum))
	return sum
}

func TestSecondProgramIsRefused(t *testing.T) {
	w := newWire(t, 1)
	first, err := LoadProgram(rulesFor(w.nicMAC()))
	must(t, err)
	defer first.Close()
	attach(t, w, first, config.XDPAuto)
	second, err := LoadProgram(rulesFor(w.nicMAC()))
	must(t, err)
	defer second.Close()
	_, err = second.Attach(w.netInterface(), "veth", config.XDPAuto, nil)
	if err == nil || !strings.Contains(err.Error(), "xdp off") {
		t.Errorf("got error %v, want one that says how to remove the other program", err)
	}
}

// TestLargeMTUInPieces: a driver that can hands frames over in pieces.
func TestLargeMTUInPieces(t *testing.T) {
	w := newWire(t, 1)
	setMTU(t, w, 9000)
	rules := rulesFor(w.nicMAC())
	rules.Pieces = 1
	p, err := LoadProgram(rules)
	must(t, err)
	defer p.Close()
	attach(t, w, p, config.XDPNative)
}

// TestLargeMTUFallsBackToGeneric: without pieces, native XDP on veth needs a frame to fit a page.
func TestLargeMTUFallsBackToGeneric(t *testing.T) {
	w := newWire(t, 1)
	setMTU(t, w, 9000)
	p, err := LoadProgram(rulesFor(w.nicMAC()))
	must(t, err)
	defer p.Close()
	var why error
	mode, err := p.Attach(w.netInterface(), "veth", config.XDPAuto, func(err error) { why = err })
	must(t, err)
	if mode != config.XDPGeneric || why == nil {
		t.Errorf("attached %v, because of %v", mode, why)
	}
}
