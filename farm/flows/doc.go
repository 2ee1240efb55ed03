// Package flows lists the TCP flows that live in this machine's kernel: its
// sockets whose local address is a VIP, from the first SYN (SYN_RECV) to
// TIME_WAIT, without those that only listen. It asks by NETLINK_SOCK_DIAG
// (sock_diag(7), linux/inet_diag.h) and lets the kernel leave out what is not
// for a VIP. A socket costs no allocation.
//
// Of rules whose packets the node forwards, flows are no sockets but conntrack's
// entries, TCP and UDP. It asks for those by NETLINK_NETFILTER
// (linux/netfilter/nfnetlink_conntrack.h), by the destination that the client
// sent to. An entry costs no allocation either.
//
// It sees the network namespace that [Open] was called in.
//
// A dump is no snapshot. A socket that lasts as long as the dump is listed, but
// for one case: when the kernel pauses within a chain of its hash table, which
// it does once in 32 KB of answer, and another socket of the chain's beginning
// ends before it goes on, it skips one. The chains of the table are short (one
// bucket for 128 KB of the machine's memory), so this is rare, and it ends with
// the next dump.
package flows
