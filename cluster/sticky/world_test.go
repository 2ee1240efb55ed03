package sticky

import (
	"net/netip"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
	"thresher/cluster/internal/timeline"
)

// The simulation's farm: real confirmation, real stickiness, real messages on a
// bad wire; the kernel's tables and memory, and the clients, are played.
const (
	simHosts   = 4 // at most: odd seeds have one less
	simBuckets = shares.Buckets
	simClients = 48
	simRule    = shares.Rule
	simIdle    = 1500 * ms
	ms         = time.Millisecond
)

// world is one random run.
type world struct {
	timeline.Line
	hosts  []*host
	params Params

	faults   bool // crashes, hangs, losses
	changes  bool // weights, drains
	syn      int  // number of the last SYN
	answered map[int]*host
	sessions [simClients]session

	accepted, byHolder, lost int
	messages                 int
}

// session is where a client's is, and when it was last used.
type session struct {
	at   *host
	boot uint64
	seen confirm.Time
}

func newWorld(seed uint64, faults bool) *world {
	w := &world{
		Line: timeline.New(seed), faults: faults, changes: true,
		params: Params{Idle: simIdle}, answered: make(map[int]*host),
	}
	for i := range simHosts - int(seed%2) {
		h := &host{w: w, i: i, name: string(rune('a' + i)), weight: '1', rate: 1, remembered: make(map[int]confirm.Time)}
		if faults {
			h.rate = 0.99 + 0.02*w.Float64()
		}
		w.hosts = append(w.hosts, h)
	}
	for i, h := range w.hosts {
		w.After(w.Within(time.Duration(1+3*i)*time.Second), h.start)
	}
	for c := range simClients {
		w.After(w.Within(100*ms), func() { w.connect(c) })
	}
	w.After(2*time.Second, w.change)
	return w
}

func clientNumber(c int) Client {
	return Client{Rule: simRule, Bucket: uint16(c % simBuckets), Addr: netip.AddrFrom4([4]byte{198, 18, 0, byte(c)})}
}

func numberOf(c Client) int { b := c.Addr.As4(); return int(b[3]) }

// connect sends a client's SYN, which every host has at the same time: most judge
// it at once, some let it wait in a ring.
func (w *world) connect(c int) {
	pause := 20*ms + w.Within(300*ms)
	if w.Chance(0.03) {
		pause = w.Within(4 * simIdle)
	}
	w.After(pause, func() { w.connect(c) })
	w.syn++
	syn := w.syn
	for _, h := range w.hosts {
		w.After(w.Within(ms/10), func() {
			until := w.Now.Add(300 * ms)
			if h.drops(c) || w.Chance(0.85) {
				h.judge(c, syn, until)
				return
			}
			w.After(w.Within(295*ms), func() { h.judge(c, syn, until) })
		})
	}
}

// accepted is called when a host's stack gets a SYN.
func (w *world) accept(h *host, c, syn int) {
	if other := w.answered[syn]; other != nil && other != h {
		w.Violate("SYN %d of client %d is answered by %s and by %s", syn, c, other.name, h.name)
	}
	w.answered[syn] = h
	w.accepted++
	s := &w.sessions[c]
	if s.at != nil && (s.at != h || s.boot != h.boot) && w.Now.Sub(s.seen) < simIdle {
		w.lost++
	}
	if s.at == h && h.lets()&(1<<(c%simBuckets)) == 0 {
		w.byHolder++
	}
	*s = session{h, h.boot, w.Now}
}

// change does something usual, or bad, to a host.
func (w *world) change() {
	w.After(300*ms+w.Within(1500*ms), w.change)
	h := w.hosts[w.IntN(len(w.hosts))]
	if !w.changes || h.c == nil || h.hung {
		return
	}
	kinds := 3
	if w.faults {
		kinds = 7
	}
	switch w.IntN(kinds) {
	case 0, 1:
		h.weight = '1' + rune(w.IntN(3))
		h.feed(func() confirm.Actions {
			a, err := h.c.Weights(h.now(), string(h.weight))
			if err != nil {
				w.Violate("%v", err)
			}
			return a
		})
	case 2:
		h.drain()
	case 3:
		h.crash()
		w.After(700*ms+w.Within(3*time.Second), h.start)
	case 4, 5:
		h.hung = true
		w.After(100*ms+w.Within(2500*ms), h.resume)
	case 6:
		h.stopForAWhile()
	}
}
