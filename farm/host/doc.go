// Package host makes the daemon's changes to this machine, and unmakes them.
//
// Every change is written to a journal and synced to disk before it is made, so
// that after a crash at any moment the next start, or `thresher clean`, finds
// what there may be to undo. Undoing what was recorded but never came to be is
// harmless. The changes are: a sysctl set, an address added to an interface, an
// interface created, a further Ethernet address accepted by one. Where the driver
// does not take the last, a socket's entry does, which needs no journal: it goes
// with the process (filter.go).
//
// Everything acts on the network namespace of the calling thread.
package host
