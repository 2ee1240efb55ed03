package settle

import (
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
)

// host is one machine: a kernel with sockets and tables that outlive the
// daemon, and at most one daemon.
type host struct {
	w       *world
	i       int
	name    string
	weight  rune
	powered int         // how often it lost power
	flows   map[int]int // bucket by flow

	// What the kernel has been told.
	mask, held, unsettled uint64
	deadline              confirm.Time
	everRan               bool

	c       *confirm.Node // nil while no daemon runs
	s       *Node
	lease   confirm.Lease
	hung    bool
	leaving bool
	inbox   []func()
	boot    uint64
	started confirm.Time
	stopped confirm.Time
	wakes   [2]confirm.Time
	member  [simHosts]Standing // membership's opinion
	heard   [simHosts]confirm.Time
	boots   [simHosts]uint64
}

// open returns the buckets in which the host has flows.
func (h *host) open() (mask uint64) {
	for _, bucket := range h.flows {
		mask |= 1 << bucket
	}
	return mask
}

// lets returns the buckets that the host's kernel lets flows into.
func (h *host) lets() uint64 {
	if h.w.Now < h.deadline {
		return h.mask
	}
	return 0
}

// knownTo says whether o can know of the host's flows: it has heard of this
// process, or knows that it has not met somebody, or the process crashed not long ago.
func (h *host) knownTo(o *host) bool {
	if h.c == nil {
		return h.w.Now.Sub(h.stopped) < simHold
	}
	return o.boots[h.i] == h.boot || h.w.Now.Sub(h.started) > time.Second
}

// start starts a daemon.
func (h *host) start() {
	if h.c != nil {
		return
	}
	h.boot, h.started, h.hung, h.leaving, h.inbox = uint64(h.w.Now), h.w.Now, false, false, nil
	h.lease, h.wakes, h.heard = confirm.Lease{}, [2]confirm.Time{}, [simHosts]confirm.Time{}
	h.boots, h.member = [simHosts]uint64{}, [simHosts]Standing{}
	c, a, err := confirm.New(confirm.Config{
		Name: h.name, Boot: h.boot, Params: confirm.DefaultParams(), Meta: string(h.weight), Assign: shares.Turns(h.name),
	}, h.w.Now)
	if err != nil {
		h.w.Violate("%v", err)
		return
	}
	h.c, h.everRan = c, true
	s, sa := New(h.name, h.boot, h.w.params, []confirm.RuleID{simRule}, h.w.Now)
	h.s = s
	h.settled(sa)
	h.confirmed(a)
	for _, o := range h.w.hosts {
		if o != h && o.c != nil {
			h.w.After(h.w.Within(200*ms), func() { h.introduce(o) })
			h.announce(o)
		}
	}
	h.feed(func() confirm.Actions { return h.c.Up(h.w.Now) })
	h.beat()
}

// stop ends the daemon. The others learn it from membership in their time.
func (h *host) stop(how Standing) {
	if h.c == nil {
		return
	}
	h.c, h.s, h.stopped = nil, nil, h.w.Now
	boot := h.boot
	for _, o := range h.w.hosts {
		delay := 300*ms + h.w.Within(700*ms)
		if how == Left {
			delay = h.w.Within(100 * ms)
		}
		h.w.After(delay, func() {
			if h.boot == boot {
				o.tell(h, how)
			}
		})
	}
}

// goodbye leaves the farm, ends all flows, and stops.
func (h *host) goodbye() {
	if h.leaving {
		return
	}
	h.leaving = true
	boot := h.boot
	h.feed(func() confirm.Actions { return h.c.Leave(h.w.Now) })
	h.w.After(300*ms, func() {
		h.get(func() {
			if h.boot == boot {
				clear(h.flows)
				h.stop(Left)
				h.w.After(50*ms+h.w.Within(3*time.Second), h.start)
			}
		})
	})
}

// drain leaves the farm with all flows, and comes back.
func (h *host) drain() {
	boot := h.boot
	h.feed(func() confirm.Actions { return h.c.Leave(h.w.Now) })
	h.w.After(100*ms+h.w.Within(2*time.Second), func() {
		h.get(func() {
			if h.boot == boot && !h.leaving {
				h.feed(func() confirm.Actions { return h.c.Up(h.w.Now) })
			}
		})
	})
}

// resume lets a hung daemon run again.
func (h *host) resume() {
	if h.c == nil || !h.hung {
		return
	}
	h.hung = false
	waiting := h.inbox
	h.inbox = nil
	for _, f := range waiting {
		h.get(f)
	}
	h.tick()
}

// get has the daemon do something, now or when it runs again.
func (h *host) get(f func()) {
	switch {
	case h.c == nil:
	case h.hung && len(h.inbox) < 200:
		h.inbox = append(h.inbox, f)
	case !h.hung:
		f()
	}
}

// tell is membership's word about another host.
func (h *host) tell(o *host, standing Standing) {
	h.get(func() {
		h.member[o.i] = standing
		h.members()
	})
}

// introduce is membership's word about one who was there before, if it answers.
func (h *host) introduce(o *host) {
	if o.c != nil && !o.hung {
		h.tell(o, Alive)
	}
}

// announce is membership's word to one who was there before. At times it is behind,
// and says for long what became of the process before.
func (h *host) announce(o *host) {
	delay, boot := h.w.Within(200*ms), h.boot
	if h.w.Chance(0.2) {
		delay = h.w.Within(4 * time.Second)
	}
	h.w.After(delay, func() {
		if h.c != nil && h.boot == boot {
			o.tell(h, Alive)
		}
	})
}

// members tells both machines who is there.
func (h *host) members() {
	var names []string
	var members []Member
	for _, o := range h.w.hosts {
		standing := h.member[o.i]
		if standing == Alive {
			names = append(names, o.name)
		}
		if h.heard[o.i] != 0 && h.w.Now.Sub(h.heard[o.i]) < 400*ms {
			standing = Alive
		}
		if o != h && standing != 0 {
			members = append(members, Member{Name: o.name, Boot: h.boots[o.i], Standing: standing})
		}
	}
	h.settled(h.s.Members(h.w.Now, members))
	h.feed(func() confirm.Actions { return h.c.Members(h.w.Now, names) })
}

// beat looks at the members every 50 ms, as the daemon's loop does.
func (h *host) beat() {
	boot := h.boot
	h.w.After(50*ms, func() {
		if h.c != nil && h.boot == boot {
			if !h.hung {
				h.members()
			}
			h.beat()
		}
	})
}

func (h *host) tick() {
	h.feed(func() confirm.Actions { return h.c.Tick(h.w.Now) })
	if h.s != nil {
		h.settled(h.s.Tick(h.w.Now))
	}
}

// feed gives confirmation an event.
func (h *host) feed(event func() confirm.Actions) {
	if h.c != nil && !h.hung {
		h.confirmed(event())
	}
}

// confirmed does what confirmation says: the tables first.
func (h *host) confirmed(a confirm.Actions) {
	for _, e := range a.Events {
		if e.Kind == confirm.Fenced && h.s != nil {
			h.settled(h.s.Fenced(h.w.Now))
		}
	}
	if a.Lease != nil {
		h.lease = *a.Lease
		h.mask, h.deadline, h.held = shares.Mask(a.Lease.Confirmed), a.Lease.Deadline, shares.Mask(a.Lease.Held)
	}
	if h.s != nil {
		own := confirm.Buckets{}
		if v := h.c.Stated(); !v.None() {
			own = shares.Turns(h.name)(v)
		}
		h.settled(h.s.State(h.w.Now, State{
			Boot: h.boot, View: h.c.Stated().ID, Own: own, Held: h.lease.Held, Release: h.lease.Release,
		}))
	}
	if a.Broadcast != nil {
		for _, o := range h.w.hosts {
			h.sendHeartbeat(o, a.Broadcast)
		}
	}
	for _, r := range a.Relays {
		h.sendHeartbeat(h.w.hosts[r.To[0]-'a'], r.Heartbeat)
	}
	h.wake(0, a.Wake)
}

// wake has the daemon's timer fire.
func (h *host) wake(which int, at confirm.Time) {
	if at == 0 || h.wakes[which] == at {
		return
	}
	h.wakes[which] = at
	boot := h.boot
	h.w.After(max(0, at.Sub(h.w.Now))+time.Microsecond, func() {
		if h.c != nil && h.boot == boot && h.wakes[which] == at && !h.hung {
			h.wakes[which] = 0
			h.tick()
		}
	})
}

func (h *host) sendHeartbeat(o *host, hb *confirm.Heartbeat) {
	if o == h || h.w.stormy && h.w.Chance(0.05) {
		return
	}
	h.w.After(100*time.Microsecond+h.w.Within(3*ms), func() {
		o.get(func() {
			from := hb.Name[0] - 'a'
			if int(from) == o.i {
				return
			}
			if o.c.Order(hb) > 0 {
				o.settled(o.s.Heard(o.w.Now, hb))
			}
			if hb.Boot >= o.boots[from] {
				o.boots[from], o.heard[from] = hb.Boot, o.w.Now
			}
			o.feed(func() confirm.Actions { return o.c.Receive(o.w.Now, hb) })
		})
	})
}

// settled does what settling says.
func (h *host) settled(a Actions) {
	h.unsettled = shares.Mask(a.Unsettled)
	if a.Scan {
		h.w.scans++
		h.w.After(h.w.Within(3*ms), h.scan)
	}
	for _, out := range a.Send {
		h.w.messages++
		h.sendReport(h.w.hosts[out.To[0]-'a'], out.Report)
	}
	h.wake(1, a.Wake)
}

// scan looks at the sockets for a while: one that comes or goes meanwhile may be
// seen or not.
func (h *host) scan() {
	started, boot := h.w.Now, h.boot
	before := make(map[int]bool)
	for id := range h.flows {
		before[id] = true
	}
	h.w.After(ms+h.w.Within(25*ms), func() {
		mask := uint64(0)
		for id := 1; id <= h.w.flow; id++ {
			bucket, open := h.flows[id]
			if open && (before[id] || h.w.Chance(0.2)) {
				mask |= 1 << bucket
			}
		}
		h.get(func() {
			if h.boot == boot {
				h.settled(h.s.Scanned(h.w.Now, started, shares.Set(mask)))
			}
		})
	})
}

// sendReport sends a report through a network that loses, delays and doubles.
func (h *host) sendReport(o *host, r *Report) {
	b, err := r.Append(nil)
	if err != nil {
		h.w.Violate("%v", err)
		return
	}
	if h.w.stormy && h.w.Chance(0.1) {
		return
	}
	deliver := func() {
		o.get(func() {
			got, err := Decode(b)
			if err != nil {
				o.w.Violate("%v", err)
				return
			}
			o.settled(o.s.Receive(o.w.Now, got))
		})
	}
	delay := 200*time.Microsecond + h.w.Within(60*ms)
	if h.w.stormy && h.w.Chance(0.1) {
		delay += h.w.Within(2 * time.Second)
	}
	h.w.After(delay, deliver)
	if h.w.stormy && h.w.Chance(0.1) {
		h.w.After(delay+h.w.Within(time.Second), deliver)
	}
}
