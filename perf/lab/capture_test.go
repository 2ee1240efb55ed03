package lab

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

func TestCaptureCountsAnswers(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n, client := l.Nodes[0], l.Clients[0]
	holdVIP(t, n)
	if _, err := n.StartHTTP("0.0.0.0:80", nil); err != nil {
		t.Fatal(err)
	}
	c := capture(t, client)
	ping(t, client, VIP())
	const requests = 5
	for range requests {
		get(t, client, netip.Addr{}, "http://"+VIP().String()+"/")
	}
	settle(t, c)
	for kind, want := range map[Kind]int{SYNACK: requests, EchoReply: 1, ARPReply: 1, Datagram: 0} {
		answers := c.Answers(kind)
		if len(answers) != want {
			t.Errorf("%d flows of %s, want %d: %v", len(answers), kind, want, answers)
		}
		for flow, sources := range answers {
			if sources[n.MAC] != 1 || len(sources) != 1 {
				t.Errorf("%s was answered by %v, want once by %v", flow, sources, n.MAC)
			}
			if kind == ARPReply && flow.Claimed() != n.MAC {
				t.Errorf("%s claims %v, want %v", flow, flow.Claimed(), n.MAC)
			}
		}
	}
	if d := c.Duplicates(); len(d) > 0 {
		t.Errorf("duplicates %v", d)
	}
}

// The daemon's fault that the capture exists for, made by hand: node2 answers
// one of the SYNs that node1 answered.
func TestCaptureSeesADuplicate(t *testing.T) {
	l := newLab(t, Config{Nodes: 2})
	n, client := l.Nodes[0], l.Clients[0]
	holdVIP(t, n)
	if _, err := n.StartHTTP("0.0.0.0:80", nil); err != nil {
		t.Fatal(err)
	}
	c := capture(t, client)
	syns := SYNs{To: vipPort(80), MAC: n.MAC, From: SYNSources(10), Rate: 1000}
	if sent, err := client.SendSYNs(t.Context(), syns); err != nil || sent != 10 {
		t.Fatalf("sent %d, error %v", sent, err)
	}
	eventually(t, "all SYNs are answered", func() bool { return len(c.Answers(SYNACK)) == 10 })
	if d := c.Duplicates(); len(d) > 0 {
		t.Fatalf("duplicates %v before there is one", d)
	}
	var victim Flow
	for victim = range c.Answers(SYNACK) {
		break
	}
	answerFrom(t, l.Nodes[1].Host, client.MAC, victim)
	want := []Duplicate{{victim, []config.MAC{n.MAC, l.Nodes[1].MAC}}}
	eventually(t, "the duplicate is seen", func() bool { return len(c.Duplicates()) == 1 })
	if diff := cmp.Diff(want, c.Duplicates(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	c.Reset()
	if d := c.Duplicates(); len(d) > 0 {
		t.Errorf("duplicates %v after the reset", d)
	}
}

// answerFrom sends a SYN-ACK for the flow with the host's Ethernet source.
func answerFrom(t *testing.T, h *Host, to config.MAC, f Flow) {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: h.MAC.HardwareAddr(), DstMAC: to.HardwareAddr(), EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: f.VIP.AsSlice(), DstIP: f.Client.AsSlice()}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(f.VIPPort), DstPort: layers.TCPPort(f.ClientPort), SYN: true, ACK: true, Ack: uint32(f.ID)}
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, eth, ip, tcp); err != nil {
		t.Fatal(err)
	}
	conn, err := h.rawSocket()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sendFrame(conn, buf.Bytes(), to); err != nil {
		t.Fatal(err)
	}
}

// Each answer makes the client's kernel send a reset, so the machine moves
// three frames for each SYN.
func TestCaptureKeepsUpWithAFlood(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n, client := l.Nodes[0], l.Clients[0]
	holdVIP(t, n)
	if _, err := n.StartHTTP("0.0.0.0:80", nil); err != nil {
		t.Fatal(err)
	}
	ping(t, n.Host, client.Address) // So that no SYN waits for ARP.
	c := capture(t, client)
	const total = 20_000
	start := time.Now()
	sent, err := client.SendSYNs(t.Context(), SYNs{To: vipPort(80), MAC: n.MAC, From: SYNSources(total), Rate: total})
	if err != nil || sent != total {
		t.Fatalf("sent %d, error %v", sent, err)
	}
	took := time.Since(start)
	if took < 900*time.Millisecond {
		t.Errorf("%d SYNs took %v: the rate is not kept", total, took)
	}
	settle(t, c)
	t.Logf("%d SYNs in %v, %d answered", sent, took, len(c.Answers(SYNACK)))
	// The kernel drops SYNs when its accept queue is full, not here: every one
	// is reset before it gets there.
	if got := len(c.Answers(SYNACK)); got != total {
		t.Errorf("%d flows answered, want %d", got, total)
	}
	if d := c.Duplicates(); len(d) > 0 {
		t.Errorf("%d duplicates, the first %v", len(d), d[0])
	}
}

func capture(t *testing.T, h *Host) *Capture {
	t.Helper()
	c, err := h.Capture()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func settle(t *testing.T, c *Capture) {
	t.Helper()
	if err := c.Settle(within(t, 30*time.Second), 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
}

// A client's ports may come again, with another node: that is no duplicate.
func TestCaptureTellsConnectionsApart(t *testing.T) {
	c := &Capture{answers: map[Flow]map[config.MAC]int{}}
	one, two := config.MAC{2, 1}, config.MAC{2, 2}
	see := func(kind Kind, id uint64, source config.MAC) {
		f := Flow{Kind: kind, VIP: VIP(), Client: netip.MustParseAddr("198.18.1.1"), ClientPort: 40000, VIPPort: 80, ID: id}
		c.count(f, source)
	}
	see(SYNACK, 1, one)
	see(Segment, 0, one)
	see(SYNACK, 2, two)
	see(Segment, 0, two)
	if d := c.Duplicates(); len(d) > 0 {
		t.Errorf("two connections: duplicates %v", d)
	}
	see(Segment, 0, one)
	see(SYNACK, 3, one)
	if d := c.Duplicates(); len(d) != 1 || d[0].Flow.Kind != Segment {
		t.Errorf("two nodes in one connection: duplicates %v", d)
	}
}
