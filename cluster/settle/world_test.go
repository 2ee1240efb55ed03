package settle

import (
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
	"thresher/cluster/internal/timeline"
)

// The simulation's farm: real confirmation, real settling, real reports on a bad
// wire; the kernel's tables, sockets, membership and scans are played.
const (
	simHosts   = 4 // at most: odd seeds have one less
	simBuckets = shares.Buckets
	simRule    = shares.Rule
	simHold    = 3 * time.Second
	ms         = time.Millisecond
)

// world is one random run.
type world struct {
	timeline.Line
	hosts  []*host
	params Params

	stormy   bool // faults, losses and new flows
	flow     int  // number of the last flow
	messages int  // reports sent
	scans    int
	checked  int // settled own buckets seen while others had flows elsewhere
}

func newWorld(seed uint64) *world {
	w := &world{
		Line: timeline.New(seed), stormy: true,
		params: Params{Hold: simHold},
	}
	w.Check = w.check
	for i := range simHosts - int(seed%2) {
		w.hosts = append(w.hosts, &host{w: w, i: i, name: string(rune('a' + i)), weight: '1', flows: make(map[int]int)})
	}
	w.params.Nodes = len(w.hosts)
	for _, h := range w.hosts {
		w.After(w.Within(2*time.Second), h.start)
	}
	w.After(ms, w.openFlows)
	w.After(2*time.Second, w.fault)
	return w
}

// openFlows opens a flow in a bucket that some host's kernel lets flows into.
// The packet is on its way for up to 8 ms, whatever happens meanwhile.
func (w *world) openFlows() {
	if !w.stormy {
		return
	}
	w.After(time.Millisecond/2+w.Within(10*ms), w.openFlows)
	h := w.hosts[w.IntN(len(w.hosts))]
	bucket := w.IntN(simBuckets)
	if h.lets()&(1<<bucket) == 0 {
		return
	}
	w.flow++
	id, lasts := w.flow, w.Within(300*ms)
	if w.Chance(0.1) {
		lasts = w.Within(2500 * ms)
	}
	powered := h.powered
	w.After(w.Within(8*ms), func() {
		if h.powered == powered {
			h.flows[id] = bucket
			w.After(lasts, func() { delete(h.flows, id) })
		}
	})
}

// check looks for a settled bucket that should not be.
func (w *world) check() {
	for _, h := range w.hosts {
		if h.everRan {
			w.checkForeign(h)
			w.checkOwn(h)
		}
	}
}

// checkForeign: what a node does not hold and takes for settled has no flow of
// its own.
func (w *world) checkForeign(h *host) {
	if open := h.open() &^ h.held &^ h.unsettled; open != 0 {
		w.Violate("%s has flows in %012b, which it does not hold and takes for settled", h.name, open)
	}
}

// checkOwn: where a node lets flows in and takes the bucket for settled, nobody
// that it can know of has a flow.
func (w *world) checkOwn(h *host) {
	settled := h.lets() &^ h.unsettled
	for _, o := range w.hosts {
		if o == h || !o.knownTo(h) {
			continue
		}
		open := o.open()
		if open&settled != 0 {
			w.Violate("%s takes %012b for settled, where %s has flows", h.name, open&settled, o.name)
		}
		if open != 0 && settled != 0 {
			w.checked++
		}
	}
}

// fault does something bad, or only unusual, to a host.
func (w *world) fault() {
	if !w.stormy {
		return
	}
	w.After(100*ms+w.Within(900*ms), w.fault)
	h := w.hosts[w.IntN(len(w.hosts))]
	if h.c == nil || h.hung {
		return
	}

	switch w.IntN(7) {
	case 0, 1:
		h.weight = '1' + rune(w.IntN(3))
		h.feed(func() confirm.Actions {
			a, err := h.c.Weights(w.Now, string(h.weight))
			if err != nil {
				w.Violate("%v", err)
			}
			return a
		})
	case 2:
		h.stop(Gone)
		w.After(50*ms+w.Within(2*time.Second), h.start)
	case 3:
		h.stop(Gone)
		h.powered++
		clear(h.flows)
		w.After(300*ms+w.Within(4*time.Second), h.start)
	case 4:
		h.hung = true
		w.After(100*ms+w.Within(1500*ms), h.resume)
	case 5:
		h.goodbye()
	case 6:
		h.drain()
	}
}

// calm ends all faults and lets the flows end.
func (w *world) calm() {
	w.stormy = false
	w.Run(10 * time.Second)
}
