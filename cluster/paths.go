package cluster

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Every packet goes out on all networks, so what comes by one and not by another
// tells that the other is cut. A path is taken for cut when so many packets were
// missed in a row, and nothing has come for so long: one processor may serve one
// network's socket long before the other's, and at 20 % loss eight in a row are
// missed once in 400,000 packets.
const (
	missedPackets = 8
	missedFor     = time.Second
)

// Cut is a network by which a node is not heard though it is by another one.
type Cut struct {
	// Node is the node's name.
	Node string
	// Network is the network's place in cluster.bind, from 0.
	Network int
	// Address is where the node gossips there.
	Address netip.AddrPort
}

// paths are the ways to the other nodes: where each is on every network, and by
// which networks it is heard. Packets' senders are believed before anything is
// decrypted: who forges them can have a network called cut that is well, and
// streams tried on the others first, nothing else.
type paths struct {
	networks int

	mu     sync.Mutex
	nodes  map[string]*route
	owners map[netip.AddrPort]string // whose address it is
}

// route is how one node stands.
type route struct {
	alive bool
	legs  []leg // by network
}

// leg is one node on one network.
type leg struct {
	address netip.AddrPort
	heard   time.Time // last, or when the node came up
	missed  int       // packets that came by other networks since
	cut     bool
}

// target is an address on a network.
type target struct {
	network int
	address string
}

func newPaths(networks int) *paths {
	return &paths{networks: networks, nodes: make(map[string]*route), owners: make(map[netip.AddrPort]string)}
}

// learn takes over where a node is. One that has just come up is heard by every
// network until the contrary is seen; one that is not alive is cut off by none.
func (p *paths) learn(m Member, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.nodes[m.Name]
	addresses := append([]netip.AddrPort{m.Address}, m.Meta.Networks...)
	if m.Err != nil && r != nil {
		addresses = r.addresses() // what it says of itself cannot be read
	}
	addresses = addresses[:min(len(addresses), p.networks)]
	if r != nil && r.alive == m.Alive && slices.Equal(r.addresses(), addresses) {
		return
	}
	p.drop(m.Name)
	r = &route{alive: m.Alive}
	for _, a := range addresses {
		r.legs = append(r.legs, leg{address: a, heard: now})
		// A machine that has another name now has its old one's address.
		if owner := p.nodes[p.owners[a]]; m.Alive || owner == nil || !owner.alive {
			p.owners[a] = m.Name
		}
	}
	p.nodes[m.Name] = r
}

// forget drops a node.
func (p *paths) forget(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(name)
}

func (p *paths) drop(name string) {
	delete(p.nodes, name)
	maps.DeleteFunc(p.owners, func(_ netip.AddrPort, owner string) bool { return owner == name })
}

func (r *route) addresses() []netip.AddrPort {
	list := make([]netip.AddrPort, len(r.legs))
	for i, l := range r.legs {
		list[i] = l.address
	}
	return list
}

// hear notes a packet from an address.
func (p *paths) hear(from netip.AddrPort, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.nodes[p.owners[from]]
	if r == nil || !r.alive {
		return
	}
	for i := range r.legs {
		l := &r.legs[i]
		if l.address == from {
			l.heard, l.missed, l.cut = now, 0, false
			continue
		}
		l.missed++
		l.cut = l.cut || l.missed >= missedPackets && now.Sub(l.heard) >= missedFor
	}
}

// cuts lists the paths that are cut, by node and network.
func (p *paths) cuts() (list []Cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(p.nodes)) {
		for i, l := range p.nodes[name].legs {
			if l.cut {
				list = append(list, Cut{Node: name, Network: i, Address: l.address})
			}
		}
	}
	return list
}

// to are all ways to whom memberlist means, in the order of the networks; nothing
// for who is not known.
func (p *paths) to(a memberlist.Address) []target {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.find(a).targets()
}

// best is to, in the order in which streams are to be tried: first by networks
// that are not cut, and among these first as memberlist has it.
func (p *paths) best(a memberlist.Address) []target {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.find(a)
	worth := func(t target) (rank int) {
		if r.legs[t.network].cut {
			rank += 2
		}
		if t.address != a.Addr {
			rank++
		}
		return rank
	}
	all := r.targets()
	slices.SortStableFunc(all, func(x, y target) int { return worth(x) - worth(y) })
	return all
}

// find returns who is meant, nil for who is not known. A name that is known, but not
// with that address, is somebody else who has it too: memberlist is about to find out.
func (p *paths) find(a memberlist.Address) *route {
	at, err := netip.ParseAddrPort(a.Addr)
	if err != nil {
		return nil
	}
	owner := p.owners[netip.AddrPortFrom(at.Addr().Unmap(), at.Port())]
	if a.Name != "" && a.Name != owner {
		return nil
	}
	return p.nodes[owner]
}

func (r *route) targets() (all []target) {
	if r == nil {
		return nil
	}
	for i, l := range r.legs {
		all = append(all, target{i, l.address.String()})
	}
	return all
}
