package pipeline

// chunkLen is how many places are made at once.
const chunkLen = 16

// places are a bounded number of elements, each in its place, which is made when it is
// first needed: what a node never sees takes no memory. No place moves or is given back,
// so a pointer to what is in it stays good, and the memory grows to the bound and stays.
type places[T any] struct {
	chunks []*[chunkLen]T
	made   int32 // how many there are
	bound  int32 // how many there may be
}

func newPlaces[T any](bound int) places[T] { return places[T]{bound: int32(bound)} }

// at is what is in a place that was made.
func (p *places[T]) at(i int32) *T { return &p.chunks[i/chunkLen][i%chunkLen] }

// add makes one more place, with a zero in it, and returns its number; none at the
// bound.
func (p *places[T]) add() int32 {
	if p.made == p.bound {
		return none
	}
	if p.made%chunkLen == 0 {
		p.chunks = append(p.chunks, new([chunkLen]T))
	}
	p.made++
	return p.made - 1
}
