package findings

import (
	"net/netip"
	"strings"
	"testing"

	"thresher/config"
)

// Of a node behind a balancer it matters whether that can ask; of one with VIPs, its rules.
func TestOf(t *testing.T) {
	behind := &config.Config{Rules: []config.Rule{{Name: "old", Mode: config.ModeBlock}}}
	if list := Of(behind); len(list) != 1 || !strings.Contains(list[0].Cure, "health_listen") {
		t.Errorf("behind a balancer: %v", list)
	}
	behind.HealthListen = netip.MustParseAddrPort("0.0.0.0:9010")
	if list := Of(behind); len(list) != 0 {
		t.Errorf("behind a balancer that can ask: %v", list)
	}
	with := &config.Config{Rules: behind.Rules, VIPs: []config.VIP{{Address: netip.MustParseAddr("192.0.2.100")}}}
	if list := Of(with); len(list) != 1 || !strings.Contains(list[0].What, "rule old") {
		t.Errorf("with VIPs: %v", list)
	}
}
