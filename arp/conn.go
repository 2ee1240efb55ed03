package arp

import (
	"fmt"
	"net"
	"slices"
	"time"

	"thresher/config"
)

// Offsets in an Ethernet II frame, in bytes (IEEE 802.3 §3.1.1).
const (
	sourceOffset   = 6
	typeOffset     = 12
	etherHeaderLen = 14
)

// maskedConn is a packet socket whose frames always leave with the card's own
// Ethernet source, so that no switch can learn a VMAC. It is a net.PacketConn.
type maskedConn struct {
	net.PacketConn
	source config.MAC
}

// socketError marks an error of the socket itself. The ARP client's Read returns
// parse errors too, which anybody on the segment can cause; only this type ends
// or slows down the reading.
type socketError struct{ err error }

// Error says what the socket reported.
func (e *socketError) Error() string { return "packet socket: " + e.err.Error() }

// Unwrap gives the socket's own error.
func (e *socketError) Unwrap() error { return e.err }

// ReadFrom receives one frame.
func (c *maskedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	if err != nil {
		err = &socketError{err}
	}
	return n, from, err
}

// sendPatience is how long a frame may wait for room in the socket, which a device that
// takes no more frames does not make: who announces has more to do.
const sendPatience = 2 * time.Millisecond

// WriteTo sends a copy of the frame with the card's address as its source.
func (c *maskedConn) WriteTo(frame []byte, to net.Addr) (int, error) {
	if len(frame) < etherHeaderLen {
		return 0, fmt.Errorf("frame of %d bytes has no whole ethernet header", len(frame))
	}
	masked := slices.Clone(frame)
	copy(masked[sourceOffset:typeOffset], c.source[:])
	if err := c.SetWriteDeadline(time.Now().Add(sendPatience)); err != nil {
		return 0, &socketError{err}
	}
	n, err := c.PacketConn.WriteTo(masked, to)
	if err != nil {
		err = &socketError{err}
	}
	return n, err
}
