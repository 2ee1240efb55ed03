package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets in an Ethernet frame without VLAN tag.
const (
	offType     = 12
	offIPSource = 14 + 12 // RFC 791, 3.1
	offARPFrom  = 14 + 14 // sender protocol address, RFC 826
)

// maxFilterAddresses keeps jumps of the filter within their eight bits.
const maxFilterAddresses = 64

// fromFilter makes the socket filter that keeps the first captureBytes of IPv4
// packets from the addresses, and of ARP frames that speak for them.
func fromFilter(addresses []netip.Addr) ([]bpf.RawInstruction, error) {
	n := len(addresses)
	if n > maxFilterAddresses {
		return nil, fmt.Errorf("lab: capture of %d addresses: at most %d", n, maxFilterAddresses)
	}
	prog := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offType, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipFalse: 2},
		bpf.LoadAbsolute{Off: offIPSource, Size: 4},
		bpf.Jump{Skip: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipFalse: uint8(n) + 1},
		bpf.LoadAbsolute{Off: offARPFrom, Size: 4},
	}
	for i, a := range addresses {
		if !a.Is4() {
			return nil, fmt.Errorf("lab: capture of %s: not an IPv4 address", a)
		}
		b := a.As4()
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(b[:]), SkipTrue: uint8(n - i)})
	}
	return bpf.Assemble(append(prog, bpf.RetConstant{Val: 0}, bpf.RetConstant{Val: captureBytes}))
}
