package pipeline

import (
	"net/netip"
	"testing"
)

// forwardTable is a node that does not have a bucket but may have flows in all of
// them; its rule for UDP forwards or does not.
func forwardTable(t testing.TB, forward, mine, ask bool) *Table {
	t.Helper()
	rules := *testTable(t, false).Rules
	rules.Forward = []bool{false, false, forward}
	part := &Part{}
	for b := range Buckets {
		part.Unsettled.Set(uint16(b))
		if mine {
			part.Mine.Set(uint16(b))
		}
		if ask {
			part.Ask.Set(uint16(b))
		}
	}
	return NewTable(&rules, &Share{Rules: []*Part{part, part, part}, Echo: part})
}

// TestForwardGoesByRule: a UDP flow is kept by who has it on a rule that forwards,
// and on no other.
func TestForwardGoesByRule(t *testing.T) {
	udp := udpFrame(40000, 53).bytes(t)
	known := Facts{Flow: FlowKnown, Stamped: true}
	for _, tt := range []struct {
		name          string
		forward, mine bool
		facts         Facts
		want          Reason
	}{
		{"known", true, false, known, AcceptedKnown},
		{"known, another rule", false, false, known, NotMine},
		{"unknown", true, false, Facts{}, NotMine},
		{"unknown, mine", true, true, Facts{}, Accepted},
		{"another's, mine", true, true, Facts{HalfOpen: true}, HalfOpenElsewhere},
		{"another's, mine, another rule", false, true, Facts{HalfOpen: true}, Accepted},
	} {
		if got := forwardTable(t, tt.forward, tt.mine, false).Judge(udp, tt.facts, goodLease); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestParkedUDPMeetsList: a datagram that waits for a bucket is left to the node
// that says, meanwhile, that it has the flow.
func TestParkedUDPMeetsList(t *testing.T) {
	udp := udpFrame(40000, 53).bytes(t)
	flow, _, ok := flowIn(udp)
	if !ok {
		t.Fatal("no flow in a datagram")
	}
	parking, mine := forwardTable(t, true, false, true), forwardTable(t, true, true, false)
	client := netip.AddrPortFrom(netip.AddrFrom16(flow.source).Unmap(), 40000)
	server := netip.AddrPortFrom(vipA.Address, 53)
	for name, tt := range map[string]struct {
		table *Table
		want  Reason
	}{
		"confirmed": {mine, Accepted},
		"another's": {mine.WithHalfOpen(NewHalfOpen(1, func(yield func(c, s netip.AddrPort) bool) { yield(client, server) })), HalfOpenElsewhere},
	} {
		l := NewLot(1)
		if got := parking.Judge(udp, Facts{}, goodLease); got != Parked || l.Park(udp, Facts{}, 1) != Parked {
			t.Fatalf("%s: %s, want it parked", name, got)
		}
		l.Review()
		released := l.Release(tt.table, goodLease, make([]byte, LotPacketLen))
		var left [ReasonLen]uint64
		l.AddTo(&left)
		if left[tt.want] != 1 || (released > 0) != (tt.want == Accepted) {
			t.Errorf("%s: %d bytes released, counted %v, want %s", name, released, left, tt.want)
		}
	}
}
