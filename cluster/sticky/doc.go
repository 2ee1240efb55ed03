// Package sticky keeps a client with the node that it has been with: in a planned
// change a client with flows on a node, or idle for less than the rule's time,
// stays there for new connections too.
//
// It is a pure state machine like cluster/settle, which it is built upon: events
// and time in, actions out. No list of clients is exchanged.
//
// # Words
//
// A client is one of one rule. A node remembers the clients that it has let in:
// that is done in its kernel, and only while it owns the client's bucket. A holder
// is a node that remembers clients of a bucket which it has lost. A bucket is
// sticky-unsettled at its owner while some other member may be a holder, and at a
// holder while it is one. Which buckets are, package settle finds out, with
// remembered clients in the place of flows.
//
// # Rules
//
// In a sticky-unsettled bucket of its own a node accepts a client's SYN only if
// every member that may be a holder has said since that it does not remember the
// client ([Ask], [Answer]). Since: since the node took the bucket up, and since
// that member was last new, back, another process, or known to have released
// buckets. What they said is forgotten when that begins anew. So a node's default
// is to leave a client alone.
//
// A holder accepts the SYN of a client that it remembers in a bucket of another's
// only while its grant lasts: every member that it hears and that states a view
// must have answered a [Hold] of it ([Grant]); that counts for the lease of
// whichever of the two is the shorter, from when the Hold was sent. A member answers
// only a holder that it takes for alive, so that it takes it for one that may
// remember clients; and goes on to do so for longer than a lease and the time that
// a packet may wait, when it has come to take it for dead.
//
// A new process does not count as long as its predecessor may have a grant. One that
// goes on in its predecessor's boot takes all that one knew for holders with a
// promise of its own ([Node.Resume]).
//
// A holder says that it does not remember a client only when no packet can be on
// its way that the client's being remembered has let in.
//
// A node forgets all clients when its grant has ended, when it was fenced, or when
// a process is back that it had given up: then two nodes may have served one client,
// and both remember it. It does so when what it let in has had its time, and until
// then is no holder and does not say of anybody that it does not remember him. So
// what crashed, hung or was split keeps no client.
//
// # Why two nodes never both accept one client
//
// Say owner O accepts client c in bucket b and holder H does too, and O has
// granted. Then O takes H for alive, or has not long ago, so H has said to O that
// it does not remember c, or that it remembers nobody in b. H said so after it had
// lost b, and remembers new clients only where it owns the bucket. It did not get
// b back in between, for O would have had to let go of it, and would have
// forgotten. So H does not remember c. If O has not granted, H takes O for one that
// states no view or hears it no more. It hears its heartbeats, straight or by
// relay, or the two cannot hear one another at all, when each side of a split
// serves by itself.
package sticky
