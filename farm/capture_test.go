package farm

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"thresher/config"
	"thresher/console"
	"thresher/pipeline"
)

func TestReasonsOf(t *testing.T) {
	bits := func(reasons ...pipeline.Reason) (all uint64) {
		for _, r := range reasons {
			all |= 1 << r
		}
		return all
	}
	hold := bits(pipeline.Parked, pipeline.ParkedSticky, pipeline.Fragment, pipeline.Copied)
	var every uint64 = 1<<pipeline.ReasonLen - 1 - 1<<pipeline.Other
	for _, tt := range []struct {
		verdict, reason string
		kernel, asked   uint64
	}{
		{"", "", every, every},
		{"ask", "", 0, every},
		{"hold", "", hold, hold},
		{"forward", "", bits(pipeline.Forwarded), bits(pipeline.Forwarded)},
		{"", "not_mine", bits(pipeline.NotMine), bits(pipeline.NotMine)},
		{"ask", "not_mine", 0, bits(pipeline.NotMine)},
		{"pass", "not_mine", 0, 0},
	} {
		kernel, asked, err := reasonsOf(console.CaptureOptions{Verdict: tt.verdict, Reason: tt.reason})
		if kernel != tt.kernel || asked != tt.asked || err != nil {
			t.Errorf("%s %s: %b %b %v", tt.verdict, tt.reason, kernel, asked, err)
		}
	}
	for _, bad := range []console.CaptureOptions{{Verdict: "accept"}, {Reason: "other"}, {Reason: "nosuch"}} {
		var e *console.Error
		if _, _, err := reasonsOf(bad); !errors.As(err, &e) || e.Code != console.CodeBadRequest || !strings.Contains(e.Cure, "name one of: ") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestAllowance: over any time the rate holds, however the turns fall.
func TestAllowance(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []int{100, 333, 1000, 9999, 10_000} {
		a := allowance{rate: rate}
		var sum int
		var elapsed time.Duration
		for range 1000 {
			turn := time.Duration(random.Int64N(int64(2 * captureTurn)))
			elapsed += turn
			sum += a.grant(turn)
		}
		if want := int(elapsed * time.Duration(rate) / time.Second); sum < want-1 || sum > want+1 {
			t.Errorf("%d a second: %d in %v, want %d", rate, sum, elapsed, want)
		}
		if n := a.grant(time.Hour); n > rate+1 {
			t.Errorf("%d a second: %d after an hour", rate, n)
		}
	}
}

func TestTap(t *testing.T) {
	var none *tap
	none.batch([][]byte{{1}}, []pipeline.Reason{pipeline.Accepted})
	vips, rules := speedFarm(1, 2, false)
	compiled, err := pipeline.Compile(vips, rules, config.HashKey{}, kernelNIC)
	if err != nil {
		t.Fatal(err)
	}
	source := newFrameSource(t, 1, vips, rules, kernelNIC)
	frames := [][]byte{source.ruled(), source.ruled(), source.ruled()}
	reasons := []pipeline.Reason{pipeline.Accepted, pipeline.NotMine, pipeline.Accepted}
	d := &tap{}
	d.batch(frames, reasons) // nobody looks
	o := &outlet{selection: selection{rules: compiled, reasons: 1 << pipeline.Accepted, rule: pipeline.RuleNone}, out: make(chan copied, 1)}
	d.open.Store(o)
	d.batch(frames, reasons)
	if len(o.out) != 0 {
		t.Error("copied without a grant")
	}
	o.grant.Store(5)
	d.batch(frames, reasons)
	got := <-o.out
	if !slices.Equal(got.frame, frames[0]) || got.reason != pipeline.Accepted || !got.asked || got.length != len(frames[0]) || got.location != compiled.Locate(frames[0]) {
		t.Errorf("got %+v", got)
	}
	if o.grant.Load() != 3 || o.lost.Load() != 1 {
		t.Errorf("%d left, %d lost, want 3 and 1", o.grant.Load(), o.lost.Load())
	}
	if frames[0][0]++; got.frame[0] == frames[0][0] {
		t.Error("the copy is none")
	}
}

// TestCaptureShowsTheVerdict: whatever comes, who captures sees the frames that the
// kernel program disposes of as they came, with the pipeline's reason for each, and
// by every filter those that it is for.
func TestCaptureShowsTheVerdict(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	vips, rules := farmOf(random, 4, 6, func(i int) netip.Addr {
		if i%2 == 0 {
			return ipv6VIP(random, i)
		}
		return ipv4VIP(random, i)
	})
	k := newKernel(t, config.OffloadFull, vips, rules, settledShare(random, len(rules)), kernelSockets)
	source := newFrameSource(t, 3, vips, rules, kernelNIC)
	var frames [][]byte
	for range 400 {
		frames = append(frames, source.ruled(), source.next(nil))
	}
	var every uint64 = 1<<pipeline.ReasonLen - 1
	for name, want := range map[string]selection{
		"all":        {reasons: every, rule: pipeline.RuleNone},
		"drops":      {reasons: every &^ (1<<pipeline.NotMine - 1), rule: pipeline.RuleNone},
		"a rule":     {reasons: every, rule: 2},
		"a network":  {reasons: every, rule: pipeline.RuleNone, client: netip.MustParsePrefix("0.0.0.0/1")},
		"a network6": {reasons: every, rule: pipeline.RuleNone, client: netip.MustParsePrefix("::/1")},
		"both":       {reasons: every, rule: 1, client: netip.MustParsePrefix("0.0.0.0/0")},
	} {
		want.rules = k.table.Rules
		d := &datapath{rules: k.table.Rules, program: k.program}
		c, err := d.capture(want, want.reasons)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.capture(want, want.reasons); !errors.Is(err, errCapturing) {
			t.Errorf("a second capture: %v", err)
		}
		c.rate, c.snap, c.tell = allowance{rate: console.MaxCaptureRate}, console.MaxCaptureSnap, func(p *copied) string { return p.reason.String() }
		matched := 0
		for _, frame := range frames {
			if err := c.grantFor(captureTurn); err != nil {
				t.Fatal(err)
			}
			if _, err := k.program.Run(&ebpf.RunOptions{Data: frame}); err != nil {
				t.Fatal(err)
			}
			got, err := c.take()
			if err != nil {
				t.Fatal(err)
			}
			plain := untagged(frame)
			expected := k.expect(plain, pipeline.Facts{}).reason
			if expected == pipeline.Other {
				plain = frame
			}
			shown := expected != pipeline.Other && want.reason(expected) && want.location(k.table.Locate(plain))
			switch {
			case shown != (len(got.Packets) == 1):
				t.Fatalf("%s: %d copies of a frame that is %s (shown: %v): %x", name, len(got.Packets), expected, shown, frame)
			case shown && (got.Packets[0].Comment != expected.String() || !slices.Equal(got.Packets[0].Data, plain)):
				t.Fatalf("%s: %s, want %s:\n%x\n%x", name, got.Packets[0].Comment, expected, got.Packets[0].Data, plain)
			case shown:
				matched++
			}
		}
		if matched == 0 || matched == len(frames) && name != "all" {
			t.Errorf("%s: %d of %d frames", name, matched, len(frames))
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}
}
