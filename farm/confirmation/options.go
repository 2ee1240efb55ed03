package confirmation

import (
	"log/slog"
	"net"

	"thresher/cluster"
	"thresher/cluster/confirm/handover"
	"thresher/config"
	"thresher/farm/gate"
	"thresher/pipeline"
	"thresher/xsk"
)

// Options are what a confirmation is made of. All must be set.
type Options struct {
	// Config is the node's configuration, and Rules the same as packets are judged by it.
	Config *config.Config
	Rules  *pipeline.Rules
	// Interface is the one that has the VIPs: heartbeats go over it.
	Interface *net.Interface
	// Apart says that gossip has a network of its own. Then heartbeats go over that, too.
	Apart bool
	// Meta is what the others are told of this node, as one that is up.
	Meta cluster.Meta

	// Path is the packet path, which must be loaded, and Program its kernel program, which
	// remembers clients. They must be there until Close has returned.
	Path    PacketPath
	Program *xsk.Program
	// Openings are what the packet path asks: whose clients these are that open flows.
	Openings <-chan pipeline.Opening
	// Leftovers are the SYNs that the packet path has kept for nodes that get released
	// buckets.
	Leftovers <-chan pipeline.Leftover

	Log *slog.Logger
}

// PacketPath carries VIP packets to the stack, and judges them by what it is told. The
// confirmation's goroutine alone tells it, one thing after another.
type PacketPath interface {
	gate.PacketPath
	// HalfOpen leaves handshakes to the nodes that have answered them.
	HalfOpen(handshakes []handover.Tuple) error
	// Learnt says whose clients are that parked packets are of.
	Learnt(clients pipeline.Clients)
	// Keep lets clients of this node's open flows in others' sticky buckets until a
	// time on CLOCK_BOOTTIME, in nanoseconds. With wait, none is let in by the earlier
	// time when it returns.
	Keep(until int64, wait bool) error
}
