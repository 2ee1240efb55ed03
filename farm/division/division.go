// Package division says whose each bucket is: how a view divides the buckets of each rule
// among its nodes. That is a pure function of the view and the rules, which every node
// works out for itself. The confirmation does so, and lets packets in by it; the loop reads
// what it has found.
package division

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/pipeline"
)

// Divider divides the buckets of Rules. It keeps what it computed for the last
// view, since rules with the same weights have the same table. It belongs to one goroutine.
type Divider struct {
	Rules    []config.Rule
	assigner cluster.Assigner
}

// echoWeight is every node's weight for ICMP echo, which no rule covers.
const echoWeight = 100

// Division is how a view divides every rule among its nodes. It is never changed after it
// was made.
type Division struct {
	View   cluster.View
	Tables []*cluster.Table // by rule; the last one is for ICMP echo
}

// Add takes in draws that were computed beforehand.
func (d *Divider) Add(draws cluster.Draws) { d.assigner.Add(draws) }

// Divide computes whose each bucket is. Rules whose nodes have the same weights
// share one table.
func (d *Divider) Divide(v cluster.View) Division {
	made := Division{View: v}
	names := v.Names()
	type question struct {
		mode    config.RuleMode
		weights string
	}
	known := make(map[question]*cluster.Table)
	for rule := range len(d.Rules) + 1 {
		mode, weights := config.ModeShared, bytes.Repeat([]byte{echoWeight}, len(names))
		if rule < len(d.Rules) {
			mode, weights = d.Rules[rule].Mode, v.Weights(rule)
		}
		q := question{mode, string(weights)}
		table, ok := known[q]
		if !ok {
			table = d.assign(mode, names, weights)
			known[q] = table
		}
		made.Tables = append(made.Tables, table)
	}
	return made
}

// assign computes whose the buckets of a rule of that mode are.
func (d *Divider) assign(mode config.RuleMode, names []string, weights []uint8) *cluster.Table {
	switch mode {
	case config.ModeSingle:
		return cluster.AssignSingle(names, weights)
	case config.ModeBlock:
		return cluster.Nobody()
	}
	return d.assigner.Assign(names, weights)
}

// Of returns the buckets that the division gives to a node. Rules with the same
// table have the same bitmap.
func (d Division) Of(name string, ids []confirm.RuleID) confirm.Buckets {
	self := d.Index(name)
	if self < 0 {
		return confirm.Buckets{}
	}
	known := make(map[*cluster.Table]*confirm.Bitmap)
	buckets := make(map[confirm.RuleID]*confirm.Bitmap)
	for i, table := range d.Tables {
		if known[table] == nil {
			known[table] = bucketsOf(table, uint8(self))
		}
		buckets[ids[i]] = known[table]
	}
	return confirm.BucketsOf(buckets)
}

// Index is a node's number in the view; -1 if it is not there.
func (d Division) Index(name string) int {
	for i, n := range d.View.Nodes {
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

// RuleIDs are the rules as the confirmation knows them, in the configuration's
// order, and ICMP echo as the last: derived from their names, so that they stay
// the same when other rules come and go.
func RuleIDs(rules []config.Rule) []confirm.RuleID {
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

// Counts is how many buckets of a rule each node of the view has.
func (d Division) Counts(rule int) []int {
	n := make([]int, len(d.View.Nodes))
	for _, owner := range d.Tables[rule] {
		if owner != cluster.NoOwner {
			n[owner]++
		}
	}
	return n
}

// Owner names the node that a rule's bucket belongs to; "" if to none.
func (d Division) Owner(rule int, bucket uint16) string {
	if i := d.Tables[rule][bucket]; i != cluster.NoOwner {
		return d.View.Nodes[i].Name
	}
	return ""
}
