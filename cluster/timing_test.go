package cluster

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"thresher/config"
)

// TestProfilesHoldTogether checks what memberlist and the join need of every
// profile.
func TestProfilesHoldTogether(t *testing.T) {
	for _, p := range []config.Profile{config.Fast, config.LAN, config.WAN} {
		c, err := profileConfig(p, 0)
		if err != nil {
			t.Fatal(err)
		}
		if c.ProbeTimeout >= c.ProbeInterval {
			t.Errorf("profile %d: probe timeout %v is not below its interval %v", p, c.ProbeTimeout, c.ProbeInterval)
		}
		if c.EnableCompression || !c.GossipVerifyIncoming || !c.GossipVerifyOutgoing || c.DeadNodeReclaimTime == 0 {
			t.Errorf("profile %d: compression on, verification off, or names never reclaimed", p)
		}
	}
	if _, err := profileConfig(0, 0); err == nil {
		t.Error("profile 0 was accepted")
	}
}

// TestDetectionTime holds the estimates against what was measured on loopback
// (median and worst of 7 crashes, until all survivors were told).
func TestDetectionTime(t *testing.T) {
	const ms = time.Millisecond
	// Measured with probes every 200 ms; the times are proportional to that.
	for _, tc := range []struct {
		n             int
		median, worst time.Duration
	}{
		{2, 800 * ms, 1200 * ms}, {3, 1140 * ms, 1140 * ms}, {5, 1180 * ms, 1340 * ms}, {8, 950 * ms, 1340 * ms},
	} {
		tc.median, tc.worst = tc.median*150/200, tc.worst*150/200
		typical, worst := DetectionTime(config.Fast, 0, tc.n)
		if typical < tc.median*3/4 || typical > tc.median*4/3 {
			t.Errorf("%d nodes: typically %v, measured %v", tc.n, typical, tc.median)
		}
		if worst < tc.worst || worst > 3*tc.worst {
			t.Errorf("%d nodes: at worst %v, measured %v", tc.n, worst, tc.worst)
		}
	}
	if typical, worst := DetectionTime(config.Fast, 0, 1); typical != 0 || worst != 0 {
		t.Errorf("one node: %v, %v, but nobody is left to notice", typical, worst)
	}
	if fast, _ := DetectionTime(config.Fast, 0, 8); fast >= first(DetectionTime(config.LAN, 0, 8)) {
		t.Error("fast is not faster than lan")
	}
	if lan, _ := DetectionTime(config.LAN, 0, 8); lan >= first(DetectionTime(config.WAN, 0, 8)) {
		t.Error("lan is not faster than wan")
	}
}

// Gossip waits as much longer as the nodes may be silent longer, and never less.
func TestGossipFollowsEviction(t *testing.T) {
	usual, worst := DetectionTime(config.Fast, 0, 3)
	slow, slowest := DetectionTime(config.Fast, 4*config.Fast.Timings().Eviction, 3)
	if slow < 3*usual || slowest < 3*worst {
		t.Errorf("with four times the eviction: %v, %v; before %v, %v", slow, slowest, usual, worst)
	}
	if same, _ := DetectionTime(config.Fast, 100*time.Millisecond, 3); same != usual {
		t.Errorf("with less eviction: %v, want %v", same, usual)
	}
}

func first(a, _ time.Duration) time.Duration { return a }

// TestProbeWait holds the closed form against a simulation of shuffled rounds.
func TestProbeWait(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{2, 3, 8, 32} {
		const trials = 20_000
		waits := make([]float64, trials)
		sum := 0.0
		for i := range waits {
			waits[i] = 1e9
			for range n - 1 {
				waits[i] = min(waits[i], simulatedWait(rng, n-1))
			}
			sum += waits[i]
		}
		slices.Sort(waits)
		mean, slow := probeWait(n)
		if got := sum / trials; got > mean*1.35 || got < mean*0.65 {
			t.Errorf("%d nodes: mean wait %.2f intervals, simulated %.2f", n, mean, got)
		}
		if got := waits[trials*999/1000]; got > slow+1 || got < slow-1 {
			t.Errorf("%d nodes: 99.9 %% wait %.2f intervals, simulated %.2f", n, slow, got)
		}
	}
}

// simulatedWait is one survivor's wait, in intervals, with rounds of the given length.
func simulatedWait(rng *rand.Rand, round int) float64 {
	dead := rng.Float64() * float64(round)
	if slot := float64(rng.IntN(round)); slot >= dead {
		return slot - dead
	}
	return float64(round+rng.IntN(round)) - dead
}

func TestGossipRounds(t *testing.T) {
	for _, tc := range [][3]int{{1, 3, 0}, {2, 3, 1}, {4, 3, 1}, {5, 3, 2}, {31, 3, 3}} {
		if got := gossipRounds(tc[0], tc[1]); got != tc[2] {
			t.Errorf("%d nodes, fan-out %d: %d rounds, want %d", tc[0], tc[1], got, tc[2])
		}
	}
}
