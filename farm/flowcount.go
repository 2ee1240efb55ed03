package farm

import "time"

// countEvery is how long a count of connections is good for, since the kernel lists them
// all for it: a little less than a second, so that each peerCheck has one of its own.
const countEvery = peerCheck * 9 / 10

// flowCount is how many connections each rule has, as they were counted last.
type flowCount struct {
	count func() ([]int, error)
	at    time.Time
	flows []int // nil if they are not counted yet
}

// lately is a count that is no older than countEvery.
func (c *flowCount) lately(now time.Time) ([]int, error) {
	if c.flows != nil && now.Sub(c.at) < countEvery {
		return c.flows, nil
	}
	return c.anew(now)
}

func (c *flowCount) anew(now time.Time) ([]int, error) {
	flows, err := c.count()
	if err != nil {
		c.flows = nil
		return nil, err
	}
	c.at, c.flows = now, flows
	return flows, nil
}

// left is how many there are in all. That there are none is counted anew: some may have
// come since, and what waits for the last ends with it.
func (c *flowCount) left(now time.Time) (int, error) {
	flows, err := c.lately(now)
	if err == nil && sum(flows) == 0 && c.at != now {
		flows, err = c.anew(now)
	}
	return sum(flows), err
}

func sum(flows []int) (n int) {
	for _, one := range flows {
		n += one
	}
	return n
}
