package confirmation

import (
	"fmt"
	"log/slog"
	"sync"

	"thresher/cluster/confirm"
	"thresher/cluster/settle"
	"thresher/config"
	"thresher/farm/clock"
	"thresher/farm/flows"
	"thresher/pipeline"
)

// settling finds out which buckets are settled: it feeds that state machine with
// scans of this machine's sockets and with the others' reports. It belongs to the
// confirmation's goroutine, but for the scans, which have their own.
type settling struct {
	node  *settle.Node
	table *flows.Table
	scans sync.WaitGroup // under way
	rules *pipeline.Rules
	ids   []confirm.RuleID
	post  post
	log   *slog.Logger

	// do runs a function on the confirmation's goroutine.
	do func(func(now confirm.Time))
	// reported is told of others' reports, if it is set.
	reported func(*settle.Report)

	unsettled confirm.Buckets
	wake      confirm.Time // when the state machine must be told the time; 0 for never
}

// post sends a message to another node; what it cannot send is lost.
type post func(to string, kind byte, payload []byte) error

// newSettling begins with every bucket unsettled whose flows can be told, those of
// TCP and of rules that forward: an earlier process may have left connections. nodes is how many nodes the farm has.
func newSettling(cfg *config.Config, rules *pipeline.Rules, ids []confirm.RuleID, boot uint64, nodes int, send post, log *slog.Logger) (*settling, error) {
	table, err := flows.Open(cfg.Addresses(), cfg.Forwarded()...)
	if err != nil {
		return nil, err
	}
	var known []confirm.RuleID // whose flows can be told
	for i, r := range cfg.Rules {
		if r.Protocol == config.TCP || r.Forward {
			known = append(known, ids[i])
		}
	}
	s := &settling{table: table, rules: rules, ids: ids, post: send, log: log}
	node, actions := settle.New(cfg.Node, boot, settle.Params{Nodes: nodes}, known, clock.Now())
	s.node, s.unsettled, s.wake = node, actions.Unsettled, actions.Wake
	return s, nil
}

// carryOut does what the state machine says.
func (s *settling) carryOut(a settle.Actions) {
	s.wake, s.unsettled = a.Wake, a.Unsettled
	for _, out := range a.Send {
		s.send(out)
	}
	if a.Scan {
		s.scans.Go(s.scan)
	}
}

func (s *settling) send(out settle.Outgoing) {
	payload, err := out.Report.Append(nil)
	if err == nil {
		err = s.post(out.To, messageReport, payload)
	}
	if err != nil {
		s.log.Debug("a report of flows was not sent", "to", out.To, "err", err)
	}
}

// scan looks where this machine has flows. It tells when it began: what came
// after that it may have missed.
func (s *settling) scan() {
	began := clock.Now()
	found, err := s.table.Scan(s.rules)
	s.do(func(now confirm.Time) {
		if err != nil {
			s.log.Warn("this machine's connections cannot be listed: moved buckets stay unsettled", "err", err)
			s.carryOut(s.node.ScanFailed(now))
			return
		}
		buckets := make(map[confirm.RuleID]*confirm.Bitmap)
		for i, bits := range found.Buckets {
			if bits != nil {
				buckets[s.ids[i]] = bits
			}
		}
		s.carryOut(s.node.Scanned(now, began, confirm.BucketsOf(buckets)))
	})
}

// receive takes another node's report in.
func (s *settling) receive(now confirm.Time, payload []byte) error {
	report, err := settle.Decode(payload)
	if err != nil {
		return fmt.Errorf("report of flows: %w", err)
	}
	s.carryOut(s.node.Receive(now, report))
	if s.reported != nil {
		s.reported(report)
	}
	return nil
}

// close waits for the scans, which wait for nobody once the confirmation has ended.
func (s *settling) close() error {
	s.scans.Wait()
	return s.table.Close()
}
