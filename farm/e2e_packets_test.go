package farm_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// TestPacketsAsTheyCome sends a farm what is no plain packet: datagrams in parts,
// IP options, priority tags, ICMP errors, and answers to what a node asked.
func TestPacketsAsTheyCome(t *testing.T) {
	t.Parallel()
	for _, c := range inForm(packetRuns("ipv4")) {
		t.Run(c.String(), func(t *testing.T) {
			f := newFarm(t, lab.Config{Nodes: 3, Queues: 2}, lab.FarmOptions{
				TCPPorts: []int{80}, UDPPorts: []int{7}, Affinity: "session", XDP: c.xdp, Offload: c.offload, Mode: c.mode,
			})
			f.servesMode(c.mode)
			t.Run("fragments", f.fragmentsAnsweredOnce)
			t.Run("ip options", f.optionsAnsweredOnce)
			t.Run("tags", f.priorityTagsAnsweredOnce)
			t.Run("for a group or for all", f.groupFramesNotAnswered)
			t.Run("own connections", f.ownConnections)
			t.Run("path mtu", f.pathMTUFound)
		})
	}
}

// servesMode starts servers and daemons, and waits until all is settled.
func (f *testFarm) servesMode(mode string) {
	f.T.Helper()
	if mode == config.Directed.String() {
		must(f.T, f.TakeXDP(farmtest.Hosts(f.Nodes...)...))
	}
	f.startServers()
	f.StartAll()
	f.Settle(f.Nodes...)
}

// parts are a UDP packet to the VIP's echo server, in parts.
func (f *testFarm) parts(t *testing.T, from netip.AddrPort, id uint16, payload []byte) [][]byte {
	t.Helper()
	if from.Addr().Is6() {
		return f.parts6(t, from, id, payload)
	}
	return f.parts4(t, from, id, payload)
}

func (f *testFarm) parts4(t *testing.T, from netip.AddrPort, id uint16, payload []byte) [][]byte {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Id: id, Protocol: layers.IPProtocolUDP,
		SrcIP: from.Addr().AsSlice(), DstIP: lab.VIP().AsSlice()}
	udp := &layers.UDP{SrcPort: layers.UDPPort(from.Port()), DstPort: 7}
	must(t, udp.SetNetworkLayerForChecksum(ip))
	whole := build(t, udp, gopacket.Payload(payload))
	const size = 1480
	var all [][]byte
	for at := 0; at < len(whole); at += size {
		end := min(at+size, len(whole))
		ip.FragOffset, ip.Flags = uint16(at/8), 0
		if end < len(whole) {
			ip.Flags = layers.IPv4MoreFragments
		}
		all = append(all, build(t, f.ethernet(), ip, gopacket.Payload(whole[at:end])))
	}
	return all
}

func (f *testFarm) ethernet() *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: f.Client.MAC.HardwareAddr(), DstMAC: f.VMAC().HardwareAddr(), EthernetType: layers.EthernetTypeIPv4}
}

func build(t *testing.T, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	must(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, l...))
	return buf.Bytes()
}

func (f *testFarm) fragmentsAnsweredOnce(t *testing.T) {
	const n = 12
	var conn net.PacketConn
	must(t, f.Client.Do(func() (err error) {
		conn, err = net.ListenPacket("udp", netip.AddrPortFrom(f.clientAddress(0), 5000).String())
		return err
	}))
	defer conn.Close()
	must(t, conn.(*net.UDPConn).SetReadBuffer(1<<22)) // an answer of 60 kB and more
	id := uint16(0)
	for _, size := range []int{4000, 60000} {
		for name, order := range map[string]func([][]byte) [][]byte{
			"in order":   func(p [][]byte) [][]byte { return p },
			"reversed":   func(p [][]byte) [][]byte { slices.Reverse(p); return p },
			"duplicated": func(p [][]byte) [][]byte { return append(p[:1:1], p...) },
		} {
			answers := 0
			for range n {
				id++
				payload := bytes.Repeat([]byte{byte(id), byte(id >> 8)}, size/2)
				must(t, f.Client.SendFrames(order(f.parts(t, netip.AddrPortFrom(f.clientAddress(0), 5000), id, payload))...))
				answers += countAnswers(t, conn, payload)
			}
			if answers != n {
				t.Errorf("%d bytes, %s: %d answers to %d datagrams", size, name, answers, n)
			}
		}
	}
	// Nothing comes late, from another node.
	if extra := countAnswers(t, conn, nil); extra > 0 {
		t.Errorf("%d answers too many", extra)
	}
	f.fragmentsOfManyClients(t)
}

// countAnswers waits for one answer, or with no payload for what should not come.
func countAnswers(t *testing.T, conn net.PacketConn, payload []byte) (n int) {
	t.Helper()
	buf := make([]byte, 65535)
	patience := 3 * time.Second
	if payload == nil {
		patience = 300 * time.Millisecond
	}
	must(t, conn.SetReadDeadline(time.Now().Add(patience)))
	got, _, err := conn.ReadFrom(buf)
	if err != nil {
		return 0
	}
	if payload != nil && !bytes.Equal(buf[:got], payload) {
		t.Error("an answer is not what was sent")
	}
	return 1
}

// fragmentsOfManyClients asks from many ports, so that every node has some.
func (f *testFarm) fragmentsOfManyClients(t *testing.T) {
	const n = 60
	c := f.Capture()
	defer c.Close()
	for i := range n {
		from := netip.AddrPortFrom(f.clientAddress(0), uint16(6000+i))
		conn, err := f.Client.Dial(f.Ctx, "udp", from, netip.AddrPortFrom(f.to(), 7))
		must(t, err)
		_, err = conn.Write(make([]byte, 4000))
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(3*time.Second)))
		if got, err := conn.Read(make([]byte, 65535)); err != nil || got != 4000 {
			t.Errorf("from port %d: %d bytes, %v", 6000+i, got, err)
		}
		must(t, conn.Close())
	}
	must(t, c.Settle(f.Ctx, 200*time.Millisecond))
	must(t, c.Check())
	nodes := make(map[config.MAC]bool)
	for _, sources := range c.Answers(lab.Fragment) {
		for mac := range sources {
			nodes[mac] = true
		}
	}
	if len(nodes) != len(f.Nodes) {
		t.Errorf("%d nodes answered", len(nodes))
	}
	if d := c.Duplicates(); len(d) > 0 {
		t.Errorf("answered by two nodes: %v", d)
	}
}

// syn is a SYN to the VIP's web server below what layers there are before.
func (f *testFarm) syn(t *testing.T, port uint16, options []layers.IPv4Option, before ...gopacket.SerializableLayer) []byte {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, Options: options,
		SrcIP: f.Client.Address.AsSlice(), DstIP: lab.VIP().AsSlice()}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(port), DstPort: 80, Seq: uint32(port) << 8, Window: 64240, SYN: true}
	must(t, tcp.SetNetworkLayerForChecksum(ip))
	return build(t, append(before, ip, tcp)...)
}

// answeredBy sends one frame for each of some ports, again where no answer comes, as
// clients do, and says how many were answered; by two nodes is an error.
func (f *testFarm) answeredBy(t *testing.T, n int, frame func(port uint16) []byte) int {
	t.Helper()
	c := f.Capture()
	defer c.Close()
	answered := make(map[uint16]bool)
	for range 3 {
		var frames [][]byte
		for i := range n {
			if port := uint16(20000 + i); !answered[port] {
				frames = append(frames, frame(port))
			}
		}
		must(t, f.Client.SendFrames(frames...))
		must(t, c.Settle(f.Ctx, 300*time.Millisecond))
		must(t, c.Check())
		for flow := range c.Answers(lab.SYNACK) {
			answered[flow.ClientPort] = true
		}
	}
	for _, d := range c.Duplicates() {
		t.Errorf("answered by %v: %v", d.Sources, d.Flow)
	}
	return len(answered)
}

func (f *testFarm) optionsAnsweredOnce(t *testing.T) {
	const n = 200
	for name, options := range map[string][]layers.IPv4Option{
		"no-ops":       {{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}},
		"record route": {{OptionType: 7, OptionLength: 39, OptionData: append([]byte{4}, make([]byte, 36)...)}, {OptionType: 0}},
	} {
		if got := f.answeredBy(t, n, func(port uint16) []byte { return f.syn(t, port, options, f.ethernet()) }); got != n {
			t.Errorf("%s: %d of %d SYNs answered", name, got, n)
		}
	}
}

func (f *testFarm) priorityTagsAnsweredOnce(t *testing.T) {
	const n = 100
	tagged := func(vlan uint16) func(uint16) []byte {
		return func(port uint16) []byte {
			eth := f.ethernet()
			eth.EthernetType = layers.EthernetTypeDot1Q
			return f.syn(t, port, nil, eth, &layers.Dot1Q{Priority: 5, VLANIdentifier: vlan, Type: layers.EthernetTypeIPv4})
		}
	}
	if got := f.answeredBy(t, n, tagged(0)); got != n {
		t.Errorf("with a priority alone: %d of %d SYNs answered", got, n)
	}
	if got := f.answeredBy(t, n, tagged(5)); got != 0 {
		t.Errorf("of VLAN 5: %d SYNs answered", got)
	}
}

// groupFramesNotAnswered: a packet for the VIP in a frame for a group that is not the
// VIP's, or for all, would be answered by every node if it were by one.
func (f *testFarm) groupFramesNotAnswered(t *testing.T) {
	from := netip.AddrPortFrom(f.clientAddress(0), 5001)
	var conn net.PacketConn
	must(t, f.Client.Do(func() (err error) {
		conn, err = net.ListenPacket("udp", from.String())
		return err
	}))
	defer conn.Close()
	payload := []byte("for whom")
	send := func(to string) {
		t.Helper()
		frame := f.parts(t, from, 1, payload)[0]
		mac, err := net.ParseMAC(to)
		must(t, err)
		copy(frame, mac)
		must(t, f.Client.SendFrames(frame))
	}
	for _, to := range []string{"ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01", "03:bf:c0:00:02:64"} {
		send(to)
	}
	if got := countAnswers(t, conn, nil); got != 0 {
		t.Errorf("%d answers", got)
	}
	send(f.VMACOf(f.to()).String())
	if got := countAnswers(t, conn, payload); got != 1 {
		t.Errorf("%d answers to the same for the VMAC", got)
	}
}

// ownConnections: what a node opens from the VIP it can use, in both directions.
func (f *testFarm) ownConnections(t *testing.T) {
	tcp, err := f.Client.StartTCPEcho(":4000")
	must(t, err)
	defer tcp.Close()
	udp, err := f.Client.StartUDPEcho(":4001")
	must(t, err)
	defer udp.Close()
	from := netip.AddrPortFrom(lab.VIP(), 0)
	for _, n := range f.Nodes {
		for network, port := range map[string]uint16{"tcp": 4000, "udp": 4001} {
			conn, err := n.Dial(f.Ctx, network, from, netip.AddrPortFrom(f.Client.Address, port))
			if err != nil {
				t.Errorf("%s, %s: %v", n.Name, network, err)
				continue
			}
			for i := range 20 {
				message := fmt.Appendf(nil, "%s %d", n.Name, i)
				_, err := conn.Write(message)
				must(t, err)
				must(t, conn.SetReadDeadline(time.Now().Add(3*time.Second)))
				buf := make([]byte, len(message))
				if _, err := io.ReadFull(conn, buf); err != nil || !bytes.Equal(buf, message) {
					t.Errorf("%s, %s, message %d: %q, %v", n.Name, network, i, buf, err)
					break
				}
			}
			must(t, conn.Close())
		}
	}
}

// pathMTUFound downloads 10 MB from every node behind a router whose link takes
// 1,300 bytes: each node must get the router's ICMP errors about its connections.
func (f *testFarm) pathMTUFound(t *testing.T) {
	ctx, cancel := context.WithTimeout(f.Ctx, time.Minute)
	defer cancel()
	far, err := f.Behind(f.Client, 1300)
	must(t, err)
	want, err := io.ReadAll(lab.Download())
	must(t, err)
	served := make(map[string]int)
	for port := 31000; len(served) < len(f.Nodes) && port < 31030; port++ {
		file := fmt.Sprintf("%s/%d", far.Dir, port)
		out, err := far.Run(ctx, "curl", "-sS", "-f", "-m", "20", "--local-port", fmt.Sprint(port),
			"-o", "-", f.url()+"/", "-o", file, f.url()+"/10m")
		if err != nil {
			t.Fatalf("from port %d: %v\n%.200q", port, err, out)
		}
		served[strings.TrimSpace(string(out))]++
		if got, err := os.ReadFile(file); err != nil || sha256.Sum256(got) != sha256.Sum256(want) {
			t.Errorf("from port %d, of %.80q: %d bytes that are not the file, %v", port, out, len(got), err)
		}
	}
	if len(served) != len(f.Nodes) {
		t.Errorf("served by %v", served)
	}
}
