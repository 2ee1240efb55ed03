// Package farm is the daemon: one node's life in the farm, and the wiring of
// the parts that know nothing of one another.
//
//	cluster (who is there) ──> loop ──> datapath (whose packets are mine)
//	console (what people want) ─┘  └──> responder (do I answer ARP)
//
// One goroutine, the loop, owns all that changes: it hears of changes, decides,
// and hands out immutable snapshots. Everything else either carries packets
// (one goroutine a queue) or asks the loop.
//
// # Order
//
// A node starts from the wire up and lets traffic in last: machine, packet path
// (judging every packet "not serving"), responder, membership, and only then its
// share. It stops in the reverse order, traffic first.
package farm
