package flows

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Flow is one TCP socket that is not listening.
type Flow struct {
	// Client is the remote address and port, Server the local one, a VIP's. IPv4
	// addresses are IPv4's also where an IPv6 socket has them.
	Client, Server netip.AddrPort
	State          State
}

// State is a TCP socket's state, by the kernel's numbers. Source:
// include/net/tcp_states.h, which ss(8) and /proc/net/tcp show too.
type State uint8

// The states that are listed.
const (
	Established State = 1
	SynSent     State = 2
	SynRecv     State = 3
	FinWait1    State = 4
	FinWait2    State = 5
	TimeWait    State = 6
	CloseWait   State = 8
	LastAck     State = 9
	Closing     State = 11
)

// listed are the states asked for, as a mask. The kernel lists a SYN that has no
// socket yet (TCP_NEW_SYN_RECV there) as SynRecv.
const listed = 1<<Established | 1<<SynSent | 1<<SynRecv | 1<<FinWait1 | 1<<FinWait2 | 1<<TimeWait |
	1<<CloseWait | 1<<LastAck | 1<<Closing

// diagLen is the size of struct inet_diag_msg (linux/inet_diag.h):
//
//	family 1 | state 1 | timer 1 | retrans 1
//	source port 2, destination port 2, source 16, destination 16 | interface 4 | cookie 8
//	expires 4 | rqueue 4 | wqueue 4 | uid 4 | inode 4
//
// Ports and addresses are big-endian; source is the local side.
const diagLen = 72

// parse reads one struct inet_diag_msg; false is one that is not understood.
func parse(b []byte) (Flow, bool) {
	if len(b) < diagLen {
		return Flow{}, false
	}
	address := func(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }
	switch b[0] {
	case unix.AF_INET:
	case unix.AF_INET6:
		address = func(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)).Unmap() }
	default:
		return Flow{}, false
	}
	return Flow{
		Server: netip.AddrPortFrom(address(b[8:]), binary.BigEndian.Uint16(b[4:])),
		Client: netip.AddrPortFrom(address(b[24:]), binary.BigEndian.Uint16(b[6:])),
		State:  State(b[1]),
	}, true
}
