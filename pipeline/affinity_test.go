package pipeline

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket/layers"

	"thresher/config"
)

// affine compiles one UDP rule of that affinity.
func affine(t *testing.T, affinity config.Affinity, prefix4, prefix6 uint8) *Rules {
	t.Helper()
	r, err := Compile(testVIPs, []config.Rule{{
		Name: "dns", Protocol: config.UDP, Ports: []config.PortRange{{First: 53, Last: 53}},
		Affinity: affinity, Prefix4: prefix4, Prefix6: prefix6,
	}}, config.HashKey{Secret: [16]byte{1, 2, 3}}, nicMAC)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestClient(t *testing.T) {
	for _, tt := range []struct {
		affinity         config.Affinity
		prefix4, prefix6 uint8
		addr, want       string
	}{
		{config.Client, 0, 0, "198.51.100.77", "198.51.100.77"},
		{config.Session, 0, 0, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
		{config.Network, 24, 64, "198.51.100.77", "198.51.100.0"},
		{config.Network, 24, 64, "::ffff:198.51.100.77", "198.51.100.0"},
		{config.Network, 32, 64, "198.51.100.77", "198.51.100.77"},
		{config.Network, 1, 64, "198.51.100.77", "128.0.0.0"},
		{config.Network, 26, 64, "198.51.100.77", "198.51.100.64"},
		{config.Network, 24, 64, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{config.Network, 24, 56, "2001:db8:1:2ff:3:4:5:6", "2001:db8:1:200::"},
		{config.Network, 24, 65, "2001:db8:1:2:8003:4:5:6", "2001:db8:1:2:8000::"},
		{config.Network, 24, 128, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
		{config.Network, 24, 1, "2001:db8:1:2:3:4:5:6", "::"},
	} {
		r := affine(t, tt.affinity, tt.prefix4, tt.prefix6)
		if got := r.Client(netip.MustParseAddr(tt.addr), 0); got.String() != tt.want {
			t.Errorf("%s /%d /%d: %s is %s, want %s", tt.affinity, tt.prefix4, tt.prefix6, tt.addr, got, tt.want)
		}
	}
}

// A network's clients go to one node, whatever their ports, and so says Place of
// what the packets say.
func TestAffinityNetwork(t *testing.T) {
	r := affine(t, config.Network, 24, 64)
	place := func(client string) uint16 { return r.Place(netip.MustParseAddrPort(client), 0).Bucket }
	if place("198.51.100.7:1000") != place("198.51.100.254:60000") || place("[2001:db8::1]:7") != place("[2001:db8::2:3]:9") {
		t.Error("two clients of one network have different buckets")
	}
	if place("198.51.100.7:1000") == place("198.51.101.7:1000") || place("[2001:db8::1]:7") == place("[2001:db8:0:1::1]:7") {
		t.Error("clients of two networks have the same bucket")
	}
	var p packet
	if reason := p.parse4(udpFrame(4000, 53).bytes(t)[ethernetLen:]); reason != Accepted {
		t.Fatal(reason)
	}
	table := NewTable(r, nil)
	if got, want := table.bucketOf(&p, 0), r.Place(netip.AddrPortFrom(client, 4000), 0).Bucket; got != want {
		t.Errorf("the packet's bucket is %d, its client's %d", got, want)
	}
}

// Datagrams of one client are placed each by itself, by their identification, and
// not by their ports, which a fragment but the first does not have.
func TestAffinityPacket(t *testing.T) {
	table := NewTable(affine(t, config.Packet, 0, 0), nil)
	bucket := func(id, port uint16) uint16 {
		f := newFrame(vipA, &layers.UDP{SrcPort: layers.UDPPort(port), DstPort: 53})
		f.ip.Id = id
		var p packet
		if reason := p.parse4(f.bytes(t)[ethernetLen:]); reason != Accepted {
			t.Fatal(reason)
		}
		return table.bucketOf(&p, 0)
	}
	if bucket(7, 1000) != bucket(7, 2000) {
		t.Error("the port counts")
	}
	seen := make(map[uint16]bool)
	for id := range uint16(1000) {
		seen[bucket(id, 1000)] = true
	}
	if len(seen) < 950 { // 992 are to be expected
		t.Errorf("1000 datagrams have %d buckets", len(seen))
	}
}

// What is blocked is dropped under a reason of its own, also on a node that serves
// nothing, and only there.
func TestModeBlock(t *testing.T) {
	rules := []config.Rule{
		{Name: "telnet", Protocol: config.TCP, Ports: []config.PortRange{{First: 23, Last: 23}}, Mode: config.ModeBlock},
		{Name: "web", Protocol: config.TCP, Ports: []config.PortRange{{First: 80, Last: 80}}, Affinity: config.Client},
	}
	r, err := Compile(testVIPs, rules, config.HashKey{}, nicMAC)
	if err != nil {
		t.Fatal(err)
	}
	part := &Part{}
	for b := range Buckets {
		part.Mine.Set(uint16(b))
	}
	for _, share := range []*Share{nil, {Rules: []*Part{part, part}, Echo: part}} {
		table := NewTable(r, share)
		if got := table.Judge(tcpFrame(40000, 23).bytes(t), Facts{Flow: FlowKnown}, goodLease); got != Blocked {
			t.Errorf("a blocked packet is %s", got)
		}
		if got := table.Judge(tcpFrame(40000, 24).bytes(t), Facts{}, goodLease); got != NoRule {
			t.Errorf("a packet beside it is %s", got)
		}
	}
	if n, ok := r.Find(config.TCP, testVIPs[0].Address, 23); ok {
		t.Errorf("the blocked port is served by rule %d", n)
	}
	if n, ok := r.Find(config.TCP, testVIPs[0].Address, 80); !ok || n != 1 {
		t.Errorf("the port beside it is rule %d's: %v", n, ok)
	}
}
