package pipeline

import (
	"encoding/binary"
	"slices"
	"testing"
)

// tagged puts a VLAN tag before what a frame carries.
func tagged(frame []byte, kind, control uint16) []byte {
	tag := make([]byte, vlanLen)
	binary.BigEndian.PutUint16(tag, kind)
	binary.BigEndian.PutUint16(tag[2:], control)
	return slices.Insert(slices.Clone(frame), 12, tag...)
}

func TestTags(t *testing.T) {
	table := testTable(t, true)
	syn, arp := tcpFrame(40000, 80).bytes(t), arpFrame(t, vipA.MAC, vipA)
	stray := tcpFrame(40000, 80).patch(func(b []byte) []byte { b[33]++; b[33]++; return b }).bytes(t)
	for _, tt := range []struct {
		name  string
		frame []byte
		want  Reason
	}{
		{"priority alone", tagged(syn, 0x8100, 0xa000), Accepted},
		{"nothing in it", tagged(syn, 0x8100, 0), Accepted},
		{"a vlan", tagged(syn, 0x8100, 5), Other},
		{"a vlan with priority", tagged(syn, 0x8100, 0xa005), Other},
		{"the last vlan", tagged(syn, 0x8100, 0x0fff), Other},
		{"a provider's tag", tagged(syn, 0x88a8, 0), Other},
		{"two tags", tagged(tagged(syn, 0x8100, 0), 0x8100, 0), Other},
		{"a provider's and a customer's", tagged(tagged(syn, 0x8100, 7), 0x88a8, 9), Other},
		{"arp", tagged(arp, 0x8100, 0xa000), AcceptedNeighbour},
		{"arp of a vlan", tagged(arp, 0x8100, 5), Other},
		{"no vip", tagged(stray, 0x8100, 0xa000), NotVIP},
		{"cut in the tag", tagged(syn, 0x8100, 0)[:17], Other},
		{"cut behind the tag", tagged(syn, 0x8100, 0)[:18], NotVIP},
	} {
		if got := table.Judge(tt.frame, Facts{}, goodLease); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
