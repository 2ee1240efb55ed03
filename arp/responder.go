package arp

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"thresher/config"
)

// Responder answers ARP requests or neighbour solicitations for the VIPs of one
// interface and one address family.
type Responder struct {
	wire wire
	nic  config.MAC
	name string // of the interface
	// gone tells whether the interface has been deleted.
	gone func() bool

	table     atomic.Pointer[table]
	farm      atomic.Pointer[[]config.MAC] // the nodes' own addresses; nil for unknown
	announcer *announcer

	// limit and conflicts belong to Serve's goroutine.
	limit     *limiter
	conflicts conflicts
	claimed   func(vip netip.Addr, source config.MAC) // nil for nobody

	counts counters
	// closed is set before the socket is closed: the packet socket's own error
	// then is none of net.ErrClosed and os.ErrClosed, and cannot be told.
	closed atomic.Bool
}

// newResponder is Open for any wire.
func newResponder(w wire, nic config.MAC, o Options) *Responder {
	r := &Responder{
		wire:      w,
		nic:       nic,
		gone:      func() bool { return false },
		limit:     newLimiter(),
		conflicts: conflicts{report: o.Conflict},
		claimed:   o.Claimed,
	}
	r.announcer = newAnnouncer(r.Announce)
	r.table.Store(&table{})
	return r
}

// SetBindings replaces, at one stroke, what this node answers for and what it
// watches for conflicts: answer are the VIPs that it has been elected for, watch
// those of the whole farm (answer's are watched in any case). New ones in answer
// are announced. An error says which binding is wrong, and changes nothing.
func (r *Responder) SetBindings(answer, watch []Binding) error {
	t, err := newTable(answer, watch, r.wire.takes)
	if err != nil {
		return err
	}
	if err := r.wire.attend(t.watches(), false); err != nil {
		return err
	}
	r.table.Store(t)
	r.announcer.Set(t.answers())
	return nil
}

// SetFarm tells which Ethernet addresses are the farm's own nodes'; nil for unknown, as
// at first. When a VIP in mode directed moves, the new node announces itself before this
// one may know of it.
func (r *Responder) SetFarm(macs []config.MAC) {
	if macs == nil {
		r.farm.Store(nil)
		return
	}
	own := slices.Clone(macs)
	r.farm.Store(&own)
}

// ofFarm tells whether a claim is that of a node which may answer for the address, as
// anybody's may be while the nodes are unknown.
func (r *Responder) ofFarm(t *table, m message) bool {
	farm := r.farm.Load()
	return t.directed[m.sender] && (farm == nil || slices.Contains(*farm, m.senderMAC))
}

// Reannounce begins the announcements anew, as is right after a link came back,
// and says to the switches again which groups the interface is in.
func (r *Responder) Reannounce() error {
	err := r.wire.attend(r.table.Load().watches(), true)
	r.announcer.Restart()
	return err
}

// Close closes the socket and makes Serve return. Announce fails from then on.
func (r *Responder) Close() error {
	r.closed.Store(true)
	return r.wire.Close()
}

// handle is the receive step: it acts on one message and says what became of it.
func (r *Responder) handle(m message, now time.Time) Reason {
	t := r.table.Load()
	reason := t.judge(m, r.nic)
	if reason == Conflict && r.ofFarm(t, m) {
		reason = Announcement
	}
	switch reason {
	case Announcement:
		if r.claimed != nil && m.senderMAC == t.watch[m.sender] && !t.directed[m.sender] {
			r.claimed(m.sender, m.source)
		}
	case Conflict:
		if r.conflicts.seen(m.sender, m.senderMAC, now) {
			r.defend(t, m)
		}
	case Answered, ProbeDefended:
		if why, ok := r.reply(m, t.answer[m.target], now); !ok {
			return why
		}
	}
	return reason
}

// reply sends the answer.
func (r *Responder) reply(m message, vmac config.MAC, now time.Time) (Reason, bool) {
	if !r.limit.take(m.source, now) {
		return RateLimited, false
	}
	if err := r.wire.reply(m, vmac); err != nil {
		return SendFailed, false
	}
	return 0, true
}

// Options are what a Responder may be told; the zero value works.
type Options struct {
	// Conflict, if set, is called when another machine claims a VIP with an
	// address that is not its VMAC: at most once per VIP in 10 s, from Serve's
	// goroutine, so it must not block.
	Conflict func(vip netip.Addr, claimant config.MAC)
	// Claimed, if set, is called when a frame that another machine has sent says that a
	// VIP is at its VMAC: a node of the farm, or of another one that has the same VIP.
	// It is called from Serve's goroutine, for every such frame.
	Claimed func(vip netip.Addr, source config.MAC)
}
