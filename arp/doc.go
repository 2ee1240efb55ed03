// Package arp answers ARP for the farm's IPv4 VIPs and announces them.
//
// # Two addresses in one frame
//
// In flood mode a VIP is answered for with a virtual Ethernet address (VMAC)
// that must never be the source of a frame: a switch that learnt it on one port
// would stop flooding, and the farm would collapse onto the node behind that
// port. So the ARP payload names the VMAC, and the Ethernet header names the
// network card. The mdlayher/arp client writes the payload's sender into the
// header as well; it is therefore given a net.PacketConn of ours that puts the
// card's address there, whatever it is handed (conn.go).
//
// # Who answers
//
// One node of the farm answers for a VIP. Who that is, is decided elsewhere and
// handed in by Responder.SetBindings; all nodes may watch for a foreign machine
// that claims a VIP (RFC 5227 §2.4).
//
// # What it needs of the machine
//
// AF_PACKET sits behind XDP, so the XDP program must pass ARP. The kernel
// answers ARP for every address that it has, with the card's own address, so an
// interface with a VIP behind it needs arp_ignore=1 and arp_announce=2.
//
// # Ownership
//
// Serve owns the reading side. SetBindings, Announce, Counters and Close may be
// called from any goroutine at any time.
package arp
