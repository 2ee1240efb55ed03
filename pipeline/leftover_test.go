package pipeline

import (
	"bytes"
	"net"
	"slices"
	"testing"

	"github.com/google/gopacket/layers"

	"thresher/config"
)

// releasedTable is a node's that has just let go of every bucket of every rule.
func releasedTable(t testing.TB, number uint64) *Table {
	t.Helper()
	part := &Part{}
	for b := range Buckets {
		part.Released.Set(uint16(b))
	}
	return NewTable(testTable(t, false).Rules, &Share{Rules: []*Part{part, part, part}, Echo: part, Release: number})
}

// keeping is a lot that has judged and kept frames, by a table.
func keeping(t testing.TB, table *Table, frames ...[]byte) (*Lot, chan Leftover) {
	t.Helper()
	out := make(chan Leftover, 1)
	l := NewLot(4)
	l.Leftovers = out
	for _, f := range frames {
		if r := table.Judge(f, Facts{}, Lease{}); r != Parked || !table.Leaves(f, Facts{}) {
			t.Fatalf("judged as %v", r)
		}
		if r := l.Keep(table, f, Facts{}, 1); r != Parked {
			t.Fatalf("kept as %v", r)
		}
	}
	return l, out
}

// What was kept for another node is kept as long as the release lasts, and then
// handed out: never let in, even if every bucket is this node's again.
func TestKeptSYNIsHandedOut(t *testing.T) {
	released, syn := releasedTable(t, 7), tcpFrame(40000, 80).bytes(t)
	for name, next := range map[string]*Table{
		"another's":       testTable(t, false),
		"mine again":      testTable(t, true),
		"released again":  releasedTable(t, 8),
		"serving nothing": NewTable(released.Rules, nil),
	} {
		l, out := keeping(t, released, syn)
		l.Review()
		if got := drain(l, released, 2); got != nil || l.Len() != 1 || len(out) != 0 {
			t.Fatalf("%s: %x let in, %d kept, %d handed out while the release lasts", name, got, l.Len(), len(out))
		}
		l.Review()
		if got := drain(l, next, 2); got != nil || l.Len() != 0 || left(l)[NotMine] != 1 {
			t.Errorf("%s: %x let in, %d kept", name, got, l.Len())
		}
		if len(out) != 1 {
			t.Fatalf("%s: not handed out", name)
		}
		got := <-out
		peer, server := got.Ends()
		if !bytes.Equal(got.Frame(), syn) || got.Release != 7 || got.Since != 1 {
			t.Errorf("%s: handed out %x of release %d", name, got.Frame(), got.Release)
		}
		if peer.Addr() != client || peer.Port() != 40000 || server.Addr() != vipA.Address || server.Port() != 80 {
			t.Errorf("%s: from %v to %v", name, peer, server)
		}
	}
}

// A SYN that nobody takes out is lost, and nothing waits for it.
func TestKeptSYNsAreBounded(t *testing.T) {
	released := releasedTable(t, 7)
	l, out := keeping(t, released, tcpFrame(40000, 80).bytes(t), tcpFrame(40001, 80).bytes(t), tcpFrame(40002, 80).bytes(t))
	l.Review()
	if drain(l, testTable(t, false), 2); l.Len() != 0 || len(out) != 1 {
		t.Errorf("%d kept, %d handed out; want 0 and 1", l.Len(), len(out))
	}
	l, out = keeping(t, released, tcpFrame(40000, 80).bytes(t))
	l.Review()
	if drain(l, testTable(t, false), int64(LotAge)+2); len(out) != 0 || left(l)[Late] != 1 {
		t.Errorf("a SYN of %v ago is handed out", LotAge)
	}
}

func TestWhatIsKeptForOthers(t *testing.T) {
	released := releasedTable(t, 7)
	sticky := *released
	sticky.Parts = []Part{released.Parts[0]}
	for b := range Buckets {
		sticky.Parts[0].Sticky.Set(uint16(b))
	}
	syn := tcpFrame(40000, 80)
	for _, tt := range []struct {
		name   string
		table  *Table
		frame  *frame
		facts  Facts
		leaves bool
		want   Reason
	}{
		{"a SYN", released, syn, Facts{}, true, Parked},
		{"of another's client", released, syn, Facts{Remembered: true}, true, Parked},
		{"of this node's client", &sticky, syn, Facts{Remembered: true}, false, 0},
		{"of a client of nobody's", &sticky, syn, Facts{}, true, Parked},
		{"answered here", released, syn, Facts{Flow: FlowKnown}, false, 0},
		{"over here", released, syn, Facts{Flow: FlowTimeWait}, false, 0},
		{"half open elsewhere", released, syn, Facts{HalfOpen: true}, true, Parked},
		{"sent on by another", released, tcpFrame(40000, 80).change(func(f *frame) { f.eth.DstMAC = nicMAC[:] }), Facts{}, true, NotMine},
		{"a datagram", released, udpFrame(40000, 53), Facts{}, true, NotMine},
		{"of no rule", released, tcpFrame(40000, 81), Facts{}, false, 0},
		{"nothing released", testTable(t, false), syn, Facts{}, false, 0},
		{"no flow at all", released, icmpFrame(layers.ICMPv4TypeEchoRequest), Facts{}, false, 0},
	} {
		frame := tt.frame.bytes(t)
		if got := tt.table.Leaves(frame, tt.facts); got != tt.leaves {
			t.Errorf("%s: leaves %v, want %v", tt.name, got, tt.leaves)
			continue
		}
		if !tt.leaves {
			continue
		}
		if got := NewLot(1).Keep(tt.table, frame, tt.facts, 1); got != tt.want {
			t.Errorf("%s: kept as %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Kept packets cost no memory that is not there already.
func TestKeepingAllocatesNothing(t *testing.T) {
	released, other, syn := releasedTable(t, 7), testTable(t, false), tcpFrame(40000, 80).bytes(t)
	l, out := keeping(t, released)
	dst := make([]byte, LotPacketLen)
	allocs := testing.AllocsPerRun(100, func() {
		if released.Leaves(syn, Facts{}) {
			l.Keep(released, syn, Facts{}, 1)
		}
		l.Review()
		l.Release(other, Lease{Now: 2}, dst)
		<-out
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// Where nothing else is on ask, what is held is what leaves: both find the same
// bucket, whatever the affinity and the version of IP.
func TestWhatLeavesIsWhatIsHeld(t *testing.T) {
	part := &Part{}
	for b := range Buckets / 2 {
		part.Released.Set(uint16(2 * b))
	}
	for _, affinity := range []config.Affinity{config.Session, config.Client, config.Network, config.Packet} {
		rules := slices.Clone(testRules)
		for i := range rules {
			rules[i].Affinity, rules[i].Prefix4, rules[i].Prefix6 = affinity, 24, 64
		}
		compiled, err := Compile(testVIPs, rules, testKey, nicMAC)
		if err != nil {
			t.Fatal(err)
		}
		table := NewTable(compiled, &Share{Rules: []*Part{part, part, part}, Echo: part, Release: 1})
		held := 0
		for i := range 200 {
			syn6 := newFrame6(&layers.TCP{SrcPort: layers.TCPPort(1000 + i), DstPort: 80, SYN: true, Window: 1024})
			syn6.ip.SrcIP[7], syn6.ip.SrcIP[15] = byte(i), byte(i)
			datagram := udpFrame(uint16(1000+i), 53)
			datagram.ip.Id, datagram.ip.SrcIP = uint16(i), net.IPv4(203, 0, byte(i), byte(i)).To4()
			syn := tcpFrame(uint16(1000+i), 80)
			syn.ip.SrcIP = datagram.ip.SrcIP
			for _, f := range [][]byte{syn6.bytes(t), datagram.bytes(t), syn.bytes(t)} {
				reason := table.Judge(f, Facts{}, Lease{})
				if leaves := table.Leaves(f, Facts{}); leaves != (reason == Parked) {
					t.Fatalf("affinity %v: judged as %v, leaves %v: %x", affinity, reason, leaves, f)
				}
				if reason == Parked {
					held++
				}
			}
		}
		if held < 200 || held > 400 {
			t.Errorf("affinity %v: %d of 600 held", affinity, held)
		}
	}
}

// In mode directed every frame comes under the interface's own address: what a director
// has handed to this node as the owner is kept for the next one, too.
func TestDirectedSYNsAreKept(t *testing.T) {
	part := &Part{}
	for b := range Buckets {
		part.Released.Set(uint16(b))
	}
	table := NewTable(directedTable(t, 0, 0).Rules, &Share{Rules: []*Part{part, part, part}, Echo: part, Release: 7, Nodes: farmNodes})
	syn := toNIC(tcpFrame(40000, 80)).change(func(f *frame) { f.eth.SrcMAC = farmNodes[0].HardwareAddr() }).bytes(t)
	if l, _ := keeping(t, table, syn); l.Len() != 1 {
		t.Error("not kept")
	}
	flood := NewTable(testTable(t, false).Rules, &Share{Rules: []*Part{part, part, part}, Echo: part, Release: 7})
	if r := NewLot(4).Keep(flood, syn, Facts{}, 1); r != NotMine {
		t.Errorf("in another mode, what was sent on is kept once more: %v", r)
	}
}
