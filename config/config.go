// Package config is the daemon's configuration: the schema of the one YAML
// file, its strict reading, its defaults and its checks.
//
// The types here are plain values. Everything else in the project may use them;
// this package uses nothing of the project.
package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Config is one complete, validated configuration. It is never changed after
// Load has returned it, so it may be shared between goroutines.
type Config struct {
	// Node is this machine's name in the farm.
	Node string
	// Life is how the node comes up, and how it goes.
	Life Life
	// Interface is the network interface that the VIPs' packets arrive on.
	Interface string
	// VIPs are the shared addresses, in the order of the file.
	VIPs []VIP
	// Rules say what is served on the VIPs, in the order of the file. At most
	// MaxRules of them.
	Rules []Rule
	// Default is what happens to VIP traffic that matches no rule.
	Default Default
	// Cluster is how the nodes find and watch one another.
	Cluster Cluster
	// Datapath is how packets are taken from the interface.
	Datapath Datapath
	// Services are what must run for the node to serve, in the order of the file.
	Services []Service
	// Checks say whether it does, in the order of the file.
	Checks []Check
	// Notify are those who are told what happens.
	Notify []Notify
	// HealthListen is where balancers in front of the node can ask whether it is
	// up; the zero value is nowhere.
	HealthListen netip.AddrPort
	// API is where the daemon can be asked and told things.
	API API
	// RunDir holds what must not outlive a boot: the API's socket and the
	// record of changes made to this machine.
	RunDir string
	// StateDir holds what must outlive a boot.
	StateDir string
}

// MaxRules is how many rules a farm may have: a node gossips one byte for each
// within memberlist's 512 bytes of metadata (DESIGN §3).
const MaxRules = 256

// MaxPriority is the greatest priority of a node under a rule with mode single:
// there are as many as weights, for they travel in their place.
const MaxPriority = 100

// MaxVIPs is how many shared addresses a farm may have.
const MaxVIPs = 64

// VIP is one shared address.
type VIP struct {
	// Address is the shared address.
	Address netip.Addr
	// Mode is how every node gets to see the address's frames.
	Mode VIPMode
	// MAC is the shared Ethernet address (VMAC) that answers for Address.
	MAC MAC
}

// String is the VIP for people.
func (v VIP) String() string {
	if v.MAC == (MAC{}) {
		return fmt.Sprintf("%v %v", v.Address, v.Mode)
	}
	return fmt.Sprintf("%v %v %v", v.Address, v.Mode, v.MAC)
}

// Rule says what is served on which VIPs, and how its clients are spread.
type Rule struct {
	// Name identifies the rule in status, metrics and commands.
	Name string
	// Protocol is TCP or UDP.
	Protocol Protocol
	// VIPs are the addresses that the rule holds for; empty means all.
	VIPs []netip.Addr
	// Ports are the ports served, sorted, without overlap.
	Ports []PortRange
	// Mode is whether the nodes share the rule's clients, one of them has them
	// all, or nobody has any.
	Mode RuleMode
	// Affinity is what of a client's identity picks its bucket.
	Affinity Affinity
	// Prefix4 and Prefix6 are how many bits of an address count with affinity
	// Network; 0 with any other.
	Prefix4, Prefix6 uint8
	// Sticky is how long a client without flows stays with its node in a planned
	// change; 0 for not at all.
	Sticky time.Duration
	// Weight is this node's part of the rule's buckets relative to the other
	// nodes', 0 to 100; 0 serves none. With mode single it only says whether this
	// node may serve the rule at all.
	Weight uint8
	// Priority is this node's place in the line with mode single, 1 to
	// MaxPriority; the lowest serves.
	Priority uint8
	// Nodes are the nodes that may serve the rule; empty means all.
	Nodes []string
	// Forward says that the node routes or translates what the rule lets in, so
	// that its flows are conntrack's and not sockets.
	Forward bool
}

// PortRange is a range of ports, both ends included, 1 to 65535.
type PortRange struct{ First, Last uint16 }

// Cluster is how the nodes find and watch one another.
type Cluster struct {
	// Bind is the address and port that gossip is received on, TCP and UDP: on the
	// first heartbeat network.
	Bind netip.AddrPort
	// Further are the same on the other heartbeat networks, in the order of the
	// file; empty where there is one. At most MaxNetworks with Bind.
	Further []netip.AddrPort
	// Join are the configured peers. This node itself may be among them.
	Join []Peer
	// Keys are the farm's secrets, read from the key file; zero if Insecure.
	Keys Keys
	// KeyFile is that file's path; empty if Insecure.
	KeyFile string
	// Insecure is gossip in clear, and a bucket hash without a secret.
	Insecure bool
	// Profile names a set of failure-detection timings.
	Profile Profile
	// Heartbeat, Eviction and Lease stand in the place of the profile's; 0 is the
	// profile's own. Timings has what holds.
	Heartbeat, Eviction, Lease time.Duration
	// Partition is what the sides of a split farm do.
	Partition Partition
	// JoinTimeout is how long a starting node waits for its configured peers
	// before it serves alone.
	JoinTimeout time.Duration
}

// MaxNetworks is how many heartbeat networks a farm may have: nodes gossip their
// addresses on them within memberlist's 512 bytes of metadata.
const MaxNetworks = 4

// Peer is where one node gossips: on one heartbeat network, or on several.
type Peer []netip.AddrPort

// String is the peer as the file has it.
func (p Peer) String() string {
	return strings.Join(p.texts(), " ")
}

func (p Peer) texts() []string {
	texts := make([]string, len(p))
	for i, at := range p {
		texts[i] = at.String()
	}
	return texts
}

// Binds are this node's own addresses on all heartbeat networks, Bind first.
func (c *Cluster) Binds() []netip.AddrPort {
	return append([]netip.AddrPort{c.Bind}, c.Further...)
}

// Others are the configured peers without this node.
func (c *Cluster) Others() []Peer {
	own := c.Binds()
	return slices.DeleteFunc(slices.Clone(c.Join), func(p Peer) bool {
		return slices.ContainsFunc(p, func(a netip.AddrPort) bool { return slices.Contains(own, a) })
	})
}

// Nodes is how many nodes the configuration names; this one need not be among
// those to join.
func (c *Cluster) Nodes() int { return len(c.Others()) + 1 }

// SealKeys are what frames between the nodes are sealed under, the one in use first:
// known to everybody in a farm that goes without keys.
func (c *Cluster) SealKeys() [][32]byte {
	if c.Insecure {
		return [][32]byte{noKey}
	}
	return c.Keys.Accepted()
}

// Datapath is how packets are taken from the interface.
type Datapath struct {
	// Offload is how much of the verdict the kernel program repeats.
	Offload Offload
	// XDP is the attach mode wanted.
	XDP XDPMode
	// ZeroCopy says whether the sockets share the driver's memory.
	ZeroCopy ZeroCopy
	// Queues is how many receive queues to bind; 0 means all of the interface's.
	Queues int
	// Pin keeps the kernel program in place when the daemon dies, so that the
	// connections that are here go on.
	Pin bool
}
