package check

import "time"

// Noticed is how long after its failure, whenever between two runs that is, a server is
// down at the most: one that refuses, and one that accepts and does not answer. They
// differ if the timeout leaves a row of runs no room in that beside the interval before
// the first of them.
func (p Params) Noticed() (refusing, hanging time.Duration) {
	fall := time.Duration(p.Fall)
	refusing = fall * p.Interval
	return refusing, max(refusing, p.Interval+fall*p.Timeout)
}

// MostTimeout is the longest timeout with which the two do not differ; with Fall 1 there
// is none.
func (p Params) MostTimeout() time.Duration {
	fall := time.Duration(p.Fall)
	return p.Interval * (fall - 1) / fall
}
