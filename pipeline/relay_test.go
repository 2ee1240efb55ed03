package pipeline

import (
	"bytes"
	"testing"

	"github.com/google/gopacket/layers"

	"thresher/config"
)

// Other nodes of the farm, by number.
var farmNodes = []config.MAC{{0x02, 0, 0, 0, 1, 1}, {0x02, 0, 0, 0, 1, 2}}

// directedTable is a node with VIPs in mode directed, in whose rules all buckets have
// one owner.
func directedTable(t testing.TB, owner uint8, unruled config.Default) *Table {
	t.Helper()
	vips := []config.VIP{vipA, vipB, vip6}
	for i := range vips {
		vips[i].Mode, vips[i].MAC = config.Directed, config.MAC{}
	}
	rules, err := Compile(vips, testRules, testKey, nicMAC)
	if err != nil {
		t.Fatal(err)
	}
	part := &Part{Owners: &Owners{}}
	for b := range Buckets {
		part.Owners[b] = owner
		if owner == ThisNode || owner == AllNodes {
			part.Mine.Set(uint16(b))
		}
	}
	return NewTable(rules.WithDefault(unruled), &Share{Rules: []*Part{part, part, part}, Echo: part, Nodes: farmNodes})
}

// toNIC is a frame as a client sends it to this node.
func toNIC(f *frame) *frame {
	return f.change(func(f *frame) { f.eth.DstMAC = nicMAC.HardwareAddr() })
}

func TestDirectedVerdicts(t *testing.T) {
	fragment := func(f *frame) { f.ip.Flags = layers.IPv4MoreFragments }
	from := func(mac config.MAC) func(*frame) { return func(f *frame) { f.eth.SrcMAC = mac.HardwareAddr() } }
	ack := &layers.TCP{SrcPort: 40000, DstPort: 8011, ACK: true}
	for _, tt := range []struct {
		name    string
		owner   uint8
		unruled config.Default
		frame   *frame
		want    Reason
	}{
		{"another node's", 1, 0, tcpFrame(40000, 80), Forwarded},
		{"this node's", ThisNode, 0, tcpFrame(40000, 80), Accepted},
		{"nobody knows whose", AllNodes, 0, tcpFrame(40000, 80), Copied},
		{"no node has that number", 2, 0, tcpFrame(40000, 80), Copied},
		{"udp", 0, 0, udpFrame(40000, 53), Forwarded},
		{"echo", 0, 0, icmpFrame(layers.ICMPv4TypeEchoRequest), Forwarded},
		{"echo of this node's", ThisNode, 0, icmpFrame(layers.ICMPv4TypeEchoRequest), AcceptedEcho},
		{"icmp error", 0, 0, icmpFrame(layers.ICMPv4TypeDestinationUnreachable), Copied},
		{"part of a datagram", 0, 0, udpFrame(40000, 53).change(fragment), Copied},
		{"handed on by a node", 0, 0, tcpFrame(40000, 80).change(from(farmNodes[1])), NotMine},
		{"a copy, from here on", 0, 0, tcpFrame(40000, 80).change(from(nicMAC)), NotMine},
		{"a part that was handed on", 0, 0, udpFrame(40000, 53).change(fragment).change(from(farmNodes[0])), Fragment},
		{"opens under no rule", 0, config.Deny, tcpFrame(40000, 8011), NoRule},
		{"goes on under no rule", 0, config.Deny, newFrame(vipA, ack), Copied},
		{"udp under no rule", 0, config.Deny, udpFrame(40000, 54), Copied},
		{"opens under no rule, pass", 0, config.Pass, tcpFrame(40000, 8011), Copied},
		{"opens under no rule, single", 0, config.Single, tcpFrame(40000, 8011), Copied},
		{"other icmp, pass", 0, config.Pass, icmpFrame(layers.ICMPv4TypeRedirect), Copied},
		{"other icmp, deny", 0, config.Deny, icmpFrame(layers.ICMPv4TypeRedirect), OtherICMP},
		{"malformed", 0, 0, tcpFrame(40000, 80).patch(func(b []byte) []byte { b[14] = 0x44; return b }), Malformed},
		{"port 0", 0, 0, tcpFrame(0, 80), PortZero},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table, b := directedTable(t, tt.owner, tt.unruled), toNIC(tt.frame).bytes(t)
			if got := table.Judge(b, Facts{}, goodLease); got != tt.want {
				t.Fatalf("%s, want %s", got, tt.want)
			}
			if node, ok := table.Target(b); tt.want == Forwarded && (!ok || node != int(tt.owner)) {
				t.Errorf("goes to node %d, %v, want %d", node, ok, tt.owner)
			}
		})
	}
}

func TestARPToTheDirectorIsNoneOfTheFarms(t *testing.T) {
	table := directedTable(t, 0, 0)
	if got := table.Judge(arpFrame(t, nicMAC, vipA), Facts{}, goodLease); got != Other {
		t.Errorf("%s, want it untouched", got)
	}
}

// TestOtherModesRelayNothing: a frame to the interface's own address for a VIP in
// another mode is judged here.
func TestOtherModesRelayNothing(t *testing.T) {
	table := testTable(t, false)
	if got := table.Judge(toNIC(tcpFrame(40000, 80)).bytes(t), Facts{}, goodLease); got != NotMine {
		t.Errorf("%s, want %s", got, NotMine)
	}
}

func TestAddressTouchesAddressesAlone(t *testing.T) {
	table, b := directedTable(t, 0, 0), toNIC(tcpFrame(40000, 80)).bytes(t)
	want := bytes.Clone(b)
	copy(want, farmNodes[0][:])
	copy(want[6:], nicMAC[:])
	if table.Address(b, farmNodes[0]); !bytes.Equal(b, want) {
		t.Errorf("frame is %x, want %x", b, want)
	}
}

func TestRelayingAllocatesNothing(t *testing.T) {
	table, b := directedTable(t, 1, 0), toNIC(tcpFrame(40000, 80)).bytes(t)
	if n := testing.AllocsPerRun(100, func() {
		if table.Judge(b, Facts{}, goodLease) != Forwarded {
			t.Fatal("not forwarded")
		}
		if _, ok := table.Target(b); !ok {
			t.Fatal("no target")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzTarget: what a frame is forwarded for has a node to go to, and nothing panics.
func FuzzTarget(f *testing.F) {
	for _, one := range []*frame{tcpFrame(40000, 80), udpFrame(40000, 53), icmpFrame(layers.ICMPv4TypeEchoRequest)} {
		f.Add(toNIC(one).bytes(f))
	}
	table := directedTable(f, 0, config.Pass)
	f.Fuzz(func(t *testing.T, b []byte) {
		if table.Judge(b, Facts{}, goodLease) != Forwarded {
			return
		}
		if node, ok := table.Target(b); !ok || node != 0 {
			t.Errorf("forwarded to %d, %v", node, ok)
		}
	})
}
