package arp

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"

	"thresher/config"
)

// How many answers leave at most. A segment with 1,000 clients that all lose
// their entry at once is answered within a second; a flood of requests costs no
// more than this in frames sent.
const (
	answersPerSecond = 1000
	answersBurst     = 200
)

// Responder answers ARP requests for the VIPs of one interface.
type Responder struct {
	client *arp.Client
	nic    config.MAC
	// gone tells whether the interface has been deleted.
	gone func() bool

	table     atomic.Pointer[table]
	announcer *Announcer

	// limit and conflicts belong to Serve's goroutine.
	limit     *tokenBucket
	conflicts conflicts

	counts counters
	// closed is set before the socket is closed: the packet socket's own error
	// then is none of net.ErrClosed and os.ErrClosed, and cannot be told.
	closed atomic.Bool
}

// newResponder is Open for any packet connection.
func newResponder(ifi *net.Interface, nic config.MAC, conn net.PacketConn, o Options) (*Responder, error) {
	client, err := arp.New(ifi, &maskedConn{PacketConn: conn, source: nic})
	if err != nil {
		return nil, err
	}
	r := &Responder{
		client:    client,
		nic:       nic,
		gone:      func() bool { return false },
		limit:     newTokenBucket(answersPerSecond, answersBurst),
		conflicts: conflicts{report: o.Conflict},
	}
	r.announcer = NewAnnouncer(r.Announce)
	r.table.Store(&table{})
	return r, nil
}

// SetBindings replaces, at one stroke, what this node answers for and what it
// watches for conflicts: answer are the VIPs that it has been elected for, watch
// those of the whole farm (answer's are watched in any case). New ones in answer
// are announced. An error says which binding is wrong, and changes nothing.
func (r *Responder) SetBindings(answer, watch []Binding) error {
	t, err := newTable(answer, watch)
	if err != nil {
		return err
	}
	r.table.Store(t)
	r.announcer.Set(t.answers())
	return nil
}

// Reannounce begins the announcements anew, as is right after a link came back.
func (r *Responder) Reannounce() { r.announcer.Restart() }

// Close closes the socket and makes Serve return. Announce fails from then on.
func (r *Responder) Close() error {
	r.closed.Store(true)
	return r.client.Close()
}

// handle is the receive step: it acts on one frame and says what became of it.
func (r *Responder) handle(p *arp.Packet, f *ethernet.Frame, now time.Time) Reason {
	t := r.table.Load()
	reason := t.judge(p, f, r.nic)
	switch reason {
	case Conflict:
		r.conflicts.seen(p.SenderIP, macOf(p.SenderHardwareAddr), now)
	case Answered, ProbeDefended:
		if why, ok := r.reply(p, t.answer[p.TargetIP], now); !ok {
			return why
		}
	}
	return reason
}

// reply sends the answer, unicast to the sender of the request.
func (r *Responder) reply(req *arp.Packet, vmac config.MAC, now time.Time) (Reason, bool) {
	if !r.limit.take(now) {
		return RateLimited, false
	}
	if err := r.client.Reply(req, vmac.HardwareAddr(), req.TargetIP); err != nil {
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
}
