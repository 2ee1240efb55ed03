package confirmation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/settle"
	"thresher/cluster/sticky"
	"thresher/config"
	"thresher/farm/clock"
	"thresher/farm/flows"
	"thresher/pipeline"
	"thresher/xsk"
)

// stickiness keeps clients with the node that they have been with: it feeds that
// state machine with what the packet path asks, with this machine's memory and with
// the others' messages. It belongs to the confirmation's goroutine, but for the
// sweeps, which have their own. It is nil in a farm without such rules.
type stickiness struct {
	node     *sticky.Node
	path     PacketPath
	program  *xsk.Program
	openings <-chan pipeline.Opening
	table    *flows.Table
	sweeps   sync.WaitGroup // under way
	rules    *pipeline.Rules
	idle     []time.Duration // by rule number; 0 for rules without stickiness
	ids      []confirm.RuleID
	numbers  map[confirm.RuleID]uint32

	post, postBestEffort post
	log                  *slog.Logger
	do                   func(func(now confirm.Time))

	unsettled confirm.Buckets
	wake      confirm.Time
	outbox    []sticky.Outgoing // for when the packet path knows all that was said before
	grant     confirm.Time
	err       error // the packet path could not be told
	asking    map[sticky.Client][]pipeline.Opening
	recent    pipeline.Clients
	recentAt  confirm.Time
	crowding  crowding // the sweep's
}

// newStickiness returns nil if no rule has it.
func newStickiness(o Options, ids []confirm.RuleID, boot uint64, params confirm.Params) (*stickiness, error) {
	s := &stickiness{
		path: o.Path, program: o.Program, openings: o.Openings, rules: o.Rules, ids: ids,
		numbers: make(map[confirm.RuleID]uint32), log: o.Log,
		asking: make(map[sticky.Client][]pipeline.Opening), recent: pipeline.Clients{},
	}
	var rules []confirm.RuleID
	p := sticky.Params{Lease: params.Lease, Eviction: params.Eviction, Heartbeat: params.Heartbeat}
	for i, r := range o.Config.Rules {
		s.idle = append(s.idle, r.Sticky)
		s.numbers[ids[i]] = uint32(i)
		if r.Sticky > 0 {
			rules = append(rules, ids[i])
			if p.Idle == 0 || r.Sticky < p.Idle {
				p.Idle = r.Sticky
			}
		}
	}
	if len(rules) == 0 {
		return nil, nil
	}
	var err error
	if s.table, err = flows.Open(o.Config.Addresses()); err != nil {
		return nil, err
	}
	node, a := sticky.New(sticky.Config{Name: o.Config.Node, Boot: boot, Params: p, Rules: rules}, clock.Now())
	s.node, s.unsettled, s.wake = node, a.Unsettled, a.Wake
	return s, nil
}

// serve passes on what the packet path asks, until ctx is done.
func (s *stickiness) serve(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-s.openings:
			asked := []pipeline.Opening{first}
			for len(asked) < sticky.MaxClients && len(s.openings) > 0 {
				asked = append(asked, <-s.openings)
			}
			s.do(func(now confirm.Time) { s.asked(now, asked) })
		}
	}
}

// asked has it found out whose clients are.
func (s *stickiness) asked(now confirm.Time, openings []pipeline.Opening) {
	var clients []sticky.Client
	if len(s.asking) > 2*sticky.MaxPending {
		clear(s.asking) // a flood; their clients come again
	}
	for _, o := range openings {
		addr, vip := o.Addrs()
		rule, ok := s.rules.Find(config.TCP, vip.Addr(), vip.Port())
		if !ok {
			continue
		}
		place := s.rules.Place(netip.AddrPortFrom(addr, 0), rule)
		c := sticky.Client{Rule: s.ids[rule], Bucket: place.Bucket, Addr: s.rules.Client(addr, rule)}
		if list := s.asking[c]; len(list) < maxOpenings {
			s.asking[c] = append(list, o)
		}
		clients = append(clients, c)
	}
	s.carryOut(s.node.Asked(now, clients))
}

// maxOpenings is how many ports of one client's are answered for at a time.
const maxOpenings = 16

// recentFor is how long an answer is kept for parked packets: longer than they are.
const recentFor = 2 * pipeline.LotAge

// carryOut does what the state machine says, but for what is to be sent: that waits
// for flush.
func (s *stickiness) carryOut(a sticky.Actions) {
	s.wake, s.unsettled = a.Wake, a.Unsettled
	if a.Forget {
		s.path.Learnt(pipeline.Clients{})
		s.recent = pipeline.Clients{}
		s.note(s.program.ForgetLearnt())
	}
	if a.Grant != s.grant {
		s.note(s.path.Keep(int64(a.Grant), a.Grant < s.grant))
		s.grant = a.Grant
	}
	if len(a.Verdicts) > 0 {
		s.learn(a.Verdicts)
	}
	if a.Sweep {
		s.sweeps.Go(func() { s.sweep(a.ClearBefore) })
	}
	for _, r := range a.Reports {
		s.report(r)
	}
	s.outbox = append(s.outbox, a.Send...)
}

func (s *stickiness) note(err error) { s.err = errors.Join(s.err, err) }

// learn tells the packet path whose clients are, for parked packets too.
func (s *stickiness) learn(verdicts []sticky.Verdict) {
	now := clock.Now()
	next := pipeline.Clients{}
	if now.Sub(s.recentAt) < recentFor {
		maps.Copy(next, s.recent)
	} else {
		s.recentAt = now
	}
	for _, v := range verdicts {
		standing := map[sticky.Standing]xsk.ClientStanding{
			sticky.Mine: xsk.ClientMine, sticky.Elsewhere: xsk.ClientElsewhere,
		}[v.Standing]
		s.note(s.program.Learn(xsk.Client{Addr: v.Client.Addr, Rule: s.numbers[v.Client.Rule]}, standing))
		for _, o := range s.asking[v.Client] {
			next[o] = pipeline.Client{Mine: v.Standing == sticky.Mine, Elsewhere: v.Standing == sticky.Elsewhere}
		}
		delete(s.asking, v.Client)
	}
	s.recent = next
	s.path.Learnt(next)
}

// flush sends what was to be sent: the packet path knows all else.
func (s *stickiness) flush() error {
	for _, out := range s.outbox {
		payload, err := out.Message.Append(nil)
		if err == nil {
			err = s.postBestEffort(out.To, messageSticky, payload)
		}
		if err != nil {
			s.log.Debug("a message about clients was not sent", "to", out.To, "err", err)
		}
	}
	s.outbox = s.outbox[:0]
	return s.err
}

func (s *stickiness) report(out settle.Outgoing) {
	payload, err := out.Report.Append(nil)
	if err == nil {
		err = s.post(out.To, messageRemembered, payload)
	}
	if err != nil {
		s.log.Debug("a report of clients was not sent", "to", out.To, "err", err)
	}
}

// receive takes another node's message in.
func (s *stickiness) receive(now confirm.Time, payload []byte) error {
	m, err := sticky.Decode(payload)
	if err != nil {
		return err
	}
	s.carryOut(s.node.Receive(now, m, s.remembers))
	return nil
}

func (s *stickiness) receiveReport(now confirm.Time, payload []byte) error {
	r, err := settle.Decode(payload)
	if err != nil {
		return fmt.Errorf("report of clients: %w", err)
	}
	s.carryOut(s.node.ReceiveReport(now, r))
	return nil
}

// remembers looks a client up; one that cannot be looked up is kept.
func (s *stickiness) remembers(c sticky.Client) bool {
	number, known := s.numbers[c.Rule]
	if !known {
		return false
	}
	found, err := s.program.Remembers(xsk.Client{Addr: c.Addr, Rule: number})
	return found || err != nil
}

// keeps says whether this node keeps a client in a bucket of another's.
func (s *stickiness) keeps(c sticky.Client) bool {
	return s != nil && s.grant != 0 && s.unsettled.Has(c.Rule, int(c.Bucket)) && s.remembers(c)
}

// afterForgetting is how long the kernel may still make a socket of a SYN that it
// let in before its client was forgotten.
const afterForgetting = 5 * time.Millisecond

// sweep forgets clients that have been idle for long, and lists the buckets of the
// others. Who has connections is not idle: whoever turns out to have some after he
// was forgotten is remembered again.
func (s *stickiness) sweep(before confirm.Time) {
	began := clock.Now()
	left, err := s.swept(before)
	s.do(func(now confirm.Time) {
		if err != nil {
			s.log.Warn("the clients that stay with this node cannot be listed", "err", err)
			s.carryOut(s.node.SweepFailed(now))
			return
		}
		s.carryOut(s.node.Swept(now, began, left, before))
	})
}

func (s *stickiness) swept(before confirm.Time) (left confirm.Buckets, err error) {
	program := s.program
	all, err := program.Remembered()
	if err != nil {
		return left, err
	}
	s.crowding.look(len(all), s.log)
	var gone []xsk.Client
	now := clock.Nanoseconds()
	for c, seen := range all {
		if now-seen >= int64(s.idle[c.Rule]) || seen < int64(before) {
			gone = append(gone, c)
		}
	}
	if err := program.Forget(gone); err != nil {
		return left, err
	}
	if len(gone) > 0 {
		time.Sleep(afterForgetting)
	}
	if err := s.refresh(all, before); err != nil {
		return left, err
	}
	if all, err = program.Remembered(); err != nil {
		return left, err
	}
	return s.bucketsOf(all), nil
}

// refresh takes clients with connections for seen now.
func (s *stickiness) refresh(known map[xsk.Client]int64, before confirm.Time) error {
	connected := make(map[xsk.Client]bool)
	err := s.table.Each(func(f flows.Flow) {
		rule, ok := s.rules.Find(config.TCP, f.Server.Addr(), f.Server.Port())
		if ok && s.idle[rule] > 0 && f.State != flows.TimeWait {
			connected[xsk.Client{Addr: s.rules.Client(f.Client.Addr(), rule), Rule: uint32(rule)}] = true
		}
	})
	if err != nil {
		return err
	}
	now := clock.Nanoseconds()
	for c := range connected {
		if seen, was := known[c]; was && seen >= int64(before) {
			if err := s.program.Remember(c, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stickiness) bucketsOf(clients map[xsk.Client]int64) confirm.Buckets {
	buckets := make(map[confirm.RuleID]*confirm.Bitmap)
	for c := range clients {
		id := s.ids[c.Rule]
		if buckets[id] == nil {
			buckets[id] = confirm.NewBitmap(pipeline.Buckets)
		}
		buckets[id].Set(int(s.rules.Place(netip.AddrPortFrom(c.Addr, 0), int(c.Rule)).Bucket))
	}
	return confirm.BucketsOf(buckets)
}

// close waits for the sweeps, which wait for nobody once the confirmation has ended: they
// use the packet path's maps.
func (s *stickiness) close() error {
	s.sweeps.Wait()
	return s.table.Close()
}
