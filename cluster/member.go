package cluster

import "net/netip"

// Member is one machine that gossip knows of.
type Member struct {
	// Name is the node's name.
	Name string
	// Address is where the node gossips: on the first of its networks.
	Address netip.AddrPort
	// Meta is what the node last said of itself. A member that is not alive and
	// whose phase is not Leaving or Stopped has crashed or cannot be reached.
	Meta Meta
	// Alive is whether the farm takes the node for alive. A node that is only
	// suspected still is.
	Alive bool
	// Relayed is whether the node is alive by others' word alone: it has not answered
	// this node's own probes for some time.
	Relayed bool
	// Err is why Meta could not be read, and then Meta is zero.
	Err error
}
