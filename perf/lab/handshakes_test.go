package lab

import (
	"bytes"
	"flag"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"

	"thresher/config"
)

// floodTime is how long TestHandshakesKeepUp floods: 2 s as a check, 30 s to see
// whether memory and buffers last.
func floodTime() time.Duration {
	return flag.Lookup("lab.flood").Value.(flag.Getter).Get().(time.Duration)
}

func watch(t *testing.T, h *Host) *Handshakes {
	t.Helper()
	w, err := h.WatchHandshakes()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// serveVIP makes a single server of a node.
func serveVIP(t *testing.T, n *Node) {
	t.Helper()
	holdVIP(t, n)
	if _, err := n.StartHTTP("0.0.0.0:80", nil); err != nil {
		t.Fatal(err)
	}
}

func TestHandshakesOfRealConnections(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n, client := l.Nodes[0], l.Clients[0]
	serveVIP(t, n)
	w := watch(t, client)
	begin := time.Now()
	const requests = 5
	for range requests {
		get(t, client, netip.Addr{}, "http://"+VIP().String()+"/")
	}
	if err := w.Settle(within(t, 5*time.Second), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	all := w.All()
	if len(all) != requests {
		t.Errorf("%d handshakes, want %d", len(all), requests)
	}
	for _, h := range all {
		took, ok := h.Took()
		if !ok || took <= 0 || took > time.Second || h.Times != 1 || !slices.Equal(h.By, []config.MAC{n.MAC}) {
			t.Errorf("%+v took %v, %t", h, took, ok)
		}
		if h.Sent.Before(begin.Add(-time.Millisecond)) || h.Sent.After(time.Now()) {
			t.Errorf("sent at %v, which is not between %v and now", h.Sent, begin)
		}
		if got, ok := w.Of(h.SYN); !ok || !cmp.Equal(got, h, cmp.Comparer(sameAddress)) {
			t.Errorf("of %+v: %+v, %t", h.SYN, got, ok)
		}
	}
	if d, r := w.DoubleAnswers(), w.Resets(); len(d) > 0 || len(r) > 0 {
		t.Errorf("double answers %v, resets %v", d, r)
	}
	if err := w.Check(); err != nil {
		t.Error(err)
	}
}

func sameAddress(a, b netip.AddrPort) bool { return a == b }

// A second answer, made by hand, is what the watch exists for.
func TestHandshakesSeeADoubleAnswer(t *testing.T) {
	l := newLab(t, Config{Nodes: 2})
	n, client := l.Nodes[0], l.Clients[0]
	serveVIP(t, n)
	w := watch(t, client)
	syns := SYNs{To: vipPort(80), MAC: n.MAC, From: SYNSources(10), Salt: 77}
	if _, err := client.SendSYNs(t.Context(), syns); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all SYNs are answered", func() bool {
		return !slices.ContainsFunc(w.All(), func(h Handshake) bool { return h.Answered.IsZero() }) && len(w.All()) == 10
	})
	if d := w.DoubleAnswers(); len(d) > 0 {
		t.Fatalf("double answers %v before there is one", d)
	}
	victim := syns.SYN(3)
	answerFrom(t, l.Nodes[1].Host, client.MAC, Flow{VIP: victim.VIP.Addr(), VIPPort: 80,
		Client: victim.Client.Addr(), ClientPort: victim.Client.Port(), ID: uint64(victim.Seq + 1)})
	eventually(t, "the double answer is seen", func() bool { return len(w.DoubleAnswers()) == 1 })
	d := w.DoubleAnswers()[0]
	if d.SYN != victim || !slices.Equal(d.By, []config.MAC{n.MAC, l.Nodes[1].MAC}) {
		t.Errorf("%+v", d)
	}
	w.Forget()
	if all := w.All(); len(all) > 0 {
		t.Errorf("%v after forgetting", all)
	}
}

// A kernel sends a SYN again after 1 s; a port that nobody listens on resets.
func TestHandshakesSeeRetransmissionsAndResets(t *testing.T) {
	l := newLab(t, Config{Nodes: 2, Clients: 2})
	n, client := l.Nodes[0], l.Clients[0]
	serveVIP(t, n)
	ping(t, client, VIP())
	w, stranger := watch(t, client), watch(t, l.Clients[1])
	refused := netip.AddrPortFrom(client.Address, 40001)
	if conn, err := client.Dial(t.Context(), "tcp", refused, vipPort(81)); err == nil {
		conn.Close()
		t.Fatal("a port without server accepts")
	}
	eventually(t, "the reset is seen", func() bool { return len(w.Resets(refused)) > 0 })
	r := w.Resets(refused)
	if len(r) != 1 || r[0].VIP != vipPort(81) || !slices.Equal(r[0].By, []config.MAC{n.MAC}) || r[0].At.IsZero() {
		t.Errorf("resets %+v", r)
	}
	if r := w.Resets(netip.AddrPortFrom(client.Address, 1)); len(r) > 0 {
		t.Errorf("resets of another flow: %v", r)
	}

	if err := l.PortUp(n.Host, false); err != nil {
		t.Fatal(err)
	}
	_, err := client.Dial(within(t, 2*time.Second), "tcp", netip.AddrPort{}, vipPort(80))
	if err == nil {
		t.Fatal("a node without cable accepts")
	}
	again := w.Retransmitted()
	if len(again) != 1 || again[0].Times != 2 || !again[0].Answered.IsZero() {
		t.Errorf("retransmitted: %+v", again)
	}
	// With its port down the node's address is flooded to everybody.
	if all := stranger.All(); len(all) > 0 {
		t.Errorf("another client's SYNs count as its own: %+v", all)
	}
}

func TestHandshakesKeepUp(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n, client := l.Nodes[0], l.Clients[0]
	serveVIP(t, n)
	ping(t, n.Host, client.Address) // So that no SYN waits for ARP.
	w := watch(t, client)
	const rate = 20_000
	total := int(floodTime().Seconds() * rate)
	start := time.Now()
	sent, err := client.SendSYNs(t.Context(), SYNs{To: vipPort(80), MAC: n.MAC, From: SYNSources(total), Rate: rate})
	if err != nil || sent != total {
		t.Fatalf("sent %d, error %v", sent, err)
	}
	took := time.Since(start)
	if err := w.Settle(within(t, 30*time.Second), 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(); err != nil {
		t.Fatal(err)
	}
	all := w.All()
	answered := 0
	var worst time.Duration
	for _, h := range all {
		if d, ok := h.Took(); ok {
			answered++
			worst = max(worst, d)
		}
	}
	t.Logf("%d SYNs in %v, %d seen, %d answered, worst after %v", sent, took, len(all), answered, worst)
	if len(all) != total || answered != total {
		t.Errorf("%d seen, %d answered, want %d", len(all), answered, total)
	}
	if d, r := w.DoubleAnswers(), w.Retransmitted(); len(d)+len(r) > 0 {
		t.Errorf("%d double answers, %d retransmissions", len(d), len(r))
	}
}

// filtered runs the socket filter as the kernel does.
func filtered(t *testing.T, frame []byte) bool {
	t.Helper()
	raw, err := handshakeFilter([]netip.Addr{ip(0, 99), VIP(), In6(ip(0, 99)), VIP6()})
	if err != nil {
		t.Fatal(err)
	}
	prog, all := bpf.Disassemble(raw)
	if !all {
		t.Fatal("the filter cannot be read back")
	}
	vm, err := bpf.NewVM(prog)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(frame)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestHandshakeFrames(t *testing.T) {
	eth := &layers.Ethernet{SrcMAC: testNode.HardwareAddr(), DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv4}
	up := &layers.IPv4{Version: 4, Protocol: layers.IPProtocolTCP, SrcIP: testClient.AsSlice(), DstIP: VIP().AsSlice()}
	down := testIP(layers.IPProtocolTCP)
	options := testIP(layers.IPProtocolTCP)
	options.Options = []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}}
	later := testIP(layers.IPProtocolTCP)
	later.FragOffset = 3
	elsewhere := &layers.IPv4{Version: 4, Protocol: layers.IPProtocolTCP, SrcIP: testClient.AsSlice(), DstIP: testClient.AsSlice()}
	request := func(f layers.TCP) *layers.TCP { f.SrcPort, f.DstPort = 4000, 80; return &f }
	answer := func(f layers.TCP) *layers.TCP { f.SrcPort, f.DstPort = 80, 4000; return &f }
	eth6 := &layers.Ethernet{SrcMAC: eth.SrcMAC, DstMAC: eth.DstMAC, EthernetType: layers.EthernetTypeIPv6}
	client6 := In6(testClient)
	up6 := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolTCP, SrcIP: client6.AsSlice(), DstIP: VIP6().AsSlice()}
	down6 := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolTCP, SrcIP: VIP6().AsSlice(), DstIP: client6.AsSlice()}
	elsewhere6 := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolTCP, SrcIP: client6.AsSlice(), DstIP: client6.AsSlice()}
	udp6 := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolUDP, SrcIP: VIP6().AsSlice(), DstIP: client6.AsSlice()}
	syn6 := func(seq uint32) synKey { return synKey{client6.As16(), VIP6().As16(), 4000, 80, seq} }
	syn := func(seq uint32) synKey { return synKey{testClient.As16(), VIP().As16(), 4000, 80, seq} }
	tests := []struct {
		name  string
		frame []byte
		kind  handshakeKind
		syn   synKey
		kept  bool
	}{
		{"SYN", frameOf(t, eth, up, request(layers.TCP{SYN: true, Seq: 9})), synSent, syn(9), true},
		{"SYN-ACK", frameOf(t, eth, down, answer(layers.TCP{SYN: true, ACK: true, Ack: 10})), synAnswered, syn(9), true},
		{"SYN-ACK, number wrapped", frameOf(t, eth, down, answer(layers.TCP{SYN: true, ACK: true})), synAnswered, syn(0xffffffff), true},
		{"SYN-ACK, IP options", frameOf(t, eth, options, answer(layers.TCP{SYN: true, ACK: true, Ack: 10})), synAnswered, syn(9), true},
		{"reset", frameOf(t, eth, down, answer(layers.TCP{RST: true, ACK: true, Ack: 10})), flowReset, syn(0), true},
		{"the client's own reset", frameOf(t, eth, up, request(layers.TCP{RST: true})), 0, synKey{}, false},
		{"data", frameOf(t, eth, down, answer(layers.TCP{ACK: true, PSH: true})), 0, synKey{}, false},
		{"later fragment", frameOf(t, eth, later, answer(layers.TCP{SYN: true})), 0, synKey{}, false},
		{"UDP", frameOf(t, eth, testIP(layers.IPProtocolUDP), &layers.UDP{Length: 0xff}, gopacket.Payload(bytes.Repeat([]byte{255}, 20))), 0, synKey{}, false},
		{"SYN, IPv6", frameOf(t, eth6, up6, request(layers.TCP{SYN: true, Seq: 9})), synSent, syn6(9), true},
		{"SYN-ACK, IPv6", frameOf(t, eth6, down6, answer(layers.TCP{SYN: true, ACK: true, Ack: 10})), synAnswered, syn6(9), true},
		{"reset, IPv6", frameOf(t, eth6, down6, answer(layers.TCP{RST: true, ACK: true, Ack: 10})), flowReset, syn6(0), true},
		{"the client's own reset, IPv6", frameOf(t, eth6, up6, request(layers.TCP{RST: true})), 0, synKey{}, false},
		{"data, IPv6", frameOf(t, eth6, down6, answer(layers.TCP{ACK: true, PSH: true})), 0, synKey{}, false},
		{"UDP, IPv6", frameOf(t, eth6, udp6, &layers.UDP{Length: 0xff}, gopacket.Payload(bytes.Repeat([]byte{255}, 20))), 0, synKey{}, false},
		{"another address, IPv6", frameOf(t, eth6, elsewhere6, request(layers.TCP{SYN: true})), 0, synKey{}, false},
		{"another address", frameOf(t, eth, elsewhere, request(layers.TCP{SYN: true})), 0, synKey{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if kept := filtered(t, tt.frame); kept != tt.kept {
				t.Fatalf("the filter keeps it: %t, want %t", kept, tt.kept)
			}
			if !tt.kept {
				return
			}
			got, ok := readHandshake(tt.frame)
			if want := (handshakeFrame{tt.syn, testNode, tt.kind}); !ok || got != want {
				t.Errorf("read %+v, %t, want %+v", got, ok, want)
			}
			for n := range 14 + 20 + 14 {
				if _, ok := readHandshake(tt.frame[:n]); ok {
					t.Errorf("read from %d bytes", n)
				}
			}
		})
	}
	if _, err := handshakeFilter(make([]netip.Addr, maxFilterAddresses+1)); err == nil {
		t.Error("more addresses than the filter can jump over are accepted")
	}
}

// mapped is an IPv4 address as a synKey has it.
func mapped(a net.IP) [16]byte { return netip.AddrFrom4([4]byte(a)).As16() }

// FuzzHandshake holds the reader against gopacket.
func FuzzHandshake(f *testing.F) {
	eth := &layers.Ethernet{SrcMAC: testNode.HardwareAddr(), DstMAC: testNode.HardwareAddr(), EthernetType: layers.EthernetTypeIPv4}
	f.Add(frameOf(f, eth, testIP(layers.IPProtocolTCP), &layers.TCP{SrcPort: 80, DstPort: 4000, SYN: true, ACK: true, Ack: 9}))
	f.Add(frameOf(f, eth, testIP(layers.IPProtocolTCP), &layers.TCP{SrcPort: 80, DstPort: 4000, RST: true}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, frame []byte) {
		got, ok := readHandshake(frame)
		packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
		ipv4, _ := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		tcp, _ := packet.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if ipv4 == nil || tcp == nil || ipv4.Version != 4 || packet.Metadata().Truncated {
			return
		}
		if !ok {
			if tcp.SYN || tcp.RST {
				t.Fatalf("not read: %v", packet)
			}
			return
		}
		want := synKey{mapped(ipv4.DstIP), mapped(ipv4.SrcIP), uint16(tcp.DstPort), uint16(tcp.SrcPort), 0}
		kind := flowReset
		switch {
		case tcp.RST:
		case tcp.ACK:
			kind, want.seq = synAnswered, tcp.Ack-1
		default:
			kind, want = synSent, synKey{want.vip, want.client, want.vipPort, want.clientPort, tcp.Seq}
		}
		if got.kind != kind || got.syn != want {
			t.Errorf("read %+v, want kind %d %+v", got, kind, want)
		}
	})
}
