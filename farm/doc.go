// Package farm is the daemon: one node's life in the farm, and the wiring of
// the parts that know nothing of one another.
//
//	heartbeats ──> confirmation (what is let in) ──> gate ──> datapath
//	                    ^  │ picture
//	                    │  v
//	cluster ─────────> loop ──> responder (who answers ARP)
//	console, health ────┘
//
// Two goroutines share what changes. The confirmation (farm/confirmation) runs the protocol
// and nothing else: it alone decides what is let in, and tells the packet path in order. The
// loop does what takes its time: gossip, who answers ARP, the node's life, status and events.
// It tells the confirmation who is alive and whether this node wants to take part, and
// reads where that stands from a picture. Slow work, as listing sockets, has goroutines
// of its own that come back for their turn; packets have one a queue; everybody else
// asks the loop. A node without VIPs has no confirmation: backend is its loop.
//
// Nothing here makes shares or leases of the packet path: the confirmation's gate does
// (farm/gate), and a test of farm/confirmation holds that nobody else tells the datapath.
//
// # Order
//
// A start makes the changes to the machine, loads the packet path and puts the kernel
// program onto the interface. Then it speaks, since the others may wait for it: the
// first heartbeat comes before membership, responder and the API. The queues open last
// but for the VIPs in mode directed, which are put on the machine when all else is there.
// It stops from the other nodes down to the machine, traffic out first.
package farm
