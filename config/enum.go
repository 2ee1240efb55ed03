package config

// Protocol is an IP protocol number that a rule can name.
// Source: IANA, Assigned Internet Protocol Numbers.
type Protocol uint8

// The protocols that rules balance.
const (
	TCP Protocol = 6
	UDP Protocol = 17
)

// String returns the protocol as the file spells it.
func (p Protocol) String() string { return protocols.name(p) }

var protocols = enum[Protocol]{"protocol", []word[Protocol]{
	{"tcp", TCP}, {"udp", UDP},
}}

// VIPMode is how every node gets to see a VIP's frames (DESIGN §4).
type VIPMode uint8

const (
	// Flood answers for the VIP with an Ethernet address that is never a source,
	// so that no switch learns it and every port gets its frames.
	Flood VIPMode = iota + 1
	// Multicast answers with a group address, which no switch can learn.
	Multicast
	// IGMP answers with the Ethernet address of an IP group that the nodes join, so
	// that switches which snoop send its frames to the nodes alone.
	IGMP
	// Directed answers with the address of one node, which forwards to the others.
	Directed
)

// String returns the mode as the file spells it.
func (m VIPMode) String() string { return vipModes.name(m) }

var vipModes = enum[VIPMode]{"VIP mode", []word[VIPMode]{
	{"flood", Flood}, {"multicast", Multicast}, {"igmp", IGMP}, {"directed", Directed},
}}

// Affinity is what of a client's identity is hashed to its bucket (DESIGN §2).
type Affinity uint8

const (
	// Client hashes the client's IP address: all its connections go to one node.
	Client Affinity = iota + 1
	// Session hashes the client's IP address and port: each connection is
	// placed by itself.
	Session
	// Network hashes the client's network: all its addresses go to one node.
	Network
	// Packet hashes the client's IP address and the datagram's IP identification:
	// each datagram is placed by itself. For UDP over IPv4 alone.
	Packet
)

// String returns the affinity as the file spells it.
func (a Affinity) String() string { return affinities.name(a) }

var affinities = enum[Affinity]{"affinity", []word[Affinity]{
	{"client", Client}, {"session", Session}, {"network", Network}, {"packet", Packet},
}}

// Default is what happens to VIP traffic that matches no rule.
type Default uint8

const (
	// Deny drops VIP traffic that matches no rule.
	Deny Default = iota + 1
	// Pass lets every node have it: each node's firewall decides.
	Pass
	// Single lets one node of the farm have it.
	Single
)

// String returns the default as the file spells it.
func (d Default) String() string { return defaults.name(d) }

var defaults = enum[Default]{"default", []word[Default]{
	{"deny", Deny}, {"pass", Pass}, {"single", Single},
}}

// Profile names a set of failure-detection timings.
type Profile uint8

const (
	// Fast notices a lost node in about a second on one Ethernet segment.
	Fast Profile = iota + 1
	// Fastest notices it in about a third of a second, for quiet machines: a
	// node that is starved for 200 ms is taken for lost.
	Fastest
	// LAN is slower to suspect, for busy or jittery segments.
	LAN
	// WAN is slower still, for heartbeats that cross routers.
	WAN
)

// String returns the profile as the file spells it.
func (p Profile) String() string { return profiles.name(p) }

var profiles = enum[Profile]{"profile", []word[Profile]{
	{"fast", Fast}, {"fastest", Fastest}, {"lan", LAN}, {"wan", WAN},
}}

// Partition is what the sides of a split farm do (DESIGN §3).
type Partition uint8

const (
	// Serve lets each side of a split serve its side.
	Serve Partition = iota + 1
	// Majority lets only a side with more than half of all nodes let new flows in:
	// of those that are configured, or were met at once if these are more.
	Majority
)

// String returns the policy as the file spells it.
func (p Partition) String() string { return partitions.name(p) }

var partitions = enum[Partition]{"partition policy", []word[Partition]{
	{"serve", Serve}, {"majority", Majority},
}}

// Offload is how much of the verdict the kernel program repeats.
type Offload uint8

const (
	// OffloadNone sends every VIP packet through the pipeline.
	OffloadNone Offload = iota + 1
	// OffloadReject drops in the kernel what is not for this node.
	OffloadReject
	// OffloadFull lets the kernel pass what is for this node, too.
	OffloadFull
)

// String returns the offload level as the file spells it.
func (o Offload) String() string { return offloads.name(o) }

var offloads = enum[Offload]{"offload level", []word[Offload]{
	{"none", OffloadNone}, {"reject", OffloadReject}, {"full", OffloadFull},
}}

// XDPMode is how the kernel program is attached to the interface.
type XDPMode uint8

const (
	// XDPAuto attaches in the driver and falls back to the generic hook.
	XDPAuto XDPMode = iota + 1
	// XDPNative attaches in the driver or fails.
	XDPNative
	// XDPGeneric attaches to the generic hook, which every driver has.
	XDPGeneric
)

// String returns the attach mode as the file spells it.
func (m XDPMode) String() string { return xdpModes.name(m) }

var xdpModes = enum[XDPMode]{"XDP mode", []word[XDPMode]{
	{"auto", XDPAuto}, {"native", XDPNative}, {"generic", XDPGeneric},
}}

// ZeroCopy says whether the sockets share the driver's memory.
type ZeroCopy uint8

const (
	// ZeroCopyAuto shares it where the driver can, and copies elsewhere.
	ZeroCopyAuto ZeroCopy = iota + 1
	// ZeroCopyOn shares it or fails.
	ZeroCopyOn
	// ZeroCopyOff copies always, also where the driver could share it.
	ZeroCopyOff
)

// String returns the choice as the file spells it.
func (z ZeroCopy) String() string { return zeroCopies.name(z) }

var zeroCopies = enum[ZeroCopy]{"choice of zero copy", []word[ZeroCopy]{
	{"auto", ZeroCopyAuto}, {"on", ZeroCopyOn}, {"off", ZeroCopyOff},
}}
