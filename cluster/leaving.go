package cluster

import (
	"io"
	"net/netip"
	"os"
	"strings"
	"syscall"
)

// lostLine says whether a line of memberlist's tells that a machine did not answer, or
// has ended a connection. What it says on a stream that it can't read is no such line.
func lostLine(text string) bool {
	for _, err := range []error{
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.EHOSTUNREACH, os.ErrDeadlineExceeded, io.EOF,
	} {
		if strings.Contains(text, err.Error()) {
			return true
		}
	}
	return false
}

// leaves says whether a line of memberlist's names another node that has said that it
// leaves: by its name, as memberlist does of a state exchange (state.go, v0.7.0: pushPull),
// or by an address that is no staying node's.
func (d *delegate) leaves(text string) bool {
	named := addressesIn(text)
	d.mu.Lock()
	defer d.mu.Unlock()
	going := false
	for name, e := range d.members {
		switch leaving := e.member.Meta.Phase == Leaving; {
		case name == d.self:
		case leaving && strings.HasPrefix(text, "Push/Pull with "+name+" failed: "):
			return true
		case !e.member.isAt(named):
		case !leaving:
			return false
		default:
			going = true
		}
	}
	return going
}

// isAt says whether any of the addresses is the member's, on whatever network.
func (m Member) isAt(addresses map[netip.Addr]bool) bool {
	for _, at := range append([]netip.AddrPort{m.Address}, m.Meta.Networks...) {
		if addresses[at.Addr()] {
			return true
		}
	}
	return false
}

// addressesIn returns the addresses that a line has with a port, as in "from=192.0.2.1:5"
// and in "dial tcp 192.0.2.1:7946: connection refused".
func addressesIn(text string) map[netip.Addr]bool {
	found := make(map[netip.Addr]bool)
	for _, word := range strings.Fields(strings.NewReplacer("->", " ", "=", " ").Replace(text)) {
		if at, err := netip.ParseAddrPort(strings.TrimRight(word, ":;,")); err == nil {
			found[at.Addr().Unmap()] = true
		}
	}
	return found
}
