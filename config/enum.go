package config

// Protocol is an IP protocol number that a rule can name.
// Source: IANA, Assigned Internet Protocol Numbers.
type Protocol uint8

// The protocols that rules balance.
const (
	TCP Protocol = 6
	UDP Protocol = 17
)

// VIPMode is how every node gets to see a VIP's frames (DESIGN §4).
type VIPMode uint8

// Flood answers for the VIP with an Ethernet address that is never a source,
// so that no switch learns it and every port gets its frames.
const Flood VIPMode = 1

// Affinity is what of a client's identity is hashed to its bucket (DESIGN §2).
type Affinity uint8

const (
	// Client hashes the client's IP address: all its connections go to one node.
	Client Affinity = iota + 1
	// Session hashes the client's IP address and port: each connection is
	// placed by itself.
	Session
)

// Default is what happens to VIP traffic that matches no rule.
type Default uint8

// Deny drops VIP traffic that matches no rule.
const Deny Default = 1

// Profile names a set of failure-detection timings.
type Profile uint8

const (
	// Fast notices a lost node in about a second on one Ethernet segment.
	Fast Profile = iota + 1
	// LAN is slower to suspect, for busy or jittery segments.
	LAN
	// WAN is slower still, for heartbeats that cross routers.
	WAN
)

// Offload is how much of the verdict the kernel program repeats.
type Offload uint8

// OffloadNone sends every VIP packet through the pipeline.
const OffloadNone Offload = 1

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

// String is temporary until enum tables come.
func (m XDPMode) String() string { return [...]string{"", "auto", "native", "generic"}[m] }
