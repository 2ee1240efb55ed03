package farm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"thresher/console"
	"thresher/console/pcapng"
	"thresher/farm/clock"
	"thresher/pipeline"
	"thresher/xsk"
)

// captureTurn is how often a capture looks what was copied, and grants more. The
// rate has its bound in each turn, so that a burst can't take what it leaves.
const captureTurn = 50 * time.Millisecond

// captureRoom is how many copies of the pipeline's wait at most: more than a turn's
// grant, and memory for packets of 4 kB of 4 MB.
const captureRoom = 1024

// captureHeir is for how many turns a capture waits for the one before it: its client
// may just have gone.
const captureHeir = 10

// errCapturing refuses a second capture: the kernel program has one filter.
var errCapturing = &console.Error{
	Code: console.CodeConflict, Message: "this node is being captured already", Cure: "end the other capture first; thresher events says whose it is",
}

// Capture hands copies of packets to each, from turn to turn. It runs on its caller's
// goroutine, and asks nothing of the loop.
func (c control) Capture(ctx context.Context, o console.CaptureOptions, each func(console.Captured) error) error {
	r, err := c.loop.front.capture(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(ignoreCancelled(ctx, r.run(ctx, each)), r.close())
}

// capture begins a capture. It may be called from any goroutine.
func (l *loop) capture(ctx context.Context, o console.CaptureOptions) (r *capture, err error) {
	want := selection{rules: l.datapath.rules, client: o.Client, rule: pipeline.RuleNone}
	if o.Rule != "" {
		if want.rule, err = l.ruleNumber(o.Rule); err != nil {
			return nil, err
		}
	}
	kernel, reasons, err := reasonsOf(o)
	if err != nil {
		return nil, err
	}
	want.reasons = reasons
	r, err = l.datapath.capture(want, kernel)
	for turn := 0; errors.Is(err, errCapturing) && turn < captureHeir && ctx.Err() == nil; turn++ {
		time.Sleep(captureTurn)
		r, err = l.datapath.capture(want, kernel)
	}
	if err != nil {
		return nil, err
	}
	r.rate, r.snap, r.tell = allowance{rate: o.Rate}, o.Snap, l.comment
	return r, nil
}

// The verdicts as people name them. Asked is none: what the kernel program did not
// judge by itself.
var verdictNames = map[pipeline.Verdict]string{
	pipeline.Accept: "pass", pipeline.Drop: "drop", pipeline.Forward: "forward", pipeline.Hold: "hold",
}

const verdictAsk = "ask"

// reasonsOf are those that are wanted of the kernel program, and of the pipeline.
func reasonsOf(o console.CaptureOptions) (kernel, asked uint64, err error) {
	known := []string{verdictAsk}
	for _, name := range verdictNames {
		known = append(known, name)
	}
	if o.Verdict != "" && !slices.Contains(known, o.Verdict) {
		slices.Sort(known)
		return 0, 0, &console.Error{Code: console.CodeBadRequest, Message: fmt.Sprintf("there is no verdict %q", o.Verdict), Cure: "name one of: " + strings.Join(known, ", ")}
	}
	var names []string
	for r := pipeline.Other + 1; r < pipeline.ReasonLen; r++ {
		names = append(names, r.String())
		of := verdictNames[r.Verdict()]
		if (o.Verdict == "" || o.Verdict == verdictAsk || o.Verdict == of) && (o.Reason == "" || o.Reason == r.String()) {
			asked |= 1 << r
		}
	}
	if o.Reason != "" && !slices.Contains(names, o.Reason) {
		return 0, 0, &console.Error{Code: console.CodeBadRequest, Message: fmt.Sprintf("there is no reason %q", o.Reason), Cure: "name one of: " + strings.Join(names, ", ")}
	}
	if o.Verdict != verdictAsk {
		kernel = asked
	}
	return kernel, asked, nil
}

// comment says of a packet what became of it, and why. The bucket's owner is the one
// of now.
func (l *loop) comment(p *copied) string {
	by := "kernel"
	if p.asked {
		by = "pipeline"
	}
	text := fmt.Sprintf("verdict=%s reason=%s by=%s", verdictNames[p.reason.Verdict()], p.reason, by)
	if at := p.location; at.Rule < len(l.cfg.Rules) {
		text += " rule=" + l.cfg.Rules[at.Rule].Name
	}
	if at := p.location; at.Placed {
		text += fmt.Sprintf(" bucket=%d", at.Bucket)
		if owner := l.confirmation.Shown().Observed.Owner(at.Rule, at.Bucket); owner != "" {
			text += " owner=" + owner
		}
	}
	return text
}

// capture is a capture of the packet path under way.
type capture struct {
	outlet
	datapath *datapath
	kernel   *xsk.Capture
	rate     allowance
	snap     int
	tell     func(*copied) string
	stats    console.CaptureStats
}

// capture begins one, if none runs.
func (d *datapath) capture(want selection, kernel uint64) (*capture, error) {
	r := &capture{datapath: d, outlet: outlet{selection: want, out: make(chan copied, captureRoom)}}
	if !d.tap.open.CompareAndSwap(nil, &r.outlet) {
		return nil, errCapturing
	}
	var err error
	if r.kernel, err = d.program.OpenCapture(xsk.CaptureFilter{Reasons: kernel, Client: want.client, Rule: want.rule}); err != nil {
		d.tap.open.Store(nil)
		return nil, err
	}
	return r, nil
}

// run goes from turn to turn until the context ends or each fails. What was copied
// when the context ends is not handed out any more: nobody is there.
func (r *capture) run(ctx context.Context, each func(console.Captured) error) error {
	if err := each(console.Captured{}); err != nil {
		return err
	}
	ticker := time.NewTicker(captureTurn)
	defer ticker.Stop()
	for last := time.Now().Add(-captureTurn); ; {
		now := time.Now()
		if err := r.grantFor(now.Sub(last)); err != nil {
			return err
		}
		last = now
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		got, err := r.take()
		if err != nil {
			return err
		}
		if err := each(got); err != nil {
			return err
		}
	}
}

// grantFor grants what the rate allows after so long.
func (r *capture) grantFor(elapsed time.Duration) error {
	n := r.rate.grant(elapsed)
	r.grant.Store(int64(n))
	return r.kernel.Grant(n)
}

// take takes what was copied in a turn.
func (r *capture) take() (got console.Captured, err error) {
	used, err := r.kernel.UsedUp()
	if err != nil {
		return got, err
	}
	r.stats.Turns++
	if used || r.grant.Load() <= 0 {
		r.stats.Limited++
	}
	all, err := r.copies()
	if err != nil {
		return got, err
	}
	slices.SortStableFunc(all, func(a, b copied) int { return int(a.time - b.time) })
	zero := time.Now().UnixNano() - clock.Nanoseconds()
	for i := range all {
		p := &all[i]
		got.Packets = append(got.Packets, pcapng.Packet{
			Time: time.Unix(0, zero+p.time), Data: p.frame[:min(len(p.frame), r.snap)], Length: p.length, Comment: r.tell(p),
		})
	}
	lost, err := r.kernel.Lost()
	r.stats.Copied += uint64(len(all))
	r.stats.Lost = lost + r.lost.Load()
	got.CaptureStats = r.stats
	return got, err
}

// copies are the kernel program's and the pipeline's.
func (r *capture) copies() (all []copied, err error) {
	for {
		s, ok, err := r.kernel.Read()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		// The program looks no closer than it must.
		if p := fromKernel(r.rules, s); r.location(p.location) {
			all = append(all, p)
		}
	}
	for {
		select {
		case p := <-r.out:
			all = append(all, p)
		default:
			return all, nil
		}
	}
}

// fromKernel is a copy of the kernel program's. Of a frame that is longer than what
// was copied, the rest is taken for zeros to tell where it belongs.
func fromKernel(rules *pipeline.Rules, s xsk.Sample) copied {
	p := copied{time: s.Time, reason: pipeline.Reason(s.Reason), frame: slices.Clone(s.Data), length: s.Length}
	whole := p.frame
	if missing := s.Length - len(whole); missing > 0 && s.Length <= maxFrame {
		whole = append(slices.Clip(whole), make([]byte, missing)...)
	}
	p.location = rules.Locate(whole)
	return p
}

// maxFrame is longer than any frame: an IP packet has 64 kB at most.
const maxFrame = 1<<16 + 64

// close ends the capture, and lets another begin.
func (r *capture) close() error {
	err := r.kernel.Close()
	r.datapath.tap.open.Store(nil)
	return err
}

// allowance is a rate of copies, given out in parts.
type allowance struct {
	rate int // a second
	owed time.Duration
}

// grant is how many copies come with so much more time. Of a long time, a second's
// worth counts.
func (a *allowance) grant(elapsed time.Duration) int {
	a.owed += min(elapsed, time.Second)
	n := int(a.owed * time.Duration(a.rate) / time.Second)
	a.owed -= time.Duration(n) * time.Second / time.Duration(a.rate)
	return n
}
