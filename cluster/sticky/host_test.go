package sticky

import (
	"maps"
	"slices"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
	"thresher/cluster/settle"
)

// host is one machine: a kernel with tables that outlive the daemon, and at most
// one daemon.
type host struct {
	w      *world
	i      int
	name   string
	weight rune
	rate   float64 // of its clock

	// What the kernel has.
	mask, sticky    uint64
	deadline, grant confirm.Time
	verdicts        map[int]Standing
	remembered      map[int]confirm.Time // when each was last seen
	parked          []parkedSYN

	c     *confirm.Node // nil while no daemon runs
	s     *Node
	lease confirm.Lease
	hung  bool
	inbox []func()
	boot  uint64
	wakes [2]confirm.Time
}

type parkedSYN struct {
	c, syn int
	until  confirm.Time
}

// now is the time by the host's clock.
func (h *host) now() confirm.Time { return confirm.Time(float64(h.w.Now) * h.rate) }

// lets returns the buckets that the host's kernel lets flows into.
func (h *host) lets() uint64 {
	if h.now() < h.deadline {
		return h.mask
	}
	return 0
}

// drops says whether the host's program drops a SYN at once.
func (h *host) drops(c int) bool {
	bit := uint64(1) << (c % simBuckets)
	_, remembered := h.remembered[c]
	return h.lets()&bit == 0 && !(h.sticky&bit != 0 && remembered)
}

// judge is the verdict on a SYN that must not be answered after a time.
func (h *host) judge(c, syn int, until confirm.Time) {
	bit := uint64(1) << (c % simBuckets)
	switch _, remembered := h.remembered[c]; {
	case h.lets()&bit == 0:
		if h.mask&bit == 0 && h.sticky&bit != 0 && remembered && h.now() < h.grant {
			h.remembered[c] = h.now()
			h.w.accept(h, c, syn)
		}
	case h.sticky&bit == 0 || h.verdicts[c] == Mine:
		h.remembered[c] = h.now()
		h.w.accept(h, c, syn)
	case h.verdicts[c] == Unknown:
		h.parked = append(h.parked, parkedSYN{c, syn, until})
		h.w.After(h.w.Within(2*ms), func() {
			h.get(func() { h.does(h.s.Asked(h.now(), []Client{clientNumber(c)})) })
		})
	}
}

// release judges parked SYNs again.
func (h *host) release() {
	waiting := h.parked
	h.parked = nil
	for _, p := range waiting {
		bit := uint64(1) << (p.c % simBuckets)
		switch {
		case h.w.Now >= p.until:
		case h.lets()&bit != 0 && h.sticky&bit != 0 && h.verdicts[p.c] == Unknown:
			h.parked = append(h.parked, p)
		default:
			h.judge(p.c, p.syn, p.until)
		}
	}
}

// start starts a daemon, whose program is a new one.
func (h *host) start() {
	if h.c != nil {
		return
	}
	h.boot, h.hung, h.inbox = uint64(h.w.Now), false, nil
	h.lease, h.wakes, h.parked = confirm.Lease{}, [2]confirm.Time{}, nil
	h.mask, h.sticky, h.deadline, h.grant = 0, 0, 0, 0
	h.verdicts, h.remembered = make(map[int]Standing), make(map[int]confirm.Time)
	c, a, err := confirm.New(confirm.Config{
		Name: h.name, Boot: h.boot, Params: confirm.DefaultParams(), Meta: string(h.weight), Assign: shares.Turns(h.name),
	}, h.now())
	if err != nil {
		h.w.Violate("%v", err)
		return
	}
	h.c = c
	s, sa := New(Config{Name: h.name, Boot: h.boot, Params: h.w.params, Rules: []confirm.RuleID{simRule}}, h.now())
	h.s = s
	h.does(sa)
	h.confirmed(a)
	h.members()
	h.feed(func() confirm.Actions { return h.c.Up(h.now()) })
}

// members is a membership that knows of everybody who runs.
func (h *host) members() {
	boot := h.boot
	h.w.After(50*ms, func() {
		if h.c == nil || h.boot != boot {
			return
		}
		var names []string
		for _, o := range h.w.hosts {
			if o.c != nil && o != h {
				names = append(names, o.name)
			}
		}
		h.feed(func() confirm.Actions { return h.c.Members(h.now(), names) })
		h.members()
	})
}

// crash ends the daemon; its kernel goes on.
func (h *host) crash() { h.c, h.s = nil, nil }

// drain takes the host out with all clients, and back.
func (h *host) drain() {
	h.feed(func() confirm.Actions { return h.c.Leave(h.now()) })
	h.back(100*ms + h.w.Within(4*time.Second))
}

func (h *host) back(d time.Duration) {
	boot := h.boot
	h.w.After(d, func() {
		h.get(func() {
			if h.boot == boot {
				h.does(h.s.Start(h.now()))
				h.feed(func() confirm.Actions { return h.c.Up(h.now()) })
			}
		})
	})
}

// stopForAWhile takes the host out by an operator's stop, or ends the process.
func (h *host) stopForAWhile() {
	h.feed(func() confirm.Actions { return h.c.Leave(h.now()) })
	h.does(h.s.Stop(h.now()))
	if h.w.Chance(0.5) {
		h.back(h.w.Within(2 * time.Second))
		return
	}
	boot := h.boot
	h.w.After(500*ms, func() {
		if h.c == nil || h.hung || h.boot != boot {
			return
		}
		if h.s.Clean() {
			h.does(h.s.Leave(h.now()))
		}
		h.crash()
		h.w.After(200*ms+h.w.Within(2*time.Second), h.start)
	})
}

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
	case h.hung && len(h.inbox) < 400:
		h.inbox = append(h.inbox, f)
	case !h.hung:
		f()
	}
}

func (h *host) tick() {
	h.feed(func() confirm.Actions { return h.c.Tick(h.now()) })
	if h.s != nil {
		h.does(h.s.Tick(h.now()))
	}
}

func (h *host) feed(event func() confirm.Actions) {
	if h.c != nil && !h.hung {
		h.confirmed(event())
	}
}

// confirmed does what confirmation says: the tables first.
func (h *host) confirmed(a confirm.Actions) {
	for _, e := range a.Events {
		if e.Kind == confirm.Fenced && h.s != nil {
			h.does(h.s.Fenced(h.now(), h.lease.Deadline != 0 && h.now() >= h.lease.Deadline))
		}
	}
	lease := h.lease
	if a.Lease != nil {
		lease = *a.Lease
	}
	if h.s != nil {
		h.does(h.s.State(h.now(), settle.State{
			Boot: h.c.Boot(), View: h.c.Stated().ID, Own: h.c.Own(), Held: lease.Held, Release: lease.Release,
		}))
	}
	if a.Lease != nil {
		h.lease = lease
		h.mask, h.deadline = shares.Mask(lease.Confirmed), lease.Deadline
		h.release()
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
	d := time.Duration(float64(max(0, at.Sub(h.now()))) / h.rate)
	h.w.After(d+10*time.Microsecond, func() {
		if h.c != nil && h.boot == boot && h.wakes[which] == at && !h.hung {
			h.wakes[which] = 0
			h.tick()
		}
	})
}

func (h *host) sendHeartbeat(o *host, hb *confirm.Heartbeat) {
	if o == h || int(hb.Name[0]-'a') == o.i || h.w.faults && h.w.Chance(0.05) {
		return
	}
	h.w.After(100*time.Microsecond+h.w.Within(2*ms), func() {
		o.get(func() {
			if o.c.Order(hb) > 0 {
				o.does(o.s.Heard(o.now(), hb))
			}
			o.feed(func() confirm.Actions { return o.c.Receive(o.now(), hb) })
		})
	})
}

// does what stickiness says, in the order in which it must be done.
func (h *host) does(a Actions) {
	if a.Forget {
		clear(h.verdicts)
	}
	h.sticky, h.grant = shares.Mask(a.Unsettled), a.Grant
	for _, v := range a.Verdicts {
		h.verdicts[numberOf(v.Client)] = v.Standing
	}
	h.release()
	if a.Sweep {
		h.sweep(a.ClearBefore)
	}
	for _, out := range a.Reports {
		h.sendReport(h.w.hosts[out.To[0]-'a'], out.Report)
	}
	for _, out := range a.Send {
		h.sendMessage(h.w.hosts[out.To[0]-'a'], out.Message)
	}
	h.wake(1, a.Wake)
}

// sweep forgets those that are idle, and says where the others are.
func (h *host) sweep(before confirm.Time) {
	started, boot := h.now(), h.boot
	h.w.After(ms+h.w.Within(25*ms), func() {
		if h.boot != boot {
			return
		}
		mask := uint64(0)
		for _, c := range slices.Sorted(maps.Keys(h.remembered)) {
			bit := uint64(1) << (c % simBuckets)
			if h.now().Sub(h.remembered[c]) > simIdle || h.remembered[c] < before {
				delete(h.remembered, c)
				continue
			}
			mask |= bit
		}
		h.get(func() {
			if h.boot == boot {
				h.does(h.s.Swept(h.now(), started, shares.Set(mask), before))
			}
		})
	})
}

// sendReport and sendMessage send through a network that loses, delays and doubles.
func (h *host) sendReport(o *host, r *settle.Report) {
	b, err := r.Append(nil)
	if err != nil {
		h.w.Violate("%v", err)
		return
	}
	h.carry(60*ms, func() {
		o.get(func() {
			if got, err := settle.Decode(b); err != nil {
				o.w.Violate("%v", err)
			} else {
				o.does(o.s.ReceiveReport(o.now(), got))
			}
		})
	})
}

func (h *host) sendMessage(o *host, m *Message) {
	b, err := m.Append(nil)
	if err != nil {
		h.w.Violate("%v", err)
		return
	}
	h.w.messages++
	h.carry(5*ms, func() {
		o.get(func() {
			got, err := Decode(b)
			if err != nil {
				o.w.Violate("%v", err)
				return
			}
			o.does(o.s.Receive(o.now(), got, func(c Client) bool { _, ok := o.remembered[numberOf(c)]; return ok }))
		})
	})
}

func (h *host) carry(most time.Duration, deliver func()) {
	w := h.w
	if w.faults && w.Chance(0.1) {
		return
	}
	delay := 200*time.Microsecond + w.Within(most)
	if w.faults && w.Chance(0.1) {
		delay += w.Within(2 * time.Second)
	}
	w.After(delay, deliver)
	if w.faults && w.Chance(0.1) {
		w.After(delay+w.Within(time.Second), deliver)
	}
}
