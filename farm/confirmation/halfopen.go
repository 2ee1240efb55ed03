package confirmation

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/confirm/handover"
	"thresher/config"
	"thresher/farm/clock"
	"thresher/farm/flows"
	"thresher/pipeline"
)

// halfOpen hands the half-open handshakes of released buckets to the others, and
// keeps theirs. It belongs to the confirmation's goroutine, but for the listing of
// sockets, which has its own.
type halfOpen struct {
	own    *handover.List
	others *handover.Others
	name   string

	table *flows.Table
	rules *pipeline.Rules
	ids   []confirm.RuleID
	post  post
	log   *slog.Logger
	do    func(func(now confirm.Time))

	looking bool           // a listing of sockets is under way
	running sync.WaitGroup // the listings
	next    confirm.Time
}

// Times of the hand-over.
const (
	// afterRelease is how long after a release the kernel may still make a socket
	// of a SYN that it let in before: it waits in thr1's or a processor's backlog.
	afterRelease = 3 * time.Millisecond
	// lookAgain is how often the handshakes that were handed over are looked
	// after, to tell the others which are done.
	lookAgain = 100 * time.Millisecond
)

func newHalfOpen(cfg *config.Config, rules *pipeline.Rules, ids []confirm.RuleID, boot uint64, send post, log *slog.Logger) (*halfOpen, error) {
	table, err := flows.Open(cfg.Addresses(), cfg.Forwarded()...)
	if err != nil {
		return nil, err
	}
	return &halfOpen{
		own: handover.NewList(cfg.Node, boot, clock.Now()), others: handover.NewOthers(), name: cfg.Node,
		table: table, rules: rules, ids: ids, post: send, log: log,
	}, nil
}

// restart begins a list of its own for another boot of this process.
func (h *halfOpen) restart(boot uint64) { h.own = handover.NewList(h.name, boot, clock.Now()) }

// handOn returns what the others have handed over, for the process after this one.
func (h *halfOpen) handOn() (lists [][]byte, err error) {
	for _, m := range h.others.HandOn() {
		b, err := m.Append(nil)
		if err != nil {
			return nil, err
		}
		lists = append(lists, b)
	}
	return lists, nil
}

// resume takes over what handOn has returned.
func (h *halfOpen) resume(now confirm.Time, lists [][]byte) error {
	for _, b := range lists {
		m, err := handover.Decode(b)
		if err != nil {
			return fmt.Errorf("half-open connections that the process before has left to others: %w", err)
		}
		h.others.Receive(now, m)
	}
	return nil
}

// released hands over what is half open in buckets that were released.
func (h *halfOpen) released(buckets confirm.Buckets, release uint64) {
	list := h.own
	h.running.Go(func() {
		time.Sleep(afterRelease)
		tuples, err := h.list(func(rule int, client netip.AddrPort) bool {
			return buckets.Has(h.ids[rule], int(h.rules.Place(client, rule).Bucket))
		}, handover.MaxTuples+1)
		h.do(func(now confirm.Time) {
			if h.own != list {
				return // another boot counts its releases anew
			}
			if err != nil {
				// The others wait for a list for 200 ms at most (handover.ParkLimit).
				h.log.Warn("half-open connections cannot be handed over", "err", err)
				return
			}
			if lost := h.own.Add(now, release, tuples); lost > 0 {
				h.log.Warn("more half-open connections than can be handed over: a SYN flood?", "lost", lost)
			}
			h.next = now.Add(lookAgain)
			h.send(now)
		})
	})
}

// list returns what another node must leave alone, at most limit: the handshakes
// that are half open in this machine's sockets and, of rules that forward, in
// conntrack.
func (h *halfOpen) list(pick func(rule int, client netip.AddrPort) bool, limit int) ([]handover.Tuple, error) {
	own, err := h.table.HalfOpen(func(f flows.Flow) bool {
		rule, ok := h.rules.Find(config.TCP, f.Server.Addr(), f.Server.Port())
		return ok && pick(rule, f.Client)
	}, limit)
	if err != nil {
		return nil, err
	}
	forwarded, err := h.table.HalfOpenForwarded(h.rules, pick, limit-len(own))
	return append(own, forwarded...), err
}

// tick repeats what was not echoed, and looks after what was handed over. It
// returns when it wants to be called again; 0 for never.
func (h *halfOpen) tick(now confirm.Time) confirm.Time {
	h.own.Expire(now)
	h.others.Expire(now)
	h.send(now)
	open := len(h.own.Open()) > 0
	if open && now >= h.next && !h.looking {
		h.looking = true
		h.next = now.Add(lookAgain)
		h.running.Go(h.look)
	}
	switch {
	case open:
		return h.next
	case h.own.Pending():
		return now.Add(lookAgain)
	case h.others.Len() > 0:
		return now.Add(time.Second)
	}
	return 0
}

// look ends the handshakes that are not half open any more.
func (h *halfOpen) look() {
	still, err := h.list(func(int, netip.AddrPort) bool { return true }, 2*handover.MaxTuples)
	h.do(func(now confirm.Time) {
		h.looking = false
		if err != nil || len(still) == 2*handover.MaxTuples {
			return // cannot be told; they end by themselves
		}
		half := make(map[handover.Tuple]bool, len(still))
		for _, t := range still {
			half[t] = true
		}
		for _, t := range h.own.Open() {
			if !half[t] {
				h.own.Done(t)
			}
		}
		h.send(now)
	})
}

func (h *halfOpen) send(now confirm.Time) {
	for to, m := range h.own.Messages(now) {
		payload, err := m.Append(nil)
		if err == nil {
			err = h.post(to, messageHalfOpen, payload)
		}
		if err != nil {
			h.log.Debug("half-open connections were not handed over", "to", to, "err", err)
		}
	}
}

// receive takes another node's list in, and tells that node how far it has come.
func (h *halfOpen) receive(now confirm.Time, payload []byte) error {
	m, err := handover.Decode(payload)
	if err != nil {
		return err
	}
	echo := h.others.Receive(now, m)
	reply, err := handover.Reply{Name: h.name, Echo: echo}.Append(nil)
	if err == nil {
		err = h.post(m.Name, messageEcho, reply)
	}
	return err
}

// echoed takes in how far another node has come with this one's list.
func (h *halfOpen) echoed(payload []byte) error {
	r, err := handover.DecodeReply(payload)
	if err != nil {
		return fmt.Errorf("echo of a half-open list: %w", err)
	}
	h.own.Echo(r.Name, r.Echo)
	return nil
}

// members tells of the other nodes' processes; boots has those that are heard.
func (h *halfOpen) members(boots map[string]uint64) {
	h.own.Members(boots)
	for _, name := range h.others.Holders() {
		if boot, heard := boots[name]; heard {
			h.others.Booted(name, boot)
		} else {
			h.others.Gone(name)
		}
	}
}

// close waits for the listings, which wait for nobody once the confirmation has ended.
func (h *halfOpen) close() error {
	h.running.Wait()
	return h.table.Close()
}
