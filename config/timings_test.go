package config

import (
	"testing"
	"time"
)

// Every profile holds together by itself.
func TestProfileTimings(t *testing.T) {
	for _, w := range profiles.words {
		s := w.value.Timings()
		if s.Lease <= s.LeastLease() || s.Eviction <= s.LeastEviction() || RelayAfter*s.Heartbeat >= s.Heard() {
			t.Errorf("%s: %+v", w.name, s)
		}
	}
}

func TestTimingsStandInTheProfilesPlace(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name, lines string
		want        Timings
	}{
		{"none", "", Timings{50 * ms, 400 * ms, 600 * ms, 20 * ms}},
		{"all", "  heartbeat: 40ms\n  eviction: 500ms\n  lease: 700ms\n", Timings{40 * ms, 500 * ms, 700 * ms, 20 * ms}},
		{"one", "  profile: lan\n  lease: 2s\n", Timings{100 * ms, 800 * ms, 2000 * ms, 50 * ms}},
	} {
		c := mustParse(t, goodFile+tc.lines, noEnv())
		if got := c.Cluster.Timings(); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
	env := Options{Env: []string{"THRESHER_CLUSTER_LEASE=900ms"}}
	if got := mustParse(t, goodFile, env).Cluster.Timings().Lease; got != 900*ms {
		t.Errorf("environment: lease %v", got)
	}
}

func TestTimingsThatDoNotHoldTogether(t *testing.T) {
	checkBad(t, []badCase{
		{"lease short", []string{"insecure: true", "insecure: true\n  lease: 500ms"},
			"11: cluster.lease: lease 500ms is not more than eviction 400ms, two heartbeats of 50ms and a round trip of 20ms together (520ms): " +
				"clients would wait at each change: use a lease of more than 520ms, or a shorter eviction or heartbeat"},
		{"eviction long", []string{"insecure: true", "insecure: true\n  eviction: 480ms"},
			"11: cluster.eviction: lease 600ms is not more than eviction 480ms, two heartbeats of 50ms and a round trip of 20ms together (600ms): " +
				"clients would wait at each change: use a lease of more than 600ms, or a shorter eviction or heartbeat"},
		{"heartbeat long", []string{"insecure: true", "insecure: true\n  heartbeat: 150ms\n  lease: 1s"},
			"11: cluster.heartbeat: with eviction 400ms and a heartbeat of 150ms, one lost frame could evict a node: " +
				"use an eviction of more than 400ms, or a shorter heartbeat"},
		{"no unit", []string{"insecure: true", "insecure: true\n  lease: 900"}, "11: cluster.lease: 900 is no duration: it needs a unit, such as 900ms"},
		{"heartbeat without a unit", []string{"insecure: true", "insecure: true\n  heartbeat: 50"}, "11: cluster.heartbeat: 50 is no duration: it needs a unit, such as 50ms"},
		{"seconds", []string{"insecure: true", "insecure: true\n  lease: 5"}, "11: cluster.lease: 5 is no duration: it needs a unit, such as 5s"},
		{"longer than any", []string{"insecure: true", "insecure: true\n  lease: 99999999999h"}, "11: cluster.lease: 99999999999h is out of range: use 50ms to 1m"},
		{"neither unit would do", []string{"insecure: true", "insecure: true\n  lease: 9999999"}, "11: cluster.lease: 9999999 is no duration: it needs a unit: use 50ms to 1m"},
		{"eviction too short for thirds", []string{"insecure: true", "insecure: true\n  heartbeat: 1s\n  eviction: 2s\n  lease: 10s"},
			"12: cluster.eviction: with eviction 2s and a heartbeat of 1s, one lost frame could evict a node: use an eviction of more than 2.667s, or a shorter heartbeat"},
		{"too long", []string{"insecure: true", "insecure: true\n  lease: 2m"}, "11: cluster.lease: 2m is out of range: use 50ms to 1m"},
	})
}
