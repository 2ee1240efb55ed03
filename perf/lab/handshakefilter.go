package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets in an Ethernet frame without VLAN tag, and flags of TCP (RFC 9293, 3.1).
const (
	offIPStart    = 14
	offIPFragment = 14 + 6
	offIPProtocol = 14 + 9
	offIPTarget   = 14 + 16
	offTCPFlags   = 13 // from the start of the TCP header

	tcpSYN = 0x02
	tcpRST = 0x04
	tcpACK = 0x10

	// anyFragment are the offset and the "more fragments" flag (RFC 791, 3.1).
	anyFragment = 0x3fff
	// handshakeBytes hold the longest headers: Ethernet, IPv4 and TCP's first 20.
	handshakeBytes = 14 + 60 + 20
)

// handshakeFilter makes the socket filter that keeps the TCP segments with SYN
// from and to the addresses, and those with RST from them. Nothing of an
// established connection passes it, so that it costs nothing while data flows.
func handshakeFilter(addresses []netip.Addr) ([]bpf.RawInstruction, error) {
	n := len(addresses)
	if n > maxFilterAddresses {
		return nil, fmt.Errorf("lab: watch of %d addresses: at most %d", n, maxFilterAddresses)
	}
	// The program ends with the return that drops; a failed test of the first
	// part jumps over the second, whose length is known.
	second := 2*n + 4
	drop := func(left int) uint8 { return uint8(second + left) }
	prog := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offType, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipFalse: drop(7)},
		bpf.LoadAbsolute{Off: offIPFragment, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: anyFragment, SkipTrue: drop(5)},
		bpf.LoadAbsolute{Off: offIPProtocol, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipFalse: drop(3)},
		bpf.LoadMemShift{Off: offIPStart},
		bpf.LoadIndirect{Off: offIPStart + offTCPFlags, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: tcpSYN | tcpRST, SkipFalse: drop(0)},
	}
	prog = append(prog, bpf.LoadAbsolute{Off: offIPSource, Size: 4})
	prog, err := matchAny(prog, addresses, uint8(n+4))
	if err != nil {
		return nil, err
	}
	prog = append(prog,
		bpf.LoadIndirect{Off: offIPStart + offTCPFlags, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: tcpRST, SkipTrue: uint8(n + 1)},
		bpf.LoadAbsolute{Off: offIPTarget, Size: 4})
	if prog, err = matchAny(prog, addresses, 1); err != nil {
		return nil, err
	}
	return bpf.Assemble(append(prog, bpf.RetConstant{Val: 0}, bpf.RetConstant{Val: handshakeBytes}))
}

// matchAny jumps to what is skip instructions behind the last comparison where
// the loaded address is one of these.
func matchAny(prog []bpf.Instruction, addresses []netip.Addr, skip uint8) ([]bpf.Instruction, error) {
	for i, a := range addresses {
		if !a.Is4() {
			return nil, fmt.Errorf("lab: watch of %s: not an IPv4 address", a)
		}
		b := a.As4()
		prog = append(prog, bpf.JumpIf{
			Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(b[:]),
			SkipTrue: skip + uint8(len(addresses)-1-i),
		})
	}
	return prog, nil
}
