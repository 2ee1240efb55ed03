package arp

import (
	"github.com/mdlayher/ethernet"
	"golang.org/x/net/bpf"
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
