package lab

import (
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
	// handshakeBytes hold the longest headers: Ethernet, IPv4 with all its options and
	// TCP's first 20.
	handshakeBytes = 14 + 60 + 20
)

// handshakeFilter makes the socket filter that keeps the TCP segments with SYN
// from and to the addresses, and those with RST from them. Nothing of an
// established connection passes it, so that it costs nothing while data flows.
func handshakeFilter(addresses []netip.Addr) ([]bpf.RawInstruction, error) {
	if n := len(addresses); n > maxFilterAddresses {
		return nil, fmt.Errorf("lab: watch of %d addresses: at most %d", n, maxFilterAddresses)
	}
	four, six := byFamily(addresses)
	return bpf.Assemble(families(handshakes4(four), handshakes6(six)))
}

// handshakes4 is the part for IPv4. Fragments are none: who judges handshakes
// sends none.
func handshakes4(addresses []netip.Addr) []bpf.Instruction {
	return append([]bpf.Instruction{
		bpf.LoadAbsolute{Off: offIPFragment, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: anyFragment, SkipFalse: 1},
		bpf.RetConstant{Val: 0},
		bpf.LoadAbsolute{Off: offIPProtocol, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.LoadMemShift{Off: offIPStart},
	}, handshakesOf(addresses, offIPSource, offIPTarget)...)
}

// handshakes6 is the part for IPv6: without extension headers.
func handshakes6(addresses []netip.Addr) []bpf.Instruction {
	return append([]bpf.Instruction{
		bpf.LoadAbsolute{Off: offIP6Next, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.LoadConstant{Dst: bpf.RegX, Val: ip6HeaderLen},
	}, handshakesOf(addresses, offIP6SourceX, offIP6TargetX)...)
}

// handshakesOf judges a TCP segment whose header is X bytes behind that of IP.
func handshakesOf(addresses []netip.Addr, source, target uint32) []bpf.Instruction {
	n := uint8(len(addresses))
	prog := []bpf.Instruction{
		bpf.LoadIndirect{Off: offIPStart + offTCPFlags, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: tcpSYN | tcpRST, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.LoadAbsolute{Off: source, Size: 4},
	}
	prog = append(prog, matchAny(addresses, n+4)...) // to the end
	prog = append(prog,
		bpf.LoadIndirect{Off: offIPStart + offTCPFlags, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: tcpRST, SkipTrue: n + 1}, // to the return that drops
		bpf.LoadAbsolute{Off: target, Size: 4})
	prog = append(prog, matchAny(addresses, 1)...)
	return append(prog, bpf.RetConstant{Val: 0}, bpf.RetConstant{Val: handshakeBytes})
}
