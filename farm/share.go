package farm

import (
	"bytes"

	"thresher/cluster"
	"thresher/config"
	"thresher/pipeline"
)

// shares turns views into bucket sets. It keeps what it computed for the last
// view, since rules with the same weights have the same table.
type shares struct {
	rules    []config.Rule
	assigner cluster.Assigner
}

// echoWeight is every node's weight for ICMP echo, which no rule covers.
const echoWeight = 100

// division is how a view divides every rule among its nodes.
type division struct {
	view   cluster.View
	tables []*cluster.Table // by rule; the last one is for ICMP echo
}

// divide computes whose each bucket is. Rules whose nodes have the same weights
// share one table.
func (s *shares) divide(v cluster.View) division {
	d := division{view: v}
	names := v.Names()
	known := make(map[string]*cluster.Table)
	for rule := range len(s.rules) + 1 {
		weights := v.Weights(rule)
		if rule == len(s.rules) {
			weights = bytes.Repeat([]byte{echoWeight}, len(names))
		}
		table, ok := known[string(weights)]
		if !ok {
			table = s.assigner.Assign(names, weights)
			known[string(weights)] = table
		}
		d.tables = append(d.tables, table)
	}
	return d
}

// of returns a node's part of the division, or nil if the node has none.
func (d division) of(name string) *pipeline.Share {
	self := d.index(name)
	if self < 0 {
		return nil
	}
	parts := make(map[*cluster.Table]*pipeline.Part)
	var all []*pipeline.Part
	for _, table := range d.tables {
		if parts[table] == nil {
			parts[table] = &pipeline.Part{Mine: *bucketsOf(table, uint8(self))}
		}
		all = append(all, parts[table])
	}
	last := len(all) - 1
	return &pipeline.Share{Rules: all[:last:last], Echo: all[last]}
}

func (d division) index(name string) int {
	for i, n := range d.view.Nodes {
		if n.Name == name {
			return i
		}
	}
	return -1
}

func bucketsOf(table *cluster.Table, node uint8) *pipeline.Bits {
	bits := &pipeline.Bits{}
	for b, owner := range table {
		if owner == node {
			bits.Set(uint16(b))
		}
	}
	return bits
}

// counts is how many buckets of a rule each node of the view has.
func (d division) counts(rule int) []int {
	n := make([]int, len(d.view.Nodes))
	for _, owner := range d.tables[rule] {
		if owner != cluster.NoOwner {
			n[owner]++
		}
	}
	return n
}

// owner names the node that a rule's bucket belongs to; "" if to none.
func (d division) owner(rule int, bucket uint16) string {
	if i := d.tables[rule][bucket]; i != cluster.NoOwner {
		return d.view.Nodes[i].Name
	}
	return ""
}
