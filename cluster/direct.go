package cluster

import (
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// memberlist takes a node for alive that answers a probe of anybody: one that this
// node alone cannot reach stays a member by the others' word. It counts as out of direct reach
// when it has answered none of this node's own probes for so many rounds, and for so
// long. At 20 % loss each way a probe fails in 36 of 100 cases, eight in a row
// in 3 of 10,000.
const (
	unansweredRounds = 8
	unansweredFor    = 3 * time.Second
)

// direct knows which members answer this node's own probes.
type direct struct {
	interval time.Duration // between two probes; each is of another member. Set before the first

	mu       sync.Mutex
	answered map[string]time.Time // last, or when it became a member
}

func newDirect() *direct { return &direct{answered: make(map[string]time.Time)} }

// note takes over whether a member is alive; one that has just come counts as
// having answered.
func (d *direct) note(name string, alive bool, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.answered[name]; !alive {
		delete(d.answered, name)
	} else if !known {
		d.answered[name] = now
	}
}

// answer takes over that a member has answered.
func (d *direct) answer(name string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.answered[name]; known {
		d.answered[name] = now
	}
}

// reaches tells whether a member that is alive answers this node's own probes, as
// far as that shows by now.
func (d *direct) reaches(name string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, known := d.answered[name]
	round := time.Duration(len(d.answered)) * d.interval
	return !known || now.Sub(at) < max(unansweredFor, unansweredRounds*round)
}

// AckPayload is what this node answers probes with: nothing more.
func (d *delegate) AckPayload() []byte { return nil }

// NotifyPingComplete hears of each probe that was answered over UDP by the node
// itself; answers by way of a third node, and over TCP, are not told of
// (memberlist's state.go, probeNode).
func (d *delegate) NotifyPingComplete(other *memberlist.Node, _ time.Duration, _ []byte) {
	d.direct.answer(other.Name, time.Now())
}
