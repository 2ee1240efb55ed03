package farm

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"thresher/config"
	"thresher/farm/findings"
	"thresher/xsk"
)

// TestForwardedFlowsStay moves all buckets from one gateway to the other, with
// connections through it: they stay where they are, and new ones go to the other.
func TestForwardedFlowsStay(t *testing.T) {
	t.Parallel()
	for _, mode := range []config.XDPMode{config.XDPNative, config.XDPGeneric} {
		t.Run(mode.String(), func(t *testing.T) {
			g := newGateways(t, mode, true)
			old, next := g.nodes[0], g.nodes[1]
			g.gives(old, true, false, true)
			g.gives(next, false, false, true)
			tcp, udp := g.dial("tcp4", webPort, 100), g.dial("udp4", dnsPort, 20)
			g.answeredBy("node1", "before", slices.Concat(tcp, udp))
			if got := g.flows(old); !slices.Equal(got, []int{100, 20}) {
				t.Errorf("node1 has %v flows, want 100 and 20", got)
			}

			g.gives(old, false, true, true)
			g.handOver(old, next, 20)
			g.gives(next, true, true, true)
			g.answeredBy("node1", "moved", slices.Concat(tcp, udp))
			g.silent("moved", udp)
			g.answeredBy("node2", "new", slices.Concat(g.dial("tcp4", webPort, 20), g.dial("udp4", dnsPort, 5)))
			if got := g.flows(next); !slices.Equal(got, []int{20, 5}) {
				t.Errorf("node2 has %v flows, want 20 and 5: none of node1's", got)
			}

			g.gives(old, false, true, false)
			g.answeredBy("node1", "fenced", slices.Concat(tcp, udp))
		})
	}
}

// handOver tells the next owner of the flows that it must leave alone.
func (g *gateways) handOver(from, to *gateway, want int) {
	g.t.Helper()
	every := func(int, netip.AddrPort) bool { return true }
	tuples, err := from.tables.HalfOpenForwarded(from.rules, every, xsk.MaxHalfOpen)
	if err != nil || len(tuples) != want {
		g.t.Fatalf("%d flows to hand over, %v, want %d", len(tuples), err, want)
	}
	var list []xsk.Flow
	for _, tuple := range tuples {
		list = append(list, xsk.Flow{Client: tuple.Client, VIP: tuple.Server})
	}
	if err := to.program.SetHalfOpen(list); err != nil {
		g.t.Fatal(err)
	}
}

// TestFlowsAreLostWithoutForward: what the test above sees is conntrack's doing.
func TestFlowsAreLostWithoutForward(t *testing.T) {
	t.Parallel()
	g := newGateways(t, config.XDPNative, false)
	g.gives(g.nodes[0], true, false, true)
	g.gives(g.nodes[1], false, false, true)
	tcp := g.dial("tcp4", webPort, 3)
	g.answeredBy("node1", "before", tcp)
	g.gives(g.nodes[0], false, true, true)
	g.gives(g.nodes[1], true, true, true)
	for i, c := range tcp {
		if got, err := say(c, "moved", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("connection %d: answer %q, %v, want none", i, got, err)
		}
	}
}

// TestMidStreamIsNotPickedUp sends a connection's packets to a gateway that has
// not seen its begin, as happens in a settled bucket (FAULTS M9). Strict conntrack
// makes no entry of them, and the machine refuses them; the kernel's default takes
// them for a flow of its own.
func TestMidStreamIsNotPickedUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		loose   string
		patient time.Duration
		end     error
		entries string
	}{
		{"0", patience, syscall.ECONNRESET, "0"},
		{"1", 100 * time.Millisecond, os.ErrDeadlineExceeded, "1"},
	} {
		t.Run("loose "+tt.loose, func(t *testing.T) {
			g := newGateways(t, config.XDPNative, true)
			old, next := g.nodes[0], g.nodes[1]
			g.inNS(next.inside, dropTCP) // a server's reset would end the entry at once
			g.inNS(next.NS, func() error { return setSysctl(findings.LooseSysctl, tt.loose) })
			g.gives(old, true, false, true)
			g.gives(next, false, false, true)
			c := g.dial("tcp4", webPort, 1)
			g.answeredBy("node1", "before", c)
			g.gives(old, false, false, true)
			g.gives(next, true, false, true)
			if got, err := say(c[0], "moved", tt.patient); !errors.Is(err, tt.end) {
				t.Errorf("answer %q, %v, want %v", got, err, tt.end)
			}
			g.inNS(next.NS, func() error {
				n, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")
				if got := strings.TrimSpace(string(n)); got != tt.entries {
					t.Errorf("%s entries, want %s", got, tt.entries)
				}
				return err
			})
		})
	}
}

// dropTCP makes the machine of the calling thread deaf to TCP.
func dropTCP() error {
	return nft("table ip deaf {\n chain in {\n type filter hook input priority filter\n meta l4proto tcp drop\n }\n}")
}
