package handover

import (
	"net/netip"
	"time"
)

// Bounds and times of the lists.
const (
	// MaxTuples is how many handshakes one node hands over at most. In a SYN
	// flood there are more; the rest is lost knowingly.
	MaxTuples = 4096
	// Lifetime is how long a handshake can last: Linux gives up on one after
	// repeating the SYN-ACK five times, 63 s after the SYN (tcp(7),
	// tcp_synack_retries).
	Lifetime = 63 * time.Second
	// ParkLimit is how long SYNs of a gained bucket wait for lists that do not
	// come.
	ParkLimit = 200 * time.Millisecond
	// repeat is the time after which what was not echoed is said again.
	repeat = 50 * time.Millisecond
)

// Tuple is one TCP handshake, as the server sees it.
type Tuple struct {
	// Client is the peer's address and port, Server the VIP's.
	Client, Server netip.AddrPort
}
