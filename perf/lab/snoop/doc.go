// Package snoop makes a Linux bridge snoop as many switches do: it learns which
// ports want which groups from the reports of IGMP (RFC 1112, 2236, 3376) and MLD
// (RFC 2710, 3810), and sends frames for a group's Ethernet address to these ports
// alone, whatever IP address is in them. (The bridge's own snooping goes by the
// IP address, RFC 4541 §2.1.2.) A group without members is sent to nobody; groups
// of the link's own, which no switch may keep back (RFC 4541 §2.1.2, §3), go to all
// ports. Members never time out.
//
// The bridge's own snooping must be off.
package snoop
