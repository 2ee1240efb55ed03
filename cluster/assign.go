package cluster

import (
	"encoding/binary"
	"slices"
	"strings"
)

// NoOwner stands in a Table for a bucket that nobody serves.
const NoOwner = 255

// maxTables bounds how many tables an Assigner keeps: one for each rule a farm
// may have, should they all have different weights.
const maxTables = 256

// maxColumns bounds how many columns an Assigner keeps beyond the nodes that it
// was last asked about: 64 of 256 KiB, so that a node that comes back within a
// reasonable time costs nothing and names of the past are forgotten.
const maxColumns = 64

// Table says who owns each bucket: an index into View.Nodes, or NoOwner.
type Table [Buckets]uint8

// Assigner computes tables. It remembers what does not change between views, so
// that a change costs comparisons only. The zero value is ready; it must not be
// used by two goroutines at once.
type Assigner struct {
	columns map[string]*cachedColumn
	calls   uint64
	tables  map[string]*Table
	best    column // of each bucket's owner so far
}

type cachedColumn struct {
	column *column
	used   uint64 // the call that used it last
}

// Assign returns the owner of every bucket among the named nodes by weighted
// rendezvous: in each bucket every node makes a draw u from its name and the
// bucket, and the greatest weight / -log2(u) wins. Hence a node's part is its
// weight's part of all weights, and a change moves nothing but what must move:
// what a node loses was its own, what it gains it takes itself.
//
// weights[i], 0 to 255, belongs to names[i]; a missing weight is 0, and 0 owns
// nothing. Names must differ; at most 255 can own anything. The result depends on
// names and weights only, not on the rule, so rules with the same weights share
// one table, and a client has the same node on ports 80 and 443.
//
// The table is shared by all callers and must not be changed.
func (a *Assigner) Assign(names []string, weights []uint8) *Table {
	key := tableKey(names, weights)
	if t, ok := a.tables[key]; ok {
		return t
	}
	if len(a.tables) >= maxTables {
		a.tables = nil
	}
	if a.tables == nil {
		a.tables = make(map[string]*Table)
	}
	t := a.compute(names, weights)
	a.tables[key] = t
	return t
}

// Draws are one node's draws, computed beforehand.
type Draws struct {
	name   string
	column *column
}

// Draw computes a node's draws, which takes some 5 to 10 ms. It may be done on any
// goroutine, so that Assign on another need not wait for it when the node is
// first among the named.
func Draw(name string) Draws { return Draws{name, newColumn(name)} }

// Add has the Assigner remember a node's draws.
func (a *Assigner) Add(d Draws) {
	if a.columns == nil {
		a.columns = make(map[string]*cachedColumn)
	}
	if a.columns[d.name] == nil {
		a.columns[d.name] = &cachedColumn{column: d.column, used: a.calls}
	}
}

// tableKey is a string that is the same only for the same question.
func tableKey(names []string, weights []uint8) string {
	key := append([]byte(nil), weights...)
	for _, n := range names {
		key = append(key, n...)
		key = binary.BigEndian.AppendUint32(key, uint32(len(n)))
	}
	key = binary.BigEndian.AppendUint32(key, uint32(len(names)))
	return string(key)
}

func (a *Assigner) compute(names []string, weights []uint8) *Table {
	a.calls++
	t := new(Table)
	for b := range t {
		t[b] = NoOwner
	}
	first := true
	for _, i := range contenders(names, weights) {
		c := a.column(names[i])
		if first {
			fill(t, uint8(i))
			a.best = *c
			first = false
			continue
		}
		a.contest(t, c, uint8(i), weights)
	}
	a.forget()
	return t
}

// contenders returns the indices of the nodes that have a weight, by name, so
// that the first of two equal scores is the smaller name's on every machine.
func contenders(names []string, weights []uint8) []int {
	var who []int
	for i := range min(len(names), len(weights), NoOwner) {
		if weights[i] > 0 {
			who = append(who, i)
		}
	}
	slices.SortFunc(who, func(i, j int) int { return strings.Compare(names[i], names[j]) })
	return who
}

func fill(t *Table, owner uint8) {
	for b := range t {
		t[b] = owner
	}
}

// contest gives node i, whose draws are c, the buckets where its score beats
// their owner's. w/L > v/M is w*M > v*L: 8 by 32 bits, so exact in 64.
func (a *Assigner) contest(t *Table, c *column, i uint8, weights []uint8) {
	var weight [256]uint64 // whole, so that no index needs a check
	for j, w := range weights[:min(len(weights), NoOwner)] {
		weight[j] = uint64(w)
	}
	mine := weight[i]
	for b, l := range c {
		if mine*uint64(a.best[b]) > weight[t[b]]*uint64(l) {
			t[b], a.best[b] = i, l
		}
	}
}

// column returns the named node's column, computing it if it is not remembered.
func (a *Assigner) column(name string) *column {
	c, ok := a.columns[name]
	if !ok {
		if a.columns == nil {
			a.columns = make(map[string]*cachedColumn)
		}
		c = &cachedColumn{column: newColumn(name)}
		a.columns[name] = c
	}
	c.used = a.calls
	return c.column
}

// forget drops the columns that were not used for longest, and never one that
// this call used.
func (a *Assigner) forget() {
	for len(a.columns) > maxColumns {
		oldest, used := "", a.calls
		for name, c := range a.columns {
			if c.used < used {
				oldest, used = name, c.used
			}
		}
		if used == a.calls {
			return
		}
		delete(a.columns, oldest)
	}
}
