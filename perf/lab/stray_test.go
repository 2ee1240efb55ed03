package lab

import (
	"net/netip"
	"testing"
	"time"
)

// TestSendStrays: a node resets what it knows nothing of, each once.
func TestSendStrays(t *testing.T) {
	l := newLab(t, Config{Nodes: 1, Clients: 1})
	node, client := l.Nodes[0], l.Clients[0]
	watch, err := client.WatchHandshakes(node.Address)
	if err != nil {
		t.Fatal(err)
	}
	const strays = 50
	s := SYNs{To: netip.AddrPortFrom(node.Address, 80), MAC: node.MAC, From: SYNSources(strays)}
	if err := client.SendStrays(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := watch.Settle(t.Context(), 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	resets := watch.Resets(s.From...)
	if len(resets) != strays {
		t.Errorf("%d of %d strays were reset", len(resets), strays)
	}
	for _, r := range resets {
		if len(r.By) != 1 || r.By[0] != node.MAC {
			t.Errorf("%v was reset by %v", r.Client, r.By)
		}
	}
}
