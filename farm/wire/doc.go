// Package wire finds out whether frames for the VIPs' shared Ethernet addresses
// (VMACs) reach every node, while nothing else tells: a switch that has learnt a
// VMAC, a limit on flooded frames, a port's filter or snooping by IP address takes
// clients away from some nodes, and lets heartbeats, which are broadcast, through.
//
// # Probes and reports
//
// Some nodes send probes: frames like a client's, to the VMAC, with an IP packet
// for the VIP in them, so that whatever forwards clients' frames by Ethernet or IP
// address treats them alike. Their IP protocol is 253, for experiments (RFC 3692
// §2.1). The kernel program gives those that reach a node the EtherType 0x88B6
// (IEEE 802-2014, table 4), under which they go to this package's socket past the
// IP stack and its firewall.
//
// Every node broadcasts a report each second: which probes it has sent, and which
// of others it has seen. From the two everybody works out who misses what (Watch).
// Reports have nothing to do with heartbeats: no lease depends on them.
//
// Both are sealed with a key of their own, derived from the farm's. Nothing here
// wakes a node up: frames wait in the socket until somebody comes to read them.
package wire
