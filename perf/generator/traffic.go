package generator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"thresher/config"
)

// Protocol is what a frame carries.
type Protocol uint8

const (
	// UDP frames are datagrams with 18 zero bytes of payload.
	UDP Protocol = unix.IPPROTO_UDP
	// TCP frames are SYNs.
	TCP Protocol = unix.IPPROTO_TCP
)

// FrameLen is the length of every frame in memory, in bytes. The wire adds a
// check sequence of 4: the shortest Ethernet frame.
const FrameLen = 60

// VIP is where frames go: an address and its Ethernet address.
type VIP struct {
	Address netip.Addr
	MAC     config.MAC
}

// Traffic says what frames to make. Each frame has one of the VIPs, one of the
// ports, and one of the clients, chosen at random and evenly.
type Traffic struct {
	// Protocol of the frames.
	Protocol Protocol
	// VIPs are the destinations, 1 to config.MaxVIPs of them, IPv4.
	VIPs []VIP
	// Ports are the destination ports.
	Ports config.PortRange
	// Source is the Ethernet source address.
	Source config.MAC
	// Clients are the source addresses, IPv4.
	Clients netip.Prefix
	// ClientPorts are the source ports.
	ClientPorts config.PortRange
}

// check says what is wrong with the traffic.
func (t Traffic) check() error {
	var errs []error
	if t.Protocol != UDP && t.Protocol != TCP {
		errs = append(errs, fmt.Errorf("protocol %d is neither UDP nor TCP", t.Protocol))
	}
	if n := len(t.VIPs); n == 0 || n > config.MaxVIPs {
		errs = append(errs, fmt.Errorf("%d VIPs are not 1 to %d", n, config.MaxVIPs))
	}
	for _, v := range t.VIPs {
		if !v.Address.Is4() {
			errs = append(errs, fmt.Errorf("VIP %s is not IPv4", v.Address))
		}
	}
	if !t.Clients.IsValid() || !t.Clients.Addr().Is4() {
		errs = append(errs, fmt.Errorf("clients %s are no IPv4 prefix", t.Clients))
	}
	for _, p := range []config.PortRange{t.Ports, t.ClientPorts} {
		if p.Last < p.First {
			errs = append(errs, fmt.Errorf("ports %d to %d are none", p.First, p.Last))
		}
	}
	return errors.Join(errs...)
}

// constants are the program's constants, by name.
func (t Traffic) constants(target uint32) map[string]any {
	var vips [config.MaxVIPs]bpfVip
	for i, v := range t.VIPs {
		addr := v.Address.As4()
		vips[i] = bpfVip{Addr: binary.NativeEndian.Uint32(addr[:]), Mac: v.MAC}
	}
	clients := t.Clients.Masked().Addr().As4()
	return map[string]any{
		bpfVarVips:        vips,
		bpfVarVipCount:    uint32(len(t.VIPs)),
		bpfVarSourceMac:   t.Source,
		bpfVarClientBase:  binary.BigEndian.Uint32(clients[:]),
		bpfVarClientMask:  uint32(1<<(32-t.Clients.Bits()) - 1),
		bpfVarClientPort:  uint32(t.ClientPorts.First),
		bpfVarClientPorts: span(t.ClientPorts),
		bpfVarVipPort:     uint32(t.Ports.First),
		bpfVarVipPorts:    span(t.Ports),
		bpfVarProtocol:    uint32(t.Protocol),
		bpfVarTarget:      target,
	}
}

// span is how many ports a range has.
func span(p config.PortRange) uint32 { return uint32(p.Last) - uint32(p.First) + 1 }
