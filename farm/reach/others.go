// Package reach has where the other nodes have flows, or may have: what a node must know
// that hands packets on, of buckets that are none of its own. In the modes in which every
// node sees every packet nobody need know.
package reach

import (
	"slices"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/cluster/settle"
	"thresher/config"
	"thresher/pipeline"
)

// Others are where each of the other nodes has flows, or may have. A node can have flows
// in what it was given since it last said where it has some, and where it said so. It says
// so in its reports (cluster/settle), to all; what it was given is in its heartbeats. It
// is a pure state machine, and belongs to one goroutine.
type Others struct {
	self       string
	given      func(confirm.ViewID, string) confirm.Buckets
	everything confirm.Buckets

	nodes   map[string]*other
	version uint64
}

// other is one node's.
type other struct {
	boot, seq, release uint64 // of the newest heartbeat
	stated, target     confirm.ViewID
	meta               string
	mac                config.MAC // zero while unknown

	report *settle.Report // the newest
	flows  confirm.Buckets

	alive bool         // by the membership
	left  bool         // it has said goodbye, and has no flows
	heard confirm.Time // when it was last heard of
}

// hold is how long the flows of a node that vanished are believed to live on in
// its kernel: as long as settle does by default.
const hold = 60 * time.Second

// New is one that knows of nobody. given returns what a view gives to a node, everything
// if that is not known.
func New(self string, given func(confirm.ViewID, string) confirm.Buckets, everything confirm.Buckets) *Others {
	return &Others{self: self, given: given, everything: everything, nodes: make(map[string]*other)}
}

// node is what is known of a node; nil of this one, and of more than there can be.
func (o *Others) node(name string) *other {
	n := o.nodes[name]
	if n == nil && name != o.self && len(o.nodes) < pipeline.MaxNodes {
		n = &other{flows: o.everything}
		o.nodes[name] = n
		o.version++
	}
	return n
}

// Beat takes in a heartbeat. A new process may have flows anywhere. Of one that was
// given other buckets, or has let go of some, with nothing missed in between, they
// are in what both views give it.
func (o *Others) Beat(now confirm.Time, hb *confirm.Heartbeat) {
	n := o.node(hb.Name)
	if n == nil || hb.Boot < n.boot || hb.Boot == n.boot && hb.Seq <= n.seq {
		return
	}
	moved := hb.Stated != n.stated || hb.Release != n.release
	switch {
	case hb.Boot > n.boot:
		n.left = false
		o.put(n, o.everything)
	case moved && hb.Seq != n.seq+1:
		o.put(n, o.everything)
	case moved:
		o.put(n, n.flows.Union(o.given(n.stated, hb.Name)).Union(o.given(hb.Stated, hb.Name)))
	}
	moved = moved || hb.Boot > n.boot || hb.Target != n.target
	n.boot, n.seq, n.release, n.heard = hb.Boot, hb.Seq, hb.Release, now
	n.stated, n.target = hb.Stated, hb.Target
	if hb.Meta != n.meta {
		o.learn(n, hb.Meta)
	}
	if moved {
		o.absorb(hb.Name, n)
	}
}

// learn takes a node's Ethernet address from its metadata.
func (o *Others) learn(n *other, meta string) {
	n.meta = meta
	m, err := cluster.DecodeMeta([]byte(meta))
	if err == nil && m.MAC != n.mac {
		n.mac = m.MAC
		o.version++
	}
}

// Reported takes in where a node says that it has flows.
func (o *Others) Reported(rep *settle.Report) {
	n := o.node(rep.Name)
	if n == nil {
		return
	}
	if old := n.report; old != nil && (rep.Boot < old.Boot || rep.Boot == old.Boot && rep.Seq < old.Seq) {
		return
	}
	n.report = rep
	o.absorb(rep.Name, n)
}

// absorb believes a node's report, if it is of its present process, of the view that
// it states, and of the time after its last release: the conditions of package
// settle.
func (o *Others) absorb(name string, n *other) {
	rep := n.report
	if rep == nil || rep.Boot != n.boot || rep.Release < n.release || rep.View != n.stated || rep.View == 0 && n.target != 0 {
		return
	}
	o.put(n, o.given(rep.View, name).Union(rep.Flows))
}

func (o *Others) put(n *other, flows confirm.Buckets) {
	if !flows.Equal(n.flows) {
		n.flows = flows
		o.version++
	}
}

// Members takes in who is there by the membership.
func (o *Others) Members(members []settle.Member) {
	for _, n := range o.nodes {
		n.alive = false
	}
	for _, m := range members {
		n := o.node(m.Name)
		if n == nil {
			continue
		}
		n.alive = m.Standing == settle.Alive
		if left := m.Standing == settle.Left; left != n.left {
			n.left = left
			o.version++
		}
	}
}

// Expire forgets who vanished long ago.
func (o *Others) Expire(now confirm.Time) {
	for name, n := range o.nodes {
		if !n.alive && now.Sub(n.heard) >= hold {
			delete(o.nodes, name)
			o.version++
		}
	}
}

// Reached are the nodes that get copies, in the order of their names, and their Ethernet
// addresses: all whose address is known, and who have not said goodbye.
func (o *Others) Reached() (names []string, macs []config.MAC) {
	for name, n := range o.nodes {
		if !n.left && n.mac != (config.MAC{}) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		macs = append(macs, o.nodes[name].mac)
	}
	return names, macs
}

// Version rises with each change.
func (o *Others) Version() uint64 { return o.version }

// Abroad are the buckets in which another node has flows, or may have, than the one
// that a view gives them to.
func (o *Others) Abroad(view confirm.ViewID) (all confirm.Buckets) {
	for name, n := range o.nodes {
		if !n.left {
			all = all.Union(n.flows.Minus(o.given(view, name)))
		}
	}
	return all
}
