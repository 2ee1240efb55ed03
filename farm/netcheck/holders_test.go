package netcheck

import (
	"strings"
	"testing"

	"thresher/arp"
	"thresher/config"
	"thresher/health"
)

// Who answers is foreign until it has said that it is of the farm, and in any case with
// another address than the VIP has.
func TestHolders(t *testing.T) {
	v := testConfig().VIPs[0]
	rogue := config.MAC{2, 9}
	s := exchange(none, none)
	s.neighbour(arp.Heard{Address: v.Address, MAC: v.MAC, Source: peerMAC, Alone: true})
	if found := s.holders(); len(found) != 0 {
		t.Errorf("the farm's own: %v", found)
	}
	s.neighbour(arp.Heard{Address: v.Address, MAC: v.MAC, Source: rogue, Alone: true})
	s.neighbour(arp.Heard{Address: v.Address, MAC: v.MAC, Source: rogue})
	s.neighbour(arp.Heard{Address: v.Address, MAC: peerMAC, Source: peerMAC, Alone: true})
	found := s.holders()
	if len(found) != 2 || found[0].Level != health.LevelWarn || !strings.Contains(found[0].What, peerMAC.String()+" says that the VIP") ||
		!strings.Contains(found[1].What, rogue.String()+" answers for the VIP") {
		t.Errorf("found %v", found)
	}
}
