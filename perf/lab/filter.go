package lab

import (
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

// fromFilter makes the socket filter that keeps the first captureBytes of packets
// from the addresses, and of ARP frames that speak for them.
func fromFilter(addresses []netip.Addr) ([]bpf.RawInstruction, error) {
	if n := len(addresses); n > maxFilterAddresses {
		return nil, fmt.Errorf("lab: capture of %d addresses: at most %d", n, maxFilterAddresses)
	}
	four, six := byFamily(addresses)
	return bpf.Assemble(families(
		oneOf(offIPSource, four, captureBytes), oneOf(offIP6SourceX, six, captureBytes),
		onType(unix.ETH_P_ARP, oneOf(offARPFrom, four, captureBytes))...))
}
