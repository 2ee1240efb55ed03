package flows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"thresher/config"
)

// Tracked is one flow that conntrack has, as its client sees it: before any
// translation.
type Tracked struct {
	Protocol config.Protocol
	// Client is the source address and port, Server the destination, a VIP's.
	Client, Server netip.AddrPort
	// State is what a TCP socket's would be called; 0 of UDP.
	State State
}

// Messages and attributes of ctnetlink. Source: linux/netfilter/nfnetlink.h,
// nfnetlink_conntrack.h, nf_conntrack_common.h.
const (
	subsysConntrack = 1 // NFNL_SUBSYS_CTNETLINK
	conntrackNew    = 0 // IPCTNL_MSG_CT_NEW, what a dump is answered with
	conntrackGet    = 1 // IPCTNL_MSG_CT_GET
	nfgenLen        = 4 // struct nfgenmsg: family 1, version 1, resource 2

	attrTupleOrig = 1  // CTA_TUPLE_ORIG
	attrStatus    = 3  // CTA_STATUS, big-endian
	attrProtoInfo = 4  // CTA_PROTOINFO
	attrFilter    = 25 // CTA_FILTER

	tupleIP    = 1 // CTA_TUPLE_IP
	tupleProto = 2 // CTA_TUPLE_PROTO

	ipV4Src, ipV4Dst, ipV6Src, ipV6Dst = 1, 2, 3, 4 // CTA_IP_…
	protoNum, protoSrc, protoDst       = 1, 2, 3    // CTA_PROTO_…

	protoInfoTCP = 1 // CTA_PROTOINFO_TCP
	tcpState     = 1 // CTA_PROTOINFO_TCP_STATE

	filterOrigFlags = 1      // CTA_FILTER_ORIG_FLAGS
	filterByServer  = 1 << 1 // CTA_FILTER_FLAG(CTA_IP_DST), net/netfilter/nf_internals.h

	statusDying = 1 << 9 // IPS_DYING
	attrMask    = 0x3fff // NLA_TYPE_MASK, linux/netlink.h
)

// trackedStates are conntrack's TCP states as a socket's, by number; 0 is one
// that is over. Source: linux/netfilter/nf_conntrack_tcp.h. A SYN that is not
// answered yet is a handshake in flight, too.
var trackedStates = [...]State{
	0: SynRecv, // not set yet
	1: SynRecv, // SYN_SENT, of the client
	2: SynRecv,
	3: Established,
	4: FinWait1,
	5: CloseWait,
	6: LastAck,
	7: TimeWait,
	8: 0,       // CLOSE
	9: SynRecv, // SYN_SENT2, both ends at once
}

// conntrack is the kernel's table of tracked flows.
type conntrack struct {
	*dump
	asking [][]byte // the requests, one after the other
	vips   map[netip.Addr]bool
}

// openConntrack connects to conntrack, and writes down what to ask it: the
// entries to each IPv4 VIP. Over IPv6 all are asked for: there the kernel's
// filter leaves out what it should list (nf_conntrack_netlink.c,
// ctnetlink_filter_match_tuple; seen on 6.18).
func openConntrack(vips []netip.Addr) (*conntrack, error) {
	d, err := openDump(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	c := &conntrack{dump: d, vips: make(map[netip.Addr]bool)}
	six := false
	for _, v := range vips {
		c.vips[v] = true
		if v.Is4() {
			c.asking = append(c.asking, trackedTo(v))
		}
		six = six || v.Is6()
	}
	if six {
		c.asking = append(c.asking, dumpRequest(subsysConntrack<<8|conntrackGet, []byte{unix.AF_INET6, unix.NFNETLINK_V0, 0, 0}))
	}
	return c, nil
}

// EachTracked calls f for every flow that conntrack has on the VIPs that Open was
// told to forward, but those that are over. A flow may come twice. f must not
// call methods of the Table. After an error some flows may be missing.
func (t *Table) EachTracked(f func(Tracked)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.sockets.fd < 0:
		return ErrClosed
	case t.conntrack == nil:
		return nil
	}
	err := t.conntrack.each(t.conntrack.asking, func(kind uint16, body []byte) bool {
		if kind != subsysConntrack<<8|conntrackNew {
			return true
		}
		flow, ok := parseTracked(body)
		if ok && flow.Protocol != 0 && t.conntrack.vips[flow.Server.Addr()] {
			f(flow)
		}
		return ok
	})
	if err != nil {
		return fmt.Errorf("list conntrack's entries: %w", conntrackMissing(err))
	}
	return nil
}

func conntrackMissing(err error) error {
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("%w: the kernel lacks the module nf_conntrack_netlink", err)
	}
	return err
}

// parseTracked reads one entry: struct nfgenmsg and attributes. An entry that is
// of no use here, since it is over or neither TCP nor UDP, comes back without a
// protocol; false is one that is not understood.
func parseTracked(b []byte) (f Tracked, ok bool) {
	if len(b) < nfgenLen {
		return f, false
	}
	over, state := false, 0
	ok = attributes(b[nfgenLen:], func(kind int, value []byte) bool {
		switch kind {
		case attrTupleOrig:
			return f.parseTuple(value)
		case attrStatus:
			over = len(value) == 4 && binary.BigEndian.Uint32(value)&statusDying != 0
		case attrProtoInfo:
			return parseState(value, &state)
		}
		return true
	})
	switch {
	case !ok || !f.Client.IsValid() || !f.Server.IsValid():
		return Tracked{}, false
	case f.Protocol == config.TCP && state < len(trackedStates):
		f.State = trackedStates[state]
		over = over || f.State == 0
	case f.Protocol == config.UDP:
	default:
		over = true
	}
	if over {
		f = Tracked{}
	}
	return f, true
}

func (f *Tracked) parseTuple(b []byte) bool {
	var client, server netip.Addr
	var clientPort, serverPort uint16
	ok := attributes(b, func(kind int, value []byte) bool {
		switch kind {
		case tupleIP:
			return attributes(value, func(kind int, value []byte) bool {
				address, ok := netip.AddrFromSlice(value)
				switch kind {
				case ipV4Src, ipV6Src:
					client = address
				case ipV4Dst, ipV6Dst:
					server = address
				}
				return ok
			})
		case tupleProto:
			return attributes(value, func(kind int, value []byte) bool {
				switch {
				case kind == protoNum && len(value) == 1:
					f.Protocol = config.Protocol(value[0])
				case kind == protoSrc && len(value) == 2:
					clientPort = binary.BigEndian.Uint16(value)
				case kind == protoDst && len(value) == 2:
					serverPort = binary.BigEndian.Uint16(value)
				}
				return true
			})
		}
		return true
	})
	f.Client, f.Server = netip.AddrPortFrom(client, clientPort), netip.AddrPortFrom(server, serverPort)
	return ok
}

// parseState reads the state of a TCP entry out of what its protocol says.
func parseState(b []byte, state *int) bool {
	return attributes(b, func(kind int, value []byte) bool {
		if kind != protoInfoTCP {
			return true
		}
		return attributes(value, func(kind int, value []byte) bool {
			if kind == tcpState && len(value) == 1 {
				*state = int(value[0])
			}
			return true
		})
	})
}

// attributes goes through netlink attributes (linux/netlink.h: length 2, with
// these four bytes; type 2; padding to four) until one is refused. False is also
// one that is cut short.
func attributes(b []byte, f func(kind int, value []byte) bool) bool {
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b))
		if size < 4 || size > len(b) {
			return false
		}
		if !f(int(binary.NativeEndian.Uint16(b[2:])&attrMask), b[4:size]) {
			return false
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return len(b) == 0
}

// trackedTo encodes the dump of the entries whose original destination is an IPv4
// VIP: struct nfgenmsg, the tuple to compare with, and what of it counts.
func trackedTo(vip netip.Addr) []byte {
	body := []byte{unix.AF_INET, unix.NFNETLINK_V0, 0, 0}
	body = append(body, nested(attrTupleOrig, nested(tupleIP, attribute(ipV4Dst, vip.AsSlice())))...)
	flags := binary.NativeEndian.AppendUint32(nil, filterByServer)
	body = append(body, nested(attrFilter, attribute(filterOrigFlags, flags))...)
	return dumpRequest(subsysConntrack<<8|conntrackGet, body)
}

// attribute encodes one whose value needs no padding.
func attribute(kind int, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	return append(binary.NativeEndian.AppendUint16(b, uint16(kind)), value...)
}

func nested(kind int, value []byte) []byte { return attribute(kind|unix.NLA_F_NESTED, value) }
