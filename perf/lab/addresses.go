package lab

import (
	"net/netip"

	"thresher/config"
)

// The plan divides 198.18.0.0/16, half of the range that RFC 2544 (appendix
// C.2.2) sets aside for benchmarks, so that it meets no real address:
//
//	198.18.0.0/24      nodes and VIP
//	198.18.1-127.0/24  clients, whole blocks of /24 each
//	198.18.128.0/17    sources of SendSYNs
//
// With Config.IPv6 each has another in fd00:c612::/64, which ends with it: see In6.
const (
	subnetBits = 16
	// maxBlocks is how many blocks of /24 the clients share.
	maxBlocks = 127
	// blockHosts is how many addresses of a block are used: .1 to .254. The
	// other two are ordinary addresses in a /16, but no reader believes it.
	blockHosts = 254
)

// SYNRange is the prefix that SYNSources takes addresses from. It belongs to the
// first client, whose kernel answers ARP for all of it and resets connections
// that it knows nothing of.
func SYNRange() netip.Prefix { return netip.PrefixFrom(ip(128, 0), 17) }

// SYNRange6 is SYNRange's addresses of IPv6.
func SYNRange6() netip.Prefix {
	r := SYNRange()
	return netip.PrefixFrom(In6(r.Addr()), prefixIn6(r.Bits()))
}

// In6 is the address of IPv6 that the plan gives with one of IPv4, in a unique
// local /64 (RFC 4193): the IPv4 address is its last four bytes.
func In6(a netip.Addr) netip.Addr {
	b := [16]byte{0xfd, 0x00, 0xc6, 0x12}
	four := a.As4()
	copy(b[12:], four[:])
	return netip.AddrFrom16(b)
}

// subnet6Bits is the length of the plan's prefix of IPv6, and prefixIn6 that of a
// prefix whose IPv4 form has so many bits.
const subnet6Bits = 64

func prefixIn6(bits int) int { return 96 + bits }

func ip(third, fourth int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(third), byte(fourth)})
}

// nodeAddress is the address of the node with that number, counted from 1.
func nodeAddress(node int) netip.Addr { return ip(0, 10+node) }

// blocksPerClient is how many blocks of /24 a client with n addresses needs.
func blocksPerClient(n int) int { return (n + blockHosts - 1) / blockHosts }

// clientBlocks lists the blocks of the client with that number, counted from 1,
// when each client has n addresses.
func clientBlocks(client, n int) []netip.Prefix {
	per := blocksPerClient(n)
	blocks := make([]netip.Prefix, 0, per)
	for b := 1 + (client-1)*per; len(blocks) < per; b++ {
		blocks = append(blocks, netip.PrefixFrom(ip(b, 0), 24))
	}
	return blocks
}

// clientAddresses lists the n addresses of the client with that number.
func clientAddresses(client, n int) []netip.Addr {
	first := 1 + (client-1)*blocksPerClient(n)
	all := make([]netip.Addr, 0, n)
	for k := range n {
		all = append(all, ip(first+k/blockHosts, 1+k%blockHosts))
	}
	return all
}

// macOf is the Ethernet address of the host with that address: locally
// administered (the bit 02), then the IPv4 address, so that a capture can be
// read without a table.
func macOf(a netip.Addr) config.MAC {
	b := a.As4()
	return config.MAC{0x02, 0x00, b[0], b[1], b[2], b[3]}
}
