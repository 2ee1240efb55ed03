package lab

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"thresher/config"
)

// SYN is one attempt of a client to open a TCP connection. Its retransmissions
// are the same SYN.
type SYN struct {
	// Client and VIP are where it comes from and goes to.
	Client, VIP netip.AddrPort
	// Seq is its sequence number.
	Seq uint32
}

// handshakeFrame is what a frame of a handshake says.
type handshakeFrame struct {
	syn    synKey // of an answer: the SYN that it answers; of a reset: Seq is 0
	source config.MAC
	kind   handshakeKind
}

type handshakeKind uint8

const (
	synSent handshakeKind = iota
	synAnswered
	flowReset
)

// synKey is a SYN without pointers, so that the garbage collector passes over a
// map of a million of them. IPv4 addresses are as inside IPv6.
type synKey struct {
	client, vip         [16]byte
	clientPort, vipPort uint16
	seq                 uint32
}

func keyOf(s SYN) synKey {
	return synKey{s.Client.Addr().As16(), s.VIP.Addr().As16(), s.Client.Port(), s.VIP.Port(), s.Seq}
}

func (k synKey) syn() SYN {
	return SYN{
		Client: netip.AddrPortFrom(netip.AddrFrom16(k.client).Unmap(), k.clientPort),
		VIP:    netip.AddrPortFrom(netip.AddrFrom16(k.vip).Unmap(), k.vipPort),
		Seq:    k.seq,
	}
}

// readHandshake reads a frame that came through handshakeFilter: Ethernet, IP
// without fragments, TCP with SYN or RST. False if it is cut short.
func readHandshake(frame []byte) (h handshakeFrame, ok bool) {
	from, to, tcp, ok := endsOf(frame)
	if !ok || len(tcp) < offTCPFlags+1 {
		return h, false
	}
	h.source = config.MAC(frame[6:12])
	fromPort, toPort := binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint16(tcp[2:])
	answer := synKey{client: to, vip: from, clientPort: toPort, vipPort: fromPort}
	switch flags := tcp[offTCPFlags]; {
	case flags&tcpRST != 0:
		h.kind, h.syn = flowReset, answer
	case flags&tcpSYN == 0:
		return h, false
	case flags&tcpACK != 0:
		// It acknowledges the SYN's number plus one (RFC 9293, 3.5).
		answer.seq = binary.BigEndian.Uint32(tcp[8:]) - 1
		h.kind, h.syn = synAnswered, answer
	default:
		seq := binary.BigEndian.Uint32(tcp[4:])
		h.kind, h.syn = synSent, synKey{from, to, fromPort, toPort, seq}
	}
	return h, true
}

// endsOf are the addresses of an IP packet in a frame, and what it carries.
func endsOf(frame []byte) (from, to [16]byte, carried []byte, ok bool) {
	if len(frame) < offIPStart+20 {
		return from, to, nil, false
	}
	ip := frame[offIPStart:]
	if binary.BigEndian.Uint16(frame[offType:]) == unix.ETH_P_IPV6 {
		if len(ip) < ip6HeaderLen {
			return from, to, nil, false
		}
		return [16]byte(ip[8:24]), [16]byte(ip[24:40]), ip[ip6HeaderLen:], true
	}
	header := int(ip[0]&0x0f) * 4
	if header < 20 || len(ip) < header {
		return from, to, nil, false
	}
	from = netip.AddrFrom4([4]byte(ip[12:16])).As16()
	to = netip.AddrFrom4([4]byte(ip[16:20])).As16()
	return from, to, ip[header:], true
}

// kernelTime is when the kernel took the frame, from the control messages of
// SO_TIMESTAMPNS (socket(7), a struct timespec of 64-bit machines); zero if there
// is none.
func kernelTime(control []byte) (nanoseconds int64) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return int64(binary.NativeEndian.Uint64(m.Data))*int64(time.Second) + int64(binary.NativeEndian.Uint64(m.Data[8:]))
		}
	}
	return 0
}
