package xsk

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Port sends Ethernet frames out of an interface, past its queueing discipline:
// those that a node hands on to others. The AF_XDP socket of a queue cannot send
// them where its memory is the kernel's for receiving (github.com/asavie/xdp gives
// it no ring to send by), and a packet socket works with every driver.
//
// It belongs to one goroutine, but for Lost.
type Port struct {
	fd   int
	lost atomic.Uint64
}

// OpenPort opens one on the interface with that index.
func OpenPort(ifindex int) (*Port, error) {
	// Protocol 0: it receives nothing (packet(7)).
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket to hand frames on (needs root or CAP_NET_RAW): %w", err)
	}
	p := NewPort(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return nil, errors.Join(fmt.Errorf("hand frames on: PACKET_QDISC_BYPASS: %w", err), p.Close())
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: ifindex}); err != nil {
		return nil, errors.Join(fmt.Errorf("bind the packet socket that hands frames on: %w", err), p.Close())
	}
	return p, nil
}

// NewPort makes one of a socket that takes a frame with each write, which is its
// own from then on.
func NewPort(fd int) *Port { return &Port{fd: fd} }

// Send sends a frame. One that the interface cannot take at the moment is lost, as
// on any other wire, and counted.
func (p *Port) Send(frame []byte) {
	for {
		_, err := unix.Write(p.fd, frame)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			p.lost.Add(1)
		}
		return
	}
}

// Lost is how many frames were not sent. Anyone may call it.
func (p *Port) Lost() uint64 { return p.lost.Load() }

// Close closes the socket.
func (p *Port) Close() error { return unix.Close(p.fd) }
