package farm

import (
	"slices"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/cluster/settle"
	"thresher/config"
	"thresher/pipeline"
)

// reaches are where each of the other nodes has flows, or may have: what a node must
// know that hands packets on, of buckets that are none of its own. In the other
// modes every node sees every packet, and nobody need know.
//
// A node can have flows in what it was given since it last said where it has some,
// and where it said so. It says so in its reports (cluster/settle), to all; what it
// was given is in its heartbeats. It belongs to the confirmation's goroutine.
type reaches struct {
	self string
	// given returns what a view gives to a node, everything if that is not known.
	given      func(confirm.ViewID, string) confirm.Buckets
	everything confirm.Buckets

	nodes   map[string]*reach
	version uint64 // rises with each change
}

// reach is one node's.
type reach struct {
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

// reachHold is how long the flows of a node that vanished are believed to live on in
// its kernel: as long as settle does by default.
const reachHold = 60 * time.Second

func newReaches(self string, given func(confirm.ViewID, string) confirm.Buckets, everything confirm.Buckets) *reaches {
	return &reaches{self: self, given: given, everything: everything, nodes: make(map[string]*reach)}
}

// node is what is known of a node; nil of this one, and of more than there can be.
func (r *reaches) node(name string) *reach {
	n := r.nodes[name]
	if n == nil && name != r.self && len(r.nodes) < pipeline.MaxNodes {
		n = &reach{flows: r.everything}
		r.nodes[name] = n
		r.version++
	}
	return n
}

// beat takes in a heartbeat. A new process may have flows anywhere. Of one that was
// given other buckets, or has let go of some, with nothing missed in between, they
// are in what both views give it.
func (r *reaches) beat(now confirm.Time, hb *confirm.Heartbeat) {
	n := r.node(hb.Name)
	if n == nil || hb.Boot < n.boot || hb.Boot == n.boot && hb.Seq <= n.seq {
		return
	}
	moved := hb.Stated != n.stated || hb.Release != n.release
	switch {
	case hb.Boot > n.boot:
		n.left = false
		r.put(n, r.everything)
	case moved && hb.Seq != n.seq+1:
		r.put(n, r.everything)
	case moved:
		r.put(n, n.flows.Union(r.given(n.stated, hb.Name)).Union(r.given(hb.Stated, hb.Name)))
	}
	moved = moved || hb.Boot > n.boot || hb.Target != n.target
	n.boot, n.seq, n.release, n.heard = hb.Boot, hb.Seq, hb.Release, now
	n.stated, n.target = hb.Stated, hb.Target
	if hb.Meta != n.meta {
		r.learn(n, hb.Meta)
	}
	if moved {
		r.absorb(hb.Name, n)
	}
}

// learn takes a node's Ethernet address from its metadata.
func (r *reaches) learn(n *reach, meta string) {
	n.meta = meta
	m, err := cluster.DecodeMeta([]byte(meta))
	if err == nil && m.MAC != n.mac {
		n.mac = m.MAC
		r.version++
	}
}

// reported takes in where a node says that it has flows.
func (r *reaches) reported(rep *settle.Report) {
	n := r.node(rep.Name)
	if n == nil {
		return
	}
	if old := n.report; old != nil && (rep.Boot < old.Boot || rep.Boot == old.Boot && rep.Seq < old.Seq) {
		return
	}
	n.report = rep
	r.absorb(rep.Name, n)
}

// absorb believes a node's report, if it is of its present process, of the view that
// it states, and of the time after its last release: the conditions of package
// settle.
func (r *reaches) absorb(name string, n *reach) {
	rep := n.report
	if rep == nil || rep.Boot != n.boot || rep.Release < n.release || rep.View != n.stated || rep.View == 0 && n.target != 0 {
		return
	}
	r.put(n, r.given(rep.View, name).Union(rep.Flows))
}

func (r *reaches) put(n *reach, flows confirm.Buckets) {
	if !flows.Equal(n.flows) {
		n.flows = flows
		r.version++
	}
}

// members takes in who is there by the membership.
func (r *reaches) members(members []settle.Member) {
	for _, n := range r.nodes {
		n.alive = false
	}
	for _, m := range members {
		n := r.node(m.Name)
		if n == nil {
			continue
		}
		n.alive = m.Standing == settle.Alive
		if left := m.Standing == settle.Left; left != n.left {
			n.left = left
			r.version++
		}
	}
}

// expire forgets who vanished long ago.
func (r *reaches) expire(now confirm.Time) {
	for name, n := range r.nodes {
		if !n.alive && now.Sub(n.heard) >= reachHold {
			delete(r.nodes, name)
			r.version++
		}
	}
}

// names are the nodes that get copies, in order: all whose address is known, and who
// have not said goodbye.
func (r *reaches) names() (names []string) {
	for name, n := range r.nodes {
		if !n.left && n.mac != (config.MAC{}) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// abroad are the buckets in which another node has flows, or may have, than the one
// that a view gives them to.
func (r *reaches) abroad(view confirm.ViewID) (all confirm.Buckets) {
	for name, n := range r.nodes {
		if !n.left {
			all = all.Union(n.flows.Minus(r.given(view, name)))
		}
	}
	return all
}
