// Package confirm decides which buckets a node may let new flows into. It is
// the confirmation protocol of the farm (docs/protocol.md) as a pure state
// machine: events and time go in, actions come out. There is no goroutine, no
// clock and no socket in it, so that the daemon, the random simulation
// (cluster/confirm/sim) and the exhaustive search (cluster/confirm/search)
// drive one and the same type, [Node].
//
// # Use
//
// [New] or [Restore] makes the node. Then every event is one method call with
// the present time: [Node.Tick], [Node.Receive], [Node.Members], [Node.Weights],
// [Node.Up], [Node.Leave]. Each returns [Actions], which the caller carries out
// completely, in the order written there, before it feeds the next event, and
// which say when Tick must be called at the latest.
//
// A Node is not safe for concurrent use: one goroutine owns it.
//
// # Sets of buckets
//
// A bucket is a slot of a rule, and every rule has 65,536 of them. The machine
// never looks at single buckets. It handles [Buckets]: for each rule one
// immutable [Bitmap], shared by all rules that are assigned alike. Intersecting
// two sets costs one pass over 1,024 words for each pair of different bitmaps,
// not for each rule, and happens only when a view changes or a bucket is
// confirmed for the first time, never for a heartbeat that merely renews. What a
// view gives this node is computed once by the injected [Assign] and kept as
// long as anybody may speak of that view.
package confirm
