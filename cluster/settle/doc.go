// Package settle finds out which buckets are settled: no live node but their
// owner has, or may have, flows in them. Packets of unknown flows in the other
// buckets are left to whoever knows them.
//
// It is a pure state machine like cluster/confirm: events and time in, actions
// out, no goroutine, clock or socket inside. A [Node] is told what this node
// states and holds ([Node.State]), who is there ([Node.Members], [Node.Heard]),
// what its own sockets are ([Node.Scanned]) and what others report
// ([Node.Receive]). It says which buckets are unsettled, when to scan, and what
// to send to whom.
//
// # Rules
//
// A bucket that this node does not hold is unsettled while the node has, or may
// have, flows in it: from the moment it lets go of the bucket, or starts, until
// a scan that began [Params.Margin] later has found it clear.
//
// A bucket that this node holds is unsettled until every other member that is
// alive, or vanished less than [Params.Hold] ago, has cleared it. A member
// clears buckets by a [Report] of its present boot, made under the very view
// that this node states, after the last release of buckets that its heartbeats
// tell of. The view shows that the reporter does not own the bucket, so that its
// list of foreign flows covers it. The release shows that the report is not of
// an earlier time at which both were in the same view: in between the reporter
// may have had the bucket, and then released it, and confirmation lets no flow
// in here before that release was heard. A report under no view counts while the
// reporter's heartbeats state none and head for none.
//
// A cleared bucket stays cleared while this node owns it, until the member
// releases buckets or starts a new process: then it must report anew. It must
// also when it comes back from having vanished, and everybody must when this
// node was fenced, for it does not know who took its buckets over, and left.
// Such a report must echo one that this node has sent since, as an old one may
// have been under way all the time.
//
// A member that said goodbye has no flows, if the process that it now is was heard to
// leave: membership may tell of an earlier one's goodbye for long. Those never heard of may have some: a
// node that starts while another hangs, is cut off or has lost its daemon hears
// nothing of the connections that go on in that machine's kernel. So what a node
// holds is unsettled until it has met as many members as the farm has
// ([Params.Nodes]), or has looked out for them for [Params.Hold].
//
// # Messages
//
// A report is sent to all when it differs from the last, and at once to a new
// member. Nobody acknowledges. A report says that its sender still waits for its
// receiver (Answer), and is repeated to that one every [Params.Repeat]; the
// receiver answers with its own. On a quiet farm there are neither scans nor
// messages.
package settle
