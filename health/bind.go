package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// OwnAddress judges whether this machine has an address of this key of the
// configuration, as cluster.bind. The port is left alone: on a node that is up, the
// daemon has it.
func OwnAddress(key string, bind netip.Addr) Finding {
	switch err := listenOn(bind); {
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return noOwn(key, bind)
	case err != nil:
		return Finding{LevelError, fmt.Sprintf("%s: listen on %v: %v", key, bind, err), "check the address"}
	}
	return ok("%v of %s is this machine's", bind, key)
}

// listenOn tries whether a socket of the address opens.
func listenOn(bind netip.Addr) error {
	var config net.ListenConfig
	c, err := config.ListenPacket(context.Background(), "udp", netip.AddrPortFrom(bind, 0).String())
	if err == nil {
		_ = c.Close() // it was only asked whether it opens
	}
	return err
}

func noOwn(key string, bind netip.Addr) Finding {
	return Finding{LevelError, fmt.Sprintf("no interface of this machine has the address %v of %s", bind, key),
		"set " + key + " to this machine's own address, or give it that one"}
}

// LostAddresses is what to say of a machine that has none of its heartbeat networks'
// addresses any more; of one that has some, nothing.
func LostAddresses(binds []netip.AddrPort) (lost []Finding) {
	for _, bind := range binds {
		if !errors.Is(listenOn(bind.Addr()), unix.EADDRNOTAVAIL) {
			return nil
		}
		lost = append(lost, noOwn("cluster.bind", bind.Addr()))
	}
	return lost
}

// OwnAddresses is OwnAddress for each heartbeat network (cluster.bind).
func OwnAddresses(binds []netip.AddrPort) (all []Finding) {
	for _, bind := range binds {
		all = append(all, OwnAddress("cluster.bind", bind.Addr()))
	}
	return all
}
