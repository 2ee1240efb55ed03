package confirm

import "math/bits"

// Bitmap is a set of bucket numbers of one rule. It is built once by Set and
// never changed after it has become part of a [Buckets], so that rules may share
// it. The zero value is the empty set.
type Bitmap struct{ words []uint64 }

// NewBitmap returns an empty set with room for buckets 0 to n-1.
func NewBitmap(n int) *Bitmap { return &Bitmap{words: make([]uint64, (n+63)/64)} }

// Set adds bucket i, which must be below the n of NewBitmap.
func (b *Bitmap) Set(i int) { b.words[i/64] |= 1 << (i % 64) }

// Has says whether bucket i is in the set.
func (b *Bitmap) Has(i int) bool {
	return i/64 < len(b.words) && b.words[i/64]&(1<<(i%64)) != 0
}

// Len counts the buckets of the set.
func (b *Bitmap) Len() int {
	n := 0
	for _, w := range b.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// Words returns the set as 64-bit words, bucket i in bit i%64 of word i/64. The
// slice is the set's own and must not be changed.
func (b *Bitmap) Words() []uint64 { return b.words }

// empty says whether there is no bucket in the set.
func (b *Bitmap) empty() bool {
	for _, w := range b.words {
		if w != 0 {
			return false
		}
	}
	return true
}

// equal says whether both sets have the same buckets.
func (b *Bitmap) equal(o *Bitmap) bool {
	if b == o {
		return true
	}
	for i := range max(len(b.words), len(o.words)) {
		if b.word(i) != o.word(i) {
			return false
		}
	}
	return true
}

// word returns word i, zero beyond the end.
func (b *Bitmap) word(i int) uint64 {
	if i < len(b.words) {
		return b.words[i]
	}
	return 0
}

// A bitmapOp combines two sets into a third; either may be nil for the empty set.
type bitmapOp func(a, b *Bitmap) *Bitmap

// intersectBits returns what is in both sets. It returns a itself where nothing
// is lost, so that rules that share a bitmap go on sharing.
func intersectBits(a, b *Bitmap) *Bitmap {
	if a == nil || b == nil || a == b {
		return either(a, b, a == b)
	}
	return combine(a, b, func(x, y uint64) uint64 { return x & y })
}

// minusBits returns what is in a and not in b.
func minusBits(a, b *Bitmap) *Bitmap {
	switch {
	case a == nil || a == b:
		return nil
	case b == nil:
		return a
	}
	return combine(a, b, func(x, y uint64) uint64 { return x &^ y })
}

// unionBits returns what is in either set.
func unionBits(a, b *Bitmap) *Bitmap {
	if a == nil || b == nil || a == b {
		return either(a, b, true)
	}
	return combine(a, b, func(x, y uint64) uint64 { return x | y })
}

// either returns whichever of a and b is not nil, or nil unless keep.
func either(a, b *Bitmap, keep bool) *Bitmap {
	switch {
	case !keep:
		return nil
	case a == nil:
		return b
	}
	return a
}

// combine applies op word by word. The result is a itself where it is equal.
func combine(a, b *Bitmap, op func(x, y uint64) uint64) *Bitmap {
	out := &Bitmap{words: make([]uint64, max(len(a.words), len(b.words)))}
	same := len(out.words) == len(a.words)
	for i := range out.words {
		out.words[i] = op(a.word(i), b.word(i))
		same = same && out.words[i] == a.word(i)
	}
	if same {
		return a
	}
	return out
}
