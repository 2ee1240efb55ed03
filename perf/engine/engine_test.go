package engine

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
	"thresher/internal/leftout"
	"thresher/perf/generator"
	"thresher/perf/lab"
)

// frames is how many are sent to each engine: a third of them is 33.3 % ± 1.8 %
// in 99.7 of 100 runs (binomial), if the hash is a good one.
const frames = 6_000

// TestShares sends traffic to every engine that is to be had here and counts
// what reaches the stack.
func TestShares(t *testing.T) {
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	var sending sync.Mutex // engines start beside one another, and judge frames one at a time
	for _, share := range []Share{{0, 3}, {1, 3}, {1, 1}} {
		for _, e := range All(binary) {
			if !e.Judges && share != (Share{1, 3}) {
				continue // the same with any share
			}
			t.Run(fmt.Sprintf("%s/%d of %d", e.Name, share.Mine, share.Of), func(t *testing.T) {
				t.Parallel()
				b := start(t, e, Setup{Share: share})
				sending.Lock()
				defer sending.Unlock()
				c, took := send(t, b)
				checkJudged(t, c, took)
				want := wanted(e, share)
				if got := float64(c.Delivered) / frames; math.Abs(got-want) > 0.03 {
					t.Errorf("%.3f of the frames reached the stack, want %.3f", got, want)
				}
				if !e.HandsOn {
					want = 1 // as if
				}
				if got := float64(c.SentOn) / frames; math.Abs(got-(1-want)) > 0.03 || c.Copied > 0 {
					t.Errorf("%.3f of the frames were sent on, want %.3f; %d were copied", got, 1-want, c.Copied)
				}
			})
		}
	}
}

// wanted is the part of the frames that should reach the stack.
func wanted(e Engine, s Share) float64 {
	switch {
	case e.Judges:
		return float64(s.Mine) / float64(s.Of)
	case e.Name == XDPDrop, e.HandsOn:
		return 0
	default:
		return 1
	}
}

// send sends an engine frames, slowly enough for a reader in user space.
func send(t *testing.T, b *Testbed) (Counts, time.Duration) {
	t.Helper()
	if err := b.Discard(); err != nil {
		t.Fatal(err)
	}
	g, err := b.Generator(b.Traffic(lab.SYNRange(), config.PortRange{First: 2000, Last: 2001}))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := b.WarmUp(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	return slowly(t, b, g)
}

func slowly(t *testing.T, b *Testbed, g *generator.Generator) (c Counts, took time.Duration) {
	t.Helper()
	began := time.Now()
	before, err := b.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const atOnce = 200 // less than a veth's ring holds, 256
	for sent := uint64(atOnce); sent <= frames; sent += atOnce {
		if err := b.Send(g, atOnce); err != nil {
			t.Fatal(err)
		}
		if sent%1000 == 0 {
			awaitJudged(t, b, before, sent)
		}
	}
	after, err := b.Settle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return after.Sub(before), time.Since(began)
}

// awaitJudged waits until so many frames have been judged, or no more are: on a busy
// machine a reader in user space is late, and has room for some thousand.
func awaitJudged(t *testing.T, b *Testbed, before Counts, sent uint64) {
	t.Helper()
	c, err := b.Counts(t.Context())
	if err == nil && c.Sub(before).Judged < sent {
		_, err = b.Settle(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkJudged wants nearly all frames judged. A busy machine loses some between
// the ends of a veth, and the nodes send some of their own: twenty heartbeats a second
// and gossip.
func checkJudged(t *testing.T, c Counts, took time.Duration) {
	t.Helper()
	own := 50 + uint64(50*took.Seconds())
	if c.Received < frames*99/100 || c.Received > frames+own || c.Judged < frames*99/100 || c.Judged > frames+50 || c.NotServing != 0 {
		t.Errorf("of %d frames, sent in %v, %+v", frames, took.Round(time.Millisecond), c)
	}
}

// start skips the test where the engine is not to be had.
func start(t *testing.T, e Engine, s Setup) *Testbed {
	t.Helper()
	b, err := e.Start(t.Context(), s)
	var u *Unavailable
	if errors.As(err, &u) {
		leftout.Skip(t, u.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// TestManyRules lets every VIP and every rule have traffic.
func TestManyRules(t *testing.T) {
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	for _, e := range All(binary) {
		if e.Name != Full && e.Name != Reject && e.Name != None {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			b := start(t, e, Setup{Share: Share{0, 1}, Rules: 128, VIPs: config.MaxVIPs})
			g, err := b.Generator(b.Traffic(netip.MustParsePrefix("10.0.0.0/8"), config.PortRange{First: 1024, Last: 65535}))
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if err := b.WarmUp(t.Context(), g); err != nil {
				t.Fatal(err)
			}
			c, took := slowly(t, b, g)
			checkJudged(t, c, took)
			p, err := b.XDPProgram()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnavailable(t *testing.T) {
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	_, err := Engine{Name: "x", start: thresher(binary, "most", config.Flood)}.Start(t.Context(), Setup{Share: Share{1, 1}})
	var u *Unavailable
	if !errors.As(err, &u) || u.Reason != `datapath.offload: "most" is no offload level` {
		t.Errorf("error %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := tool("no-such-program", "its-package"); !errors.As(err, &u) ||
		u.Reason != "no-such-program is not installed (Debian: apt-get install its-package)" {
		t.Errorf("error %v", err)
	}
}

// TestDaemonThatEnds is no engine that is not to be had, but a failure.
func TestDaemonThatEnds(t *testing.T) {
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	_, err := Engine{Name: "x", start: thresher("/bin/false", None, config.Flood)}.Start(t.Context(), Setup{Share: Share{1, 1}})
	var u *Unavailable
	if err == nil || errors.As(err, &u) || !strings.Contains(err.Error(), "the daemon of node1 has ended") {
		t.Errorf("error %v", err)
	}
}

func TestWeights(t *testing.T) {
	for _, tt := range []struct {
		share        Share
		first, other int
	}{
		{Share{0, 3}, 0, 100}, {Share{1, 1}, 100, 100}, {Share{1, 2}, 100, 100},
		{Share{1, 3}, 50, 100}, {Share{1, 8}, 14, 98}, {Share{1, 32}, 3, 93},
	} {
		f := farmConfig{setup: Setup{Share: tt.share}}
		if got := []int{f.weight(0), f.weight(1)}; !cmp.Equal(got, []int{tt.first, tt.other}) {
			t.Errorf("%+v: weights %v, want %d and %d", tt.share, got, tt.first, tt.other)
		}
	}
}

func TestPeersMatches(t *testing.T) {
	for _, tt := range []struct {
		share       Share
		nft, tables string
	}{
		{Share{0, 3}, "offset 1 == 0", "--cluster-total-nodes 3 ! --cluster-local-nodemask 0x7"},
		{Share{1, 3}, "< 1", "--cluster-total-nodes 3 --cluster-local-nodemask 0x1"},
		{Share{1, 32}, "< 1", "--cluster-total-nodes 32 --cluster-local-nodemask 0x1"},
		{Share{1, 1}, "< 1", "--cluster-total-nodes 2 --cluster-local-nodemask 0x3"},
	} {
		if got := mineOf(tt.share); got != tt.nft {
			t.Errorf("%+v: nft matches %q, want %q", tt.share, got, tt.nft)
		}
		if got := strings.Join(clusterMatch(tt.share), " "); !strings.Contains(got, tt.tables) {
			t.Errorf("%+v: iptables matches %q, want %q", tt.share, got, tt.tables)
		}
	}
}

func TestSNMPValue(t *testing.T) {
	const text = "Ip: Forwarding InDelivers\nIp: 1 42\nIcmp: InMsgs\nIcmp: 7\n"
	if got, err := snmpValue(text, "Ip", "InDelivers"); err != nil || got != 42 {
		t.Errorf("%d, %v", got, err)
	}
	for _, bad := range []string{"", "Ip: InDelivers\n", "Ip: InDelivers\nIp:\n", "Ip: InDelivers\nIp: many\n", strings.Replace(text, "InDelivers", "Others", 1)} {
		if _, err := snmpValue(bad, "Ip", "InDelivers"); err == nil {
			t.Errorf("%q has a value", bad)
		}
	}
}
