// Package shares is the assignment of the simulated farms: over a dozen buckets,
// by weighted rendezvous (Table) or by turns (Turns). The protocol handles all buckets alike; what differs is
// who owns which in which view.
package shares

import (
	"hash/fnv"

	"thresher/cluster/confirm"
)

// Buckets is how many buckets a simulated farm has.
const Buckets = 12

// All is the mask of all buckets.
const All uint64 = 1<<Buckets - 1

// Rule is the one rule of the simulated farm.
const Rule confirm.RuleID = 1

// Table is a farm's assignment, computed once per view for all machines. It is
// not safe for concurrent use.
type Table struct {
	views map[confirm.ViewID]map[string]uint64
	owner func(v confirm.View, bucket int) string
}

// New returns an empty table of a rule that is shared.
func New() *Table { return &Table{make(map[confirm.ViewID]map[string]uint64), owner} }

// NewSingle returns an empty table of a rule that one node serves alone: the first
// by weight, then by name.
func NewSingle() *Table { return &Table{make(map[confirm.ViewID]map[string]uint64), first} }

func first(v confirm.View, _ int) string {
	best := v.Members[0]
	for _, m := range v.Members {
		if m.Meta[0] > best.Meta[0] {
			best = m
		}
	}
	return best.Name
}

// of returns what the view gives to a node, as a mask.
func (s *Table) of(v confirm.View, name string) uint64 {
	given, ok := s.views[v.ID]
	if !ok {
		given = make(map[string]uint64)
		for b := range Buckets {
			given[s.owner(v, b)] |= 1 << b
		}
		s.views[v.ID] = given
	}
	return given[name]
}

// owner picks the member with the highest score; a member of weight w has w
// scores. Its meta is its weight as one digit.
func owner(v confirm.View, bucket int) string {
	best, name := uint64(0), ""
	for _, m := range v.Members {
		for i := range m.Meta[0] - '0' {
			if s := score(m.Name, bucket, i); s > best {
				best, name = s, m.Name
			}
		}
	}
	return name
}

func score(name string, bucket int, i byte) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	h.Write([]byte{byte(bucket), i, 0, 0, 0, 0, 0, 0})
	x := h.Sum64()
	x ^= x >> 31
	x *= 0x9e3779b97f4a7c15
	return x ^ x>>29
}

// For returns the confirm.Assign of one machine.
func (s *Table) For(name string) confirm.Assign {
	return func(v confirm.View) confirm.Buckets { return Set(s.of(v, name)) }
}

// Turns is the confirm.Assign of one machine where the members take turns, in an
// order that their metas shift: a change of one moves most buckets.
func Turns(name string) confirm.Assign {
	return func(v confirm.View) confirm.Buckets {
		salt, mask := 0, uint64(0)
		for _, m := range v.Members {
			salt = salt*3 + int(m.Meta[0]-'1')
		}
		for b := range Buckets {
			if v.Members[(b*7+salt)%len(v.Members)].Name == name {
				mask |= 1 << b
			}
		}
		return Set(mask)
	}
}

// Set makes a set of a mask, bucket i in bit i.
func Set(mask uint64) confirm.Buckets {
	bits := confirm.NewBitmap(Buckets)
	for b := range Buckets {
		if mask&(1<<b) != 0 {
			bits.Set(b)
		}
	}
	return confirm.BucketsOf(map[confirm.RuleID]*confirm.Bitmap{Rule: bits})
}

// Mask returns a set as a mask, bucket i in bit i.
func Mask(b confirm.Buckets) uint64 {
	if bits := b.Of(Rule); bits != nil {
		return bits.Words()[0]
	}
	return 0
}
