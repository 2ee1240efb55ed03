package confirm

import (
	"math/rand/v2"
	"testing"
)

// set makes a bitmap of 200 buckets.
func set(buckets ...int) *Bitmap {
	b := NewBitmap(200)
	for _, i := range buckets {
		b.Set(i)
	}
	return b
}

func TestBucketsAlgebra(t *testing.T) {
	a := BucketsOf(map[RuleID]*Bitmap{1: set(1, 64, 199), 2: set(5), 3: set()})
	b := BucketsOf(map[RuleID]*Bitmap{1: set(64, 65), 4: set(7)})
	tests := []struct {
		name      string
		got, want Buckets
	}{
		{"intersect", a.Intersect(b), BucketsOf(map[RuleID]*Bitmap{1: set(64)})},
		{"minus", a.Minus(b), BucketsOf(map[RuleID]*Bitmap{1: set(1, 199), 2: set(5)})},
		{"union", a.Union(b), BucketsOf(map[RuleID]*Bitmap{1: set(1, 64, 65, 199), 2: set(5), 4: set(7)})},
		{"minus itself", a.Minus(a), Buckets{}},
		{"with nothing", a.Union(Buckets{}), a},
	}
	for _, tt := range tests {
		if !tt.got.Equal(tt.want) {
			t.Errorf("%s: got %d buckets, want %d", tt.name, tt.got.Len(), tt.want.Len())
		}
	}
	if !a.Has(1, 199) || a.Has(1, 2) || a.Has(3, 0) || a.Has(1, 100_000) || a.Len() != 4 {
		t.Error("a does not have what was put in")
	}
}

// The word-wise operations against bucket by bucket ones.
func TestBucketsAgainstSlowSets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func() *Bitmap {
		b := NewBitmap(130 + rng.IntN(70))
		for range rng.IntN(60) {
			b.Set(rng.IntN(130))
		}
		return b
	}
	for range 500 {
		x, y := random(), random()
		a, b := BucketsOf(map[RuleID]*Bitmap{9: x}), BucketsOf(map[RuleID]*Bitmap{9: y})
		and, minus, or := a.Intersect(b), a.Minus(b), a.Union(b)
		for i := range 200 {
			if and.Has(9, i) != (x.Has(i) && y.Has(i)) || minus.Has(9, i) != (x.Has(i) && !y.Has(i)) || or.Has(9, i) != (x.Has(i) || y.Has(i)) {
				t.Fatalf("bucket %d: wrong", i)
			}
		}
	}
}

// Rules that are assigned alike share one bitmap, and go on sharing.
func TestBucketsShareBitmaps(t *testing.T) {
	mine, theirs := set(1, 2, 3), set(2, 3, 4)
	a, b := make(map[RuleID]*Bitmap), make(map[RuleID]*Bitmap)
	for r := range RuleID(100) {
		a[r], b[r] = mine, theirs
	}
	got := BucketsOf(a).Intersect(BucketsOf(b))
	for r := range RuleID(100) {
		if got.Of(r) != got.Of(0) {
			t.Fatalf("rule %d has a bitmap of its own", r)
		}
	}
}

// The cost of a view change with every rule assigned alike and all differently.
func BenchmarkIntersect(b *testing.B) {
	for name, alike := range map[string]bool{"256 rules alike": true, "256 rules different": false} {
		b.Run(name, func(b *testing.B) {
			x, y := fullBuckets(256, alike, 3), fullBuckets(256, alike, 5)
			for b.Loop() {
				x.Intersect(y)
			}
		})
	}
}

// fullBuckets gives every step-th of 65,536 buckets of each rule.
func fullBuckets(rules int, alike bool, step int) Buckets {
	m := make(map[RuleID]*Bitmap)
	var shared *Bitmap
	for r := range rules {
		if shared == nil || !alike {
			shared = NewBitmap(65536)
			for i := r % step; i < 65536; i += step {
				shared.Set(i)
			}
		}
		m[RuleID(r)] = shared
	}
	return BucketsOf(m)
}
