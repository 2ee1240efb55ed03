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

// packetsTagged are packets with tags of VLANs.
func packetsTagged(t testing.TB) []named {
	syn, arp := tcpFrame(40000, 80).bytes(t), arpFrame(t, vipA.MAC, vipA)
	stray := tcpFrame(40000, 80).patch(func(b []byte) []byte { b[33]++; b[33]++; return b }).bytes(t)
	six := tcp6(40000, 80).bytes(t)
	return []named{
		{"priority alone", built(tagged(syn, 0x8100, 0xa000)), Accepted},
		{"nothing in it", built(tagged(syn, 0x8100, 0)), Accepted},
		{"a vlan", built(tagged(syn, 0x8100, 5)), Other},
		{"a vlan with priority", built(tagged(syn, 0x8100, 0xa005)), Other},
		{"the last vlan", built(tagged(syn, 0x8100, 0x0fff)), Other},
		{"a provider's tag", built(tagged(syn, 0x88a8, 0)), Other},
		{"two tags", built(tagged(tagged(syn, 0x8100, 0), 0x8100, 0)), Other},
		{"a provider's and a customer's", built(tagged(tagged(syn, 0x8100, 7), 0x88a8, 9)), Other},
		{"arp", built(tagged(arp, 0x8100, 0xa000)), AcceptedNeighbour},
		{"arp of a vlan", built(tagged(arp, 0x8100, 5)), Other},
		{"no vip", built(tagged(stray, 0x8100, 0xa000)), NotVIP},
		{"cut in the tag", built(tagged(syn, 0x8100, 0)[:17]), Other},
		{"cut behind the tag", built(tagged(syn, 0x8100, 0)[:18]), NotVIP},
		{"ipv6, priority alone", built(tagged(six, 0x8100, 0xa000)), Accepted},
		{"ipv6, a vlan", built(tagged(six, 0x8100, 5)), Other},
		{"ipv6, two tags", built(tagged(tagged(six, 0x8100, 0), 0x8100, 0)), Other},
		{"ipv6, a provider's and a customer's", built(tagged(tagged(six, 0x8100, 7), 0x88a8, 9)), Other},
		{"a priority and an unknown ethertype", built(tagged(tcpFrame(40000, 80).patch(func(b []byte) []byte { b[12], b[13] = 0x88, 0xb5; return b }).bytes(t), 0x8100, 0xa000)), Other},
	}
}
