package lab

import (
	"fmt"
	"net/netip"
)

// Limits of the address plan.
const (
	// MaxNodes is how many nodes a farm may have: 32, as the daemon.
	MaxNodes = 32
	// MaxClientAddresses is how many addresses one client may have.
	MaxClientAddresses = 4000
	// MaxQueues bounds the queues of a node's interface.
	MaxQueues = 64
)

// Config says what farm to build. Nodes is the only field that must be set.
type Config struct {
	// Nodes is how many nodes there are, 1 to MaxNodes.
	Nodes int
	// Clients is how many clients there are. Default 1.
	Clients int
	// Queues is how many receive and transmit queues each node's interface has.
	// Default 1.
	Queues int
	// MTU of every interface in bytes. Default 1500. Native XDP on veth refuses
	// more than about 3,500.
	MTU int
	// ClientAddresses is how many addresses each client has, up to
	// MaxClientAddresses. Default 1.
	ClientAddresses int
	// IPv6 gives nodes and clients addresses of IPv6 beside those of IPv4: see In6.
	IPv6 bool
	// Back gives the nodes a network of their own beside the one that all are on: see
	// CutBack and BackPortUp. NodeConfig has the daemons gossip on both.
	Back bool
	// Offloads are what the veth pairs leave for later. Default: nothing, so
	// that frames are whole, as on a wire.
	Offloads Offloads
	// Snooping is to whom the switch sends frames for groups. Default: everybody.
	Snooping Snooping
}

// withDefaults fills in what is zero and checks the rest.
func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name     string
		value    *int
		def      int
		min, max int
	}{
		{"nodes", &c.Nodes, 0, 1, MaxNodes},
		{"clients", &c.Clients, 1, 1, maxBlocks},
		{"queues", &c.Queues, 1, 1, MaxQueues},
		// 576: every IPv4 host takes that much (RFC 1122, 3.3.2), though IPv6
		// wants 1280. 65535 is veth's upper bound.
		{"mtu", &c.MTU, 1500, 576, 65535},
		{"addresses per client", &c.ClientAddresses, 1, 1, MaxClientAddresses},
	} {
		if *f.value == 0 {
			*f.value = f.def
		}
		if *f.value < f.min || *f.value > f.max {
			return c, fmt.Errorf("lab: %s: %d is not between %d and %d", f.name, *f.value, f.min, f.max)
		}
	}
	if n := c.Clients * blocksPerClient(c.ClientAddresses); n > maxBlocks {
		return c, fmt.Errorf("lab: %d clients with %d addresses each need %d blocks of /24; there are %d",
			c.Clients, c.ClientAddresses, n, maxBlocks)
	}
	return c, nil
}

// VIP is the address that the lab's farms share, 198.18.0.100.
func VIP() netip.Addr { return netip.AddrFrom4([4]byte{198, 18, 0, 100}) }

// VIP6 is the IPv6 address that farms with Config.IPv6 may share. It is not that of
// VIP, whose last four bytes, and so whose VMAC, it would have.
func VIP6() netip.Addr { return In6(netip.AddrFrom4([4]byte{198, 18, 0, 106})) }
