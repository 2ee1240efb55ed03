package settle

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
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
	*rand.Rand
	now    confirm.Time
	queue  queue
	order  int
	hosts  []*host
	params Params

	stormy    bool // faults, losses and new flows
	flow      int  // number of the last flow
	violation string
	messages  int // reports sent
	scans     int
	checked   int // settled own buckets seen while others had flows elsewhere
}

// happening is something that is to be at a time.
type happening struct {
	at    confirm.Time
	order int
	do    func()
}

type queue []happening

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(happening)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func newWorld(seed uint64, m mutation) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 1)), now: confirm.Time(time.Second), stormy: true,
		params: Params{Hold: simHold, mutation: m},
	}
	for i := range simHosts - int(seed%2) {
		w.hosts = append(w.hosts, &host{w: w, i: i, name: string(rune('a' + i)), weight: '1', flows: make(map[int]int)})
	}
	w.params.Nodes = len(w.hosts)
	for _, h := range w.hosts {
		w.after(w.within(2*time.Second), h.start)
	}
	w.after(ms, w.openFlows)
	w.after(2*time.Second, w.fault)
	return w
}

// after queues what is to be in d from now.
func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, happening{w.now.Add(d), w.order, do})
}

// run goes on for d, or until a rule is broken.
func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.violation == "" && len(w.queue) > 0 && w.queue[0].at <= end; {
		next := heap.Pop(&w.queue).(happening)
		w.now = next.at
		next.do()
		w.check()
	}
}

func (w *world) within(d time.Duration) time.Duration { return time.Duration(w.Int64N(int64(d))) }
func (w *world) chance(p float64) bool                { return w.Float64() < p }

func (w *world) violate(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf("at %v: ", time.Duration(w.now)) + fmt.Sprintf(format, args...)
	}
}

// openFlows opens a flow in a bucket that some host's kernel lets flows into.
// The packet is on its way for up to 8 ms, whatever happens meanwhile.
func (w *world) openFlows() {
	if !w.stormy {
		return
	}
	w.after(time.Millisecond/2+w.within(10*ms), w.openFlows)
	h := w.hosts[w.IntN(len(w.hosts))]
	bucket := w.IntN(simBuckets)
	if h.lets()&(1<<bucket) == 0 {
		return
	}
	w.flow++
	id, lasts := w.flow, w.within(300*ms)
	if w.chance(0.1) {
		lasts = w.within(2500 * ms)
	}
	powered := h.powered
	w.after(w.within(8*ms), func() {
		if h.powered == powered {
			h.flows[id] = bucket
			w.after(lasts, func() { delete(h.flows, id) })
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
		w.violate("%s has flows in %012b, which it does not hold and takes for settled", h.name, open)
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
			w.violate("%s takes %012b for settled, where %s has flows", h.name, open&settled, o.name)
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
	w.after(100*ms+w.within(900*ms), w.fault)
	h := w.hosts[w.IntN(len(w.hosts))]
	if h.c == nil || h.hung {
		return
	}

	switch w.IntN(7) {
	case 0, 1:
		h.weight = '1' + rune(w.IntN(3))
		h.feed(func() confirm.Actions {
			a, err := h.c.Weights(w.now, string(h.weight))
			if err != nil {
				w.violate("%v", err)
			}
			return a
		})
	case 2:
		h.stop(Gone)
		w.after(50*ms+w.within(2*time.Second), h.start)
	case 3:
		h.stop(Gone)
		h.powered++
		clear(h.flows)
		w.after(300*ms+w.within(4*time.Second), h.start)
	case 4:
		h.hung = true
		w.after(100*ms+w.within(1500*ms), h.resume)
	case 5:
		h.goodbye()
	case 6:
		h.drain()
	}
}

// calm ends all faults and lets the flows end.
func (w *world) calm() {
	w.stormy = false
	w.run(10 * time.Second)
}
