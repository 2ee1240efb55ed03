package cluster

import (
	"bytes"
	"errors"
	"math/bits"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// networks is memberlist's transport over several networks: packets go out on all
// of them and are taken from any, streams try one after another. The first one is
// the one whose address memberlist tells the others.
//
// So memberlist gets most packets twice, which changes nothing for it (v0.7.0): what
// it is told of a node counts only with a higher incarnation, a suspicion by the
// same accuser only once (state.go: aliveNode, deadNode, suspicion.Confirm), an ack
// ends what waits for it (invokeAckHandler), and a ping is answered twice. A nack
// more makes it blame itself a little less for a probe that fails (probeNode). The
// project's own packets, heartbeats and questions for clients, are numbered.
type networks struct {
	each    []*outgoing
	paths   *paths
	packets chan *memberlist.Packet
	streams chan net.Conn

	closing sync.Once
	leaving chan struct{} // closed when nothing that comes is passed on any more
	closed  chan struct{} // closed when the sockets are
	readers sync.WaitGroup
	err     error
}

var _ memberlist.NodeAwareTransport = (*networks)(nil)

// newNetworks takes over two transports or more. Its Shutdown closes them.
func newNetworks(each []*outgoing, p *paths) *networks {
	n := &networks{
		each: each, paths: p,
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn),
		leaving: make(chan struct{}), closed: make(chan struct{}),
	}
	for _, one := range each {
		n.readers.Go(func() { n.read(one) })
	}
	return n
}

// FinalAdvertiseAddr is the first network's.
func (n *networks) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	return n.each[0].FinalAdvertiseAddr(ip, port)
}

// WriteTo sends a packet to who has the address.
func (n *networks) WriteTo(b []byte, address string) (time.Time, error) {
	return n.WriteToAddress(b, memberlist.Address{Addr: address})
}

// WriteToAddress sends a packet on all networks that the receiver is on; to who is
// not known, on the one that its address looks like. It does not wait, and what
// becomes of a packet it does not know: that is what probes are for.
func (n *networks) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	targets := n.paths.to(a)
	if len(targets) == 0 {
		targets = []target{n.guess(a.Addr)}
	}
	l := letter{packet: bytes.Clone(b)}
	for _, t := range targets {
		l.to = memberlist.Address{Addr: t.address, Name: a.Name}
		n.each[t.network].put(l)
	}
	return time.Now(), nil
}

// guess is the network whose own address has most in common with that one.
func (n *networks) guess(address string) target {
	best, most := 0, -1
	to, err := netip.ParseAddrPort(address)
	for i, one := range n.each {
		ip, _, unknown := one.FinalAdvertiseAddr("", 0)
		own, ok := netip.AddrFromSlice(ip)
		if err != nil || unknown != nil || !ok {
			continue
		}
		if same := commonBits(own.Unmap(), to.Addr().Unmap()); same > most {
			best, most = i, same
		}
	}
	return target{best, address}
}

// commonBits is how many bits two addresses begin with alike; -1 in two families.
func commonBits(a, b netip.Addr) int {
	if a.BitLen() != b.BitLen() {
		return -1
	}
	x, y := a.AsSlice(), b.AsSlice()
	for i := range x {
		if x[i] != y[i] {
			return 8*i + bits.LeadingZeros8(x[i]^y[i])
		}
	}
	return a.BitLen()
}

// DialTimeout connects to who has the address.
func (n *networks) DialTimeout(address string, timeout time.Duration) (net.Conn, error) {
	return n.DialAddressTimeout(memberlist.Address{Addr: address}, timeout)
}

// DialAddressTimeout tries one network after another. Each gets an even part of the
// time that is left; those that are cut come last.
func (n *networks) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	targets := n.paths.best(a)
	if len(targets) == 0 {
		targets = []target{n.guess(a.Addr)}
	}
	deadline := time.Now().Add(timeout)
	var errs []error
	for i, t := range targets {
		part := time.Until(deadline) / time.Duration(len(targets)-i)
		conn, err := n.each[t.network].DialAddressTimeout(memberlist.Address{Addr: t.address, Name: a.Name}, part)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// PacketCh and StreamCh are what comes from any network.
func (n *networks) PacketCh() <-chan *memberlist.Packet { return n.packets }
func (n *networks) StreamCh() <-chan net.Conn           { return n.streams }

// read passes on what comes from one network, until it is closed.
func (n *networks) read(one *outgoing) {
	for {
		select {
		case p := <-one.PacketCh():
			if from, ok := p.From.(*net.UDPAddr); ok {
				at := from.AddrPort()
				n.paths.hear(netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), p.Timestamp)
			}
			select {
			case n.packets <- p:
			case <-n.leaving:
			}
		case c := <-one.StreamCh():
			select {
			case n.streams <- c:
			case <-n.leaving:
				_ = c.Close() // nobody is there to be served
			}
		case <-n.closed:
			return
		}
	}
}

// Shutdown sends what waits, if it goes out soon, and closes all networks.
func (n *networks) Shutdown() error {
	n.closing.Do(func() {
		close(n.leaving)
		errs := make([]error, len(n.each))
		var closing sync.WaitGroup
		for i, one := range n.each {
			closing.Go(func() { errs[i] = one.Shutdown() })
		}
		closing.Wait()
		close(n.closed)
		n.readers.Wait()
		n.err = errors.Join(errs...)
	})
	return n.err
}
