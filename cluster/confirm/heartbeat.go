package confirm

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Phase is where a node is in its life.
type Phase uint8

const (
	// Starting is a node that is not eligible yet.
	Starting Phase = iota + 1
	// Up is an eligible node.
	Up
	// Leaving is a node that has stopped letting flows in.
	Leaving
)

// String names the phase as status shows it.
func (p Phase) String() string {
	switch p {
	case Starting:
		return "starting"
	case Up:
		return "up"
	case Leaving:
		return "leaving"
	}
	return "unknown"
}

// Heartbeat is what a node tells everybody, every heartbeat interval and at
// once on a change.
type Heartbeat struct {
	// Name is the sender.
	Name string
	// Boot orders the sender's processes: its start time in nanoseconds of wall
	// clock, raised above any boot that a peer has known of it.
	Boot uint64
	// Seq numbers the heartbeats of one boot, from 1.
	Seq uint64
	// Phase is where the sender is in its life.
	Phase Phase
	// Lease is the lease that the sender runs. Others wait for it before they
	// take over its buckets.
	Lease time.Duration
	// Stated is the view that the sender confirms, 0 for none.
	Stated ViewID
	// Target is the view that the sender heads for, 0 for none.
	Target ViewID
	// Release is how many times the sender has let go of buckets in this boot:
	// the number up to which it hands half-open handshakes over.
	Release uint64
	// Meta is everything about the sender that assignment depends on.
	Meta string
	// Echoes are what the sender knows of its peers, at most MaxEchoes.
	Echoes []Echo
}

// Echo is what a heartbeat says about another node.
type Echo struct {
	// Peer is the other node, as PeerID.
	Peer PeerID
	// Boot is the highest boot that the sender has known of it.
	Boot uint64
	// Seq is the newest heartbeat of it that the sender answers for, 0 for
	// none. While the other is outside the sender's target it stays as it was.
	Seq uint64
	// Heard is the newest heartbeat of it that the sender has received.
	Heard uint64
}

// PeerID stands for a name in an echo, so that 32 nodes fit one frame whatever
// their names: the first 64 bits of the name's SHA-256.
type PeerID uint64

// IDOf returns the PeerID of a name.
func IDOf(name string) PeerID {
	sum := sha256.Sum256([]byte(name))
	return PeerID(binary.BigEndian.Uint64(sum[:]))
}

// echoOf finds what the heartbeat says about a node.
func (hb *Heartbeat) echoOf(id PeerID) (Echo, bool) {
	for _, e := range hb.Echoes {
		if e.Peer == id {
			return e, true
		}
	}
	return Echo{}, false
}

// sameNews says whether o changes nothing that must be answered at once.
func (hb *Heartbeat) sameNews(o *Heartbeat) bool {
	return hb.Boot == o.Boot && hb.Phase == o.Phase && hb.Stated == o.Stated && hb.Target == o.Target
}
