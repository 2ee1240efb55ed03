package flows

import (
	"encoding/binary"
	"math"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Instructions of the kernel's filter. Source: linux/inet_diag.h.
const (
	opJump   = 1 // INET_DIAG_BC_JMP
	opSource = 7 // INET_DIAG_BC_S_COND
	opLen    = 4 // struct inet_diag_bc_op: code 1, yes 1, no 2
	condLen  = 8 // struct inet_diag_hostcond: family 1, prefix 1, padding 2, port 4
)

// filter returns the program by which the kernel lists only sockets whose local
// address is one of the VIPs:
//
//	S_COND vip1  yes: next      no: over the jump
//	JMP                         to the end
//	...
//	S_COND vipN  yes: the end   no: 4 bytes past it, which refuses
//
// A jump takes its "no" branch. Conditions for IPv4 hold for IPv6 sockets with
// IPv4 addresses too. There must be at least one VIP.
func filter(vips []netip.Addr) []byte {
	total := -opLen // the last one needs no jump
	for _, v := range vips {
		total += condSize(v) + opLen
	}
	b := make([]byte, 0, total)
	for i, v := range vips {
		size := condSize(v)
		last := i == len(vips)-1
		no := size + opLen // past the jump, or past the end
		b = append(b, opSource, byte(size))
		b = binary.NativeEndian.AppendUint16(b, uint16(no))
		b = appendCond(b, v)
		if !last {
			b = append(b, opJump, opLen)
			b = binary.NativeEndian.AppendUint16(b, uint16(total-len(b)+2))
		}
	}
	return b
}

// condSize is the length of the condition for a VIP, with its instruction.
func condSize(vip netip.Addr) int { return opLen + condLen + vip.BitLen()/8 }

// appendCond appends "the address is the VIP, the port any".
func appendCond(b []byte, vip netip.Addr) []byte {
	family := byte(unix.AF_INET)
	if vip.Is6() {
		family = unix.AF_INET6
	}
	b = append(b, family, byte(vip.BitLen()), 0, 0)
	b = binary.NativeEndian.AppendUint32(b, math.MaxUint32) // -1: any port
	return append(b, vip.AsSlice()...)
}
