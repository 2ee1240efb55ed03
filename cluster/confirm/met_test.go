package confirm

import (
	"fmt"
	"testing"
	"time"
)

// crowd is node "b", which wants a majority, among peers that state a view with it.
type crowd struct {
	*pair
	seqs map[string]uint64
}

// newCrowd is one whose configuration names so many nodes.
func newCrowd(t *testing.T, configured int) *crowd {
	c := &crowd{newPair(t), make(map[string]uint64)}
	c.n.params.Partition, c.n.params.Nodes = Majority, configured
	return c
}

// among has b and peers 1 to n state the view of them all for d.
func (c *crowd) among(n int, d time.Duration) {
	members := []Member{{"b", "w"}}
	for i := range n {
		members = append(members, Member{fmt.Sprintf("p%d", i), "w"})
	}
	view := NewView(members).ID
	for end := c.now.Add(d); c.now < end; c.pass(40 * ms) {
		for _, m := range members[1:] {
			c.seqs[m.Name]++
			hb := &Heartbeat{
				Name: m.Name, Boot: 50, Seq: c.seqs[m.Name], Phase: Up, Lease: 600 * ms, Stated: view, Target: view, Meta: "w",
				Echoes: []Echo{{IDOf("b"), c.sent.Boot, c.sent.Seq, c.sent.Seq}},
			}
			c.take(c.n.Receive(c.now, hb))
		}
	}
}

// serves says whether b lets anything in.
func (c *crowd) serves() bool { return c.last.Deadline > c.now && c.last.Confirmed.Len() > 0 }

// want fails the test unless b serves or not, as told.
func (c *crowd) want(when string, serves bool) {
	c.t.Helper()
	if c.serves() != serves {
		c.t.Errorf("%s: serves %v, want %v; met %+v", when, c.serves(), serves, c.n.Met())
	}
}

// goOn has another process go on, whose configuration names so many.
func (c *crowd) goOn(configured int) {
	c.t.Helper()
	met := c.n.Met()
	state, err := c.n.Snapshot(c.now)
	if err != nil {
		c.t.Fatal(err)
	}
	config := c.config()
	config.Params.Partition, config.Params.Nodes, config.Met = Majority, configured, met
	n, a, err := Restore(config, c.now, state)
	if err != nil {
		c.t.Fatal(err)
	}
	c.n = n
	c.take(a)
}

// A configuration that names too few does not make a majority of a part of those who
// were met at once.
func TestMajorityIsOfThoseMet(t *testing.T) {
	c := newCrowd(t, 1)
	c.among(4, 1500*ms)
	c.want("five", true)
	c.among(2, 1500*ms)
	c.want("three of five", true)
	c.among(1, 1500*ms)
	c.want("two of five", false)
	c.among(0, 1500*ms)
	c.want("alone", false)
	c.among(4, 1500*ms)
	c.want("five again", true)
}

// Who has met nobody counts who is configured.
func TestMajorityOfNobodyMet(t *testing.T) {
	for configured, serves := range map[int]bool{1: true, 2: false} {
		c := newCrowd(t, configured)
		c.among(0, 1500*ms)
		c.want(fmt.Sprintf("alone of %d", configured), serves)
	}
}

// Who was met stays counted by the process that goes on, unless its configuration names
// fewer: then the farm has been made smaller.
func TestWhoWasMetOutlivesARestart(t *testing.T) {
	for _, tt := range []struct {
		name               string
		configured, listed int
		serves             bool
	}{
		{"the same list", 3, 3, false},
		{"a longer list", 3, 4, false},
		{"a shorter list", 3, 2, true},
	} {
		c := newCrowd(t, tt.configured)
		c.among(4, 1500*ms)
		c.among(1, 1500*ms)
		c.want(tt.name+": two of five", false)
		c.goOn(tt.listed)
		c.among(1, 1500*ms)
		c.want(tt.name+": afterwards", tt.serves)
		c.among(4, 1500*ms)
		c.among(1, 1500*ms)
		c.want(tt.name+": met again", false)
	}
}

// Peers are met by a node that does not take part, too.
func TestWhoDrainsMeetsTheOthers(t *testing.T) {
	c := newCrowd(t, 1)
	c.take(c.n.Leave(c.now))
	c.among(4, 500*ms)
	c.take(c.n.Up(c.now))
	c.among(1, 1500*ms)
	c.want("two of five", false)
}

// What is shown of a majority is what it is counted of.
func TestStatusSaysOfHowManyAMajorityIs(t *testing.T) {
	c := newCrowd(t, 2)
	if all := c.n.Status().All; all != 2 {
		t.Errorf("of %d, want those that are configured", all)
	}
	c.among(4, 2*time.Second)
	if all := c.n.Status().All; all != 5 {
		t.Errorf("of %d, want those that were met", all)
	}
}
