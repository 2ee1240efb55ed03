package lab

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets in an Ethernet frame with IPv6 (RFC 8200, 3), for the last four bytes of
// the addresses: what In6 tells the lab's apart by.
const (
	ip6HeaderLen  = 40
	offIP6Next    = 14 + 6
	offIP6SourceX = 14 + 8 + 12
	offIP6TargetX = 14 + 24 + 12
)

// lastWord are the last four bytes of an address, all that a filter compares.
func lastWord(a netip.Addr) uint32 {
	b := a.As16()
	return binary.BigEndian.Uint32(b[12:])
}

// byFamily splits addresses.
func byFamily(addresses []netip.Addr) (four, six []netip.Addr) {
	for _, a := range addresses {
		if a.Is6() {
			six = append(six, a)
		} else {
			four = append(four, a)
		}
	}
	return four, six
}

// onType runs the part on frames of one Ethernet type, and goes on behind it with
// all others. It expects the type in the accumulator, and leaves it there.
func onType(etherType uint32, part []bpf.Instruction) []bpf.Instruction {
	return append([]bpf.Instruction{
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherType, SkipTrue: 1},
		bpf.Jump{Skip: uint32(len(part))},
	}, part...)
}

// oneOf keeps so many bytes of frames whose word at an offset is that of one of
// the addresses, and none of others.
func oneOf(offset uint32, addresses []netip.Addr, keep uint32) []bpf.Instruction {
	prog := []bpf.Instruction{bpf.LoadAbsolute{Off: offset, Size: 4}}
	prog = append(prog, matchAny(addresses, 1)...)
	return append(prog, bpf.RetConstant{Val: 0}, bpf.RetConstant{Val: keep})
}

// matchAny jumps to what is skip instructions behind the last comparison where the
// loaded word is that of one of these.
func matchAny(addresses []netip.Addr, skip uint8) (prog []bpf.Instruction) {
	for i, a := range addresses {
		prog = append(prog, bpf.JumpIf{
			Cond: bpf.JumpEqual, Val: lastWord(a), SkipTrue: skip + uint8(len(addresses)-1-i),
		})
	}
	return prog
}

// families puts the parts of both together: a program that keeps nothing of other
// types.
func families(four, six []bpf.Instruction, more ...bpf.Instruction) []bpf.Instruction {
	prog := []bpf.Instruction{bpf.LoadAbsolute{Off: offType, Size: 2}}
	prog = append(prog, onType(unix.ETH_P_IP, four)...)
	prog = append(prog, onType(unix.ETH_P_IPV6, six)...)
	return append(append(prog, more...), bpf.RetConstant{Val: 0})
}
