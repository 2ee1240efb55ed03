// Package confirmation runs the confirmation protocol (cluster/confirm, docs/protocol.md)
// on this node, and nothing else: heartbeats as broadcast frames on the VIPs' interface, the
// time, and what the daemon asks for go in; what comes out is carried out in order. It alone
// decides what is let in, and alone tells the packet path.
//
//	heartbeats ──> Confirmation ──> gate.Gate ──> PacketPath
//	                  ^      │
//	       the loop's │      │ Picture, Bell
//	        questions │      v
//	                 farm (the loop)
//
// # Goroutines
//
// One goroutine, from Begin to Close, owns the protocol's state machine and all that goes
// with it: the gate, the machines that know of flows and clients (settling, halfOpen,
// stickiness, routing), what the others hold and give notice of (notices, acquaintances),
// and what was just released (releasing). None of that has a lock. What takes its time, or
// waits, has goroutines of its own, which come back for their turn (do, inTurn): listing
// sockets, sweeping clients, computing draws, reading messages. What was kept for others is
// sent on by one that needs no turn (passOn): it reads who gets it from an atomic pointer.
//
// Everybody else reads the Picture, which is never changed after it was published, or asks
// by a method and waits for its turn. Any other goroutine may do so. Once the node's part
// has ended, what is asked for is not done.
//
// # Order
//
// A change of the lease goes the same way each time (carryOut):
//
//   - settling and stickiness hear of it before it is in force (follow);
//   - what is let go of is remembered for who gets it (letGo);
//   - the gate has the packet path do it, and the others get notice of what is taken away
//     (package gate has that order);
//   - half-open handshakes of what was let go of are handed over;
//   - the heartbeat says so. Where a lease only takes up, it goes before the gate.
//
// Before a heartbeat says that the node has heard something, what follows from it is parked
// (Gate.Expect). After a heartbeat, and only then, the node's life may go over to another
// process (Depart).
//
// # Who owns what
//
// The packet path is the daemon's: it opens and closes it. The confirmation goes by it from
// Open to Close, and has its interface here (PacketPath), so that it can be tested
// without one; only the memory of sticky rules' clients is the kernel program's itself
// (Options.Program). Gossip is the daemon's too, from Connect on. Sockets for heartbeats and
// for what is sent on, and listings of sockets and conntrack are the confirmation's own. Of
// a restart in place it has the protocol's part alone (Handed); the rest is the daemon's.
package confirmation
