package farm

import (
	"maps"
	"testing"
	"time"

	"thresher/cluster/confirm"
	"thresher/config"
)

// Where nodes have different timings, that is said, and the time after which a crash is
// made up for is that of the longest lease of those that are heard.
func TestTheLongestLeaseIsTheRule(t *testing.T) {
	p := &parts{local: &local{cfg: &config.Config{}}}
	p.cfg.Cluster.Profile = config.Fast
	own := config.Fast.Timings().Lease
	peer := func(name string, lease, heard time.Duration) confirm.PeerStatus {
		return confirm.PeerStatus{Name: name, Lease: lease, Heard: heard}
	}
	for _, tt := range []struct {
		name  string
		peers []confirm.PeerStatus
		want  map[string]int64
		most  time.Duration // what a lost node's clients wait at most
	}{
		{"all alike", []confirm.PeerStatus{peer("web2", own, 0)}, nil, 731 * time.Millisecond},
		{"a longer one", []confirm.PeerStatus{peer("web1", 3*time.Second, 240*time.Millisecond), peer("web2", 1200*time.Millisecond, 0)},
			map[string]int64{"web1": 3000, "web2": 1200, "web3": 600}, 3206 * time.Millisecond},
		{"a shorter one", []confirm.PeerStatus{peer("web2", 300*time.Millisecond, 0)}, map[string]int64{"web2": 300, "web3": 600}, 731 * time.Millisecond},
		{"one that has gone", []confirm.PeerStatus{peer("web2", own, 0), peer("web1", 3*time.Second, 4*time.Second)}, nil, 731 * time.Millisecond},
		{"one that was never heard", []confirm.PeerStatus{peer("web2", own, 0), peer("web1", 0, -1)}, nil, 731 * time.Millisecond},
	} {
		leases := leasesOf(confirm.Status{Name: "web3", Peers: tt.peers}, own)
		if got := differing(leases); !maps.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if got := p.detection(leases, 2).Round(time.Millisecond); got != tt.most {
			t.Errorf("%s: made up for within %v, want %v", tt.name, got, tt.most)
		}
	}
	if got := p.detection(map[string]time.Duration{"web3": own}, 1); got != 0 {
		t.Errorf("alone: %v", got)
	}
}
