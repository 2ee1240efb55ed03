package confirm

import (
	"cmp"
	"iter"
	"slices"
)

// RuleID identifies a rule: equal on every node for the same rule, and the same
// after the configuration is loaded again. The daemon derives it from the rule.
type RuleID uint64

// Buckets is an immutable set of buckets over all rules. The zero value is the
// empty set.
type Buckets struct{ rules []ruleBits }

// ruleBits are the buckets of one rule.
type ruleBits struct {
	rule RuleID
	bits *Bitmap
}

// BucketsOf returns the set of the given buckets. It takes ownership of the
// bitmaps; rules with the same buckets should have the same bitmap.
func BucketsOf(rules map[RuleID]*Bitmap) Buckets {
	var b Buckets
	for rule, bits := range rules {
		if bits != nil && !bits.empty() {
			b.rules = append(b.rules, ruleBits{rule, bits})
		}
	}
	slices.SortFunc(b.rules, func(x, y ruleBits) int { return cmp.Compare(x.rule, y.rule) })
	return b
}

// Empty says whether there is no bucket in the set.
func (b Buckets) Empty() bool { return len(b.rules) == 0 }

// Of returns the buckets of one rule, nil if there are none.
func (b Buckets) Of(rule RuleID) *Bitmap {
	i, ok := slices.BinarySearchFunc(b.rules, rule, func(r ruleBits, id RuleID) int { return cmp.Compare(r.rule, id) })
	if !ok {
		return nil
	}
	return b.rules[i].bits
}

// Has says whether bucket i of a rule is in the set.
func (b Buckets) Has(rule RuleID, i int) bool {
	bits := b.Of(rule)
	return bits != nil && bits.Has(i)
}

// Rules goes through the rules that have buckets in the set, by rising RuleID.
func (b Buckets) Rules() iter.Seq2[RuleID, *Bitmap] {
	return func(yield func(RuleID, *Bitmap) bool) {
		for _, r := range b.rules {
			if !yield(r.rule, r.bits) {
				return
			}
		}
	}
}

// Len counts the buckets of all rules.
func (b Buckets) Len() int {
	n := 0
	for _, r := range b.rules {
		n += r.bits.Len()
	}
	return n
}

// Equal says whether both sets have the same buckets.
func (b Buckets) Equal(o Buckets) bool {
	return slices.EqualFunc(b.rules, o.rules, func(x, y ruleBits) bool {
		return x.rule == y.rule && x.bits.equal(y.bits)
	})
}

// Intersect returns what is in both sets.
func (b Buckets) Intersect(o Buckets) Buckets { return b.merge(o, intersectBits) }

// Minus returns what is in b and not in o.
func (b Buckets) Minus(o Buckets) Buckets { return b.merge(o, minusBits) }

// Union returns what is in either set.
func (b Buckets) Union(o Buckets) Buckets { return b.merge(o, unionBits) }

// merge combines both sets rule by rule. A pair of bitmaps that several rules
// share is combined once.
func (b Buckets) merge(o Buckets, op bitmapOp) Buckets {
	var out Buckets
	var last [2]*Bitmap
	var lastBits *Bitmap
	var memo map[[2]*Bitmap]*Bitmap
	for pair := range pairs(b.rules, o.rules) {
		key := [2]*Bitmap{pair.a, pair.b}
		if key != last {
			var known bool
			if lastBits, known = memo[key]; !known {
				lastBits = nonEmpty(op(pair.a, pair.b))
				memo = remember(memo, key, lastBits)
			}
			last = key
		}
		if lastBits != nil {
			out.rules = append(out.rules, ruleBits{pair.rule, lastBits})
		}
	}
	return out
}

// remember adds one result to the memo, which it makes when it is first needed.
func remember(memo map[[2]*Bitmap]*Bitmap, key [2]*Bitmap, bits *Bitmap) map[[2]*Bitmap]*Bitmap {
	if memo == nil {
		memo = make(map[[2]*Bitmap]*Bitmap)
	}
	memo[key] = bits
	return memo
}

// nonEmpty returns bits, or nil for an empty set.
func nonEmpty(bits *Bitmap) *Bitmap {
	if bits == nil || bits.empty() {
		return nil
	}
	return bits
}

// rulePair is one rule with its buckets in two sets, nil where it has none.
type rulePair struct {
	rule RuleID
	a, b *Bitmap
}

// pairs goes through the rules of both sets in order.
func pairs(a, b []ruleBits) iter.Seq[rulePair] {
	return func(yield func(rulePair) bool) {
		for len(a) > 0 || len(b) > 0 {
			p := nextPair(&a, &b)
			if !yield(p) {
				return
			}
		}
	}
}

// nextPair takes the lowest rule from the front of both lists.
func nextPair(a, b *[]ruleBits) rulePair {
	var p rulePair
	switch {
	case len(*b) == 0 || len(*a) > 0 && (*a)[0].rule <= (*b)[0].rule:
		p.rule = (*a)[0].rule
	default:
		p.rule = (*b)[0].rule
	}
	if len(*a) > 0 && (*a)[0].rule == p.rule {
		p.a, *a = (*a)[0].bits, (*a)[1:]
	}
	if len(*b) > 0 && (*b)[0].rule == p.rule {
		p.b, *b = (*b)[0].bits, (*b)[1:]
	}
	return p
}
