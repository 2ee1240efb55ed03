package arp

import (
	"github.com/mdlayher/ethernet"
	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv6"
)

// snapLen is how much of a frame the socket gets: the client reads into 128
// bytes, and an ARP frame for IPv4 on Ethernet has 42 (RFC 826).
const snapLen = 128

// arpOnly is a classic BPF program that lets ARP frames in and nothing else. It
// is put on the socket before it is bound, so that nothing else ever waits in it.
func arpOnly() ([]bpf.RawInstruction, error) {
	return bpf.Assemble(arpOnlyProgram())
}

func arpOnlyProgram() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: typeOffset, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(ethernet.EtherTypeARP), SkipFalse: 1},
		bpf.RetConstant{Val: snapLen},
		bpf.RetConstant{Val: 0},
	}
}

// ndpSnapLen is how much of a frame the socket gets: no solicitation needs more,
// whatever options there may be one day.
const ndpSnapLen = 2048

// ndpOnly is a classic BPF program that lets neighbour solicitations and
// advertisements in and nothing else: a packet of IPv6 costs its first two steps.
func ndpOnly() ([]bpf.RawInstruction, error) {
	return bpf.Assemble(ndpOnlyProgram())
}

func ndpOnlyProgram() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: etherHeaderLen + ip6Next, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: icmp6, SkipFalse: 6},
		bpf.LoadAbsolute{Off: typeOffset, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(ethernet.EtherTypeIPv6), SkipFalse: 4},
		bpf.LoadAbsolute{Off: etherHeaderLen + ip6HeaderLen, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(ipv6.ICMPTypeNeighborSolicitation), SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(ipv6.ICMPTypeNeighborAdvertisement), SkipFalse: 1},
		bpf.RetConstant{Val: ndpSnapLen},
		bpf.RetConstant{Val: 0},
	}
}
