// Package arp answers who asks for the farm's VIPs, by ARP for IPv4 and by neighbour
// discovery (RFC 4861) for IPv6, and announces them.
//
// # Two addresses in one frame
//
// In flood mode a VIP is answered for with a virtual Ethernet address (VMAC)
// that must never be the source of a frame: a switch that learnt it on one port
// would stop flooding, and the farm would collapse onto the node behind that
// port. So the payload names the VMAC, and the Ethernet header names the network
// card. The mdlayher/arp client writes the payload's sender into the header as
// well; it is therefore given a net.PacketConn of ours that puts the card's
// address there, whatever it is handed (conn.go).
//
// # Two families
//
// A Responder speaks for one family, by its wire: ARP (arpwire.go) or NDP
// (ndpwire.go). Both come to the same message and are judged by the same rule
// (judge.go).
//
// # Who answers
//
// One node of the farm answers for a VIP. Who that is, is decided elsewhere and
// handed in by Responder.SetBindings; all nodes may watch for a foreign machine
// that claims a VIP (RFC 5227 §2.4). Who answers for it defends it, at most once in
// 10 s, and never stops answering.
//
// # What it needs of the machine
//
// AF_PACKET sits behind XDP, so the XDP program must pass ARP and neighbour
// discovery. The kernel answers ARP for every address that it has, with the card's
// own address, so an interface with a VIP behind it needs arp_ignore=1 and
// arp_announce=2. Solicitations it answers only for addresses of the interface that
// they come in by, and a VIP is on lo.
//
// # Ownership
//
// Serve owns the reading side. SetBindings, Announce, Counters and Close may be
// called from any goroutine at any time.
package arp
