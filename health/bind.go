package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// OwnAddress judges whether this machine has the address that the nodes' messages
// are to come to (cluster.bind). The port is left alone: on a node that is up,
// the daemon has it.
func OwnAddress(bind netip.Addr) Finding {
	var config net.ListenConfig
	c, err := config.ListenPacket(context.Background(), "udp", netip.AddrPortFrom(bind, 0).String())
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		return Finding{LevelError, fmt.Sprintf("no interface of this machine has the address %v, where cluster.bind wants the nodes' messages", bind),
			"set cluster.bind to this machine's own address, or give it that one"}
	}
	if err != nil {
		return Finding{LevelError, fmt.Sprintf("cluster.bind: listen on %v: %v", bind, err), "check the address"}
	}
	_ = c.Close() // it was only asked whether it opens
	return ok("%v for the nodes' messages is this machine's", bind)
}

// OwnAddresses is OwnAddress for each heartbeat network.
func OwnAddresses(binds []netip.AddrPort) (all []Finding) {
	for _, bind := range binds {
		all = append(all, OwnAddress(bind.Addr()))
	}
	return all
}
