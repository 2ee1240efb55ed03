// Package cluster says which machines are in the farm and which of them serves
// what: membership by gossip, views, bucket assignment and the election of the
// node that answers for a VIP.
//
// Three layers, each usable without the one below it:
//
//   - Cluster wraps hashicorp/memberlist: it joins the configured peers, spreads
//     this node's Meta, lists the Members, and carries messages between them, over
//     one network or over several at once. It owns goroutines and sockets.
//   - Eligible turns the members into a View: who may own buckets, with which
//     weights. It is a pure function.
//   - Assigner.Assign and View.Responder turn a View into bucket tables and VIP
//     answerers. They are pure functions as well, in integer arithmetic only, so
//     that every machine that has the same view gets the same result, whatever
//     its processor, and nobody has to be asked.
//
// memberlist is weakly consistent: for a moment two nodes may hold different
// views. The package does not hide that; safety at a change is confirmation's
// (DESIGN §3).
package cluster
