package arp

import (
	"net/netip"
	"time"

	"thresher/config"
)

// wire is how neighbours of one address family ask one another: ARP for IPv4
// (arpwire.go), NDP for IPv6 (ndpwire.go). What it reads comes to one form, and is
// judged by one rule (judge.go).
type wire interface {
	// takes tells whether an address is of the family.
	takes(netip.Addr) bool
	// read waits for the next frame. The error is a refusal for one that nothing
	// is to come of, a socketError for the socket's own.
	read() (message, error)
	// reply tells who asked that the VMAC has what it asked for.
	reply(m message, vmac config.MAC) error
	// announce tells everybody.
	announce(Binding) error
	// attend makes sure that questions for these addresses reach the interface;
	// anew says it to the switches again.
	attend(vips []netip.Addr, anew bool) error
	// SetReadDeadline ends read's waiting.
	SetReadDeadline(time.Time) error
	// Close closes the socket.
	Close() error
}

// message is what a neighbour says, in ARP's or in NDP's words.
type message struct {
	// source and destination of the Ethernet frame; group says that it is everybody's
	// who may have the target.
	source, destination config.MAC
	group               bool
	// asks tells a question, who has the target, from a claim.
	asks   bool
	target netip.Addr
	// sender is the address that the neighbour says is its own, at senderMAC.
	// Unspecified, it probes whether the target is free.
	sender    netip.Addr
	senderMAC config.MAC
}

// refusal is why nothing is to come of a frame, as an error of read.
type refusal Reason

// Error is the reason's name.
func (r refusal) Error() string { return "frame refused: " + Reason(r).String() }
