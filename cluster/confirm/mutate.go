package confirm

import "thresher/cluster/confirm/internal/mutation"

// Mutated returns p with parts of the rules taken away, for the tests that show
// that their loss is noticed. Only packages under cluster/confirm can name a
// mutation.
func Mutated(p Params, m mutation.Set) Params {
	p.mutation = m
	return p
}
