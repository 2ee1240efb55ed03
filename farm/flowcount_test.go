package farm

import (
	"errors"
	"testing"
	"time"
)

// The kernel lists all connections once a second, however often somebody asks; but
// none that there were is no word on those that there are.
func TestConnectionsAreCountedOnceASecond(t *testing.T) {
	there, counted := 3, 0
	var failure error
	c := flowCount{count: func() ([]int, error) { counted++; return []int{0, there}, failure }}
	begin := time.Unix(1000, 0)
	broken := errors.New("no buffer space")
	for i, step := range []struct {
		at            time.Duration
		there         int
		failure       error
		left, counted int
	}{
		{0, 3, nil, 3, 1},
		{countEvery - 1, 2, nil, 3, 1},
		{countEvery, 2, nil, 2, 2},
		{2*countEvery - 1, 0, nil, 2, 2},
		{2 * countEvery, 0, nil, 0, 3},
		{2*countEvery + 1, 1, nil, 1, 4}, // one has come since there were none
		{3*countEvery + 1, 0, broken, 0, 5},
		{3*countEvery + 2, 1, nil, 1, 6}, // what failed is no count
	} {
		there, failure = step.there, step.failure
		left, err := c.left(begin.Add(step.at))
		if left != step.left || counted != step.counted || !errors.Is(err, step.failure) {
			t.Errorf("step %d: %d left, counted %d times, %v; want %d and %d", i, left, counted, err, step.left, step.counted)
		}
	}
	if flows, err := c.lately(begin.Add(3*countEvery + 3)); err != nil || len(flows) != 2 || counted != 6 {
		t.Errorf("the status has %v, %v after %d counts", flows, err, counted)
	}
}
