package farm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"thresher/cluster"
	"thresher/cluster/confirm"
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
	type question struct {
		mode    config.RuleMode
		weights string
	}
	known := make(map[question]*cluster.Table)
	for rule := range len(s.rules) + 1 {
		mode, weights := config.ModeShared, bytes.Repeat([]byte{echoWeight}, len(names))
		if rule < len(s.rules) {
			mode, weights = s.rules[rule].Mode, v.Weights(rule)
		}
		q := question{mode, string(weights)}
		table, ok := known[q]
		if !ok {
			table = s.assign(mode, names, weights)
			known[q] = table
		}
		d.tables = append(d.tables, table)
	}
	return d
}

// assign computes whose the buckets of a rule of that mode are.
func (s *shares) assign(mode config.RuleMode, names []string, weights []uint8) *cluster.Table {
	switch mode {
	case config.ModeSingle:
		return cluster.AssignSingle(names, weights)
	case config.ModeBlock:
		return cluster.Nobody()
	}
	return s.assigner.Assign(names, weights)
}

// of returns the buckets that the division gives to a node. Rules with the same
// table have the same bitmap.
func (d division) of(name string, ids []confirm.RuleID) confirm.Buckets {
	self := d.index(name)
	if self < 0 {
		return confirm.Buckets{}
	}
	known := make(map[*cluster.Table]*confirm.Bitmap)
	buckets := make(map[confirm.RuleID]*confirm.Bitmap)
	for i, table := range d.tables {
		if known[table] == nil {
			known[table] = bucketsOf(table, uint8(self))
		}
		buckets[ids[i]] = known[table]
	}
	return confirm.BucketsOf(buckets)
}

func (d division) index(name string) int {
	for i, n := range d.view.Nodes {
		if n.Name == name {
			return i
		}
	}
	return -1
}

func bucketsOf(table *cluster.Table, node uint8) *confirm.Bitmap {
	bits := confirm.NewBitmap(pipeline.Buckets)
	for b, owner := range table {
		if owner == node {
			bits.Set(b)
		}
	}
	return bits
}

// ruleIDs are the rules as the confirmation knows them, in the configuration's
// order, and ICMP echo as the last: derived from their names, so that they stay
// the same when other rules come and go.
func ruleIDs(rules []config.Rule) []confirm.RuleID {
	ids := make([]confirm.RuleID, 0, len(rules)+1)
	for _, r := range rules {
		ids = append(ids, ruleID("rule "+r.Name))
	}
	return append(ids, ruleID("icmp echo"))
}

func ruleID(s string) confirm.RuleID {
	sum := sha256.Sum256([]byte(s))
	return confirm.RuleID(binary.BigEndian.Uint64(sum[:]))
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
