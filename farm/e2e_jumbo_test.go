package farm_test

import (
	"fmt"
	"strings"
	"testing"

	"thresher/perf/lab"
)

// jumbo is a network with long frames.
type jumbo struct {
	mtu                int
	xdp, offload, mode string
	// note is what the status says of the mode.
	note string
}

// The parts of the status's notes.
const (
	inPieces = "the driver hands over packets of more than 3506 bytes in pieces (MTU 9000)"
	tooLong  = "parts of datagrams that are too long for a socket are dropped (about 3,500 bytes)"
)

// jumboRuns are those of the short form, and then all others.
func jumboRuns() (few int, all []jumbo) {
	all = []jumbo{
		{9000, "native", "none", "flood", inPieces + "; " + tooLong},
	}
	return len(all), append(all, []jumbo{
		{9000, "native", "reject", "flood", inPieces + "; " + tooLong}, {9000, "native", "full", "flood", inPieces + "; " + tooLong},
		{9000, "auto", "full", "flood", inPieces + "; " + tooLong},
		{9000, "generic", "reject", "flood", tooLong}, {9000, "generic", "none", "flood", tooLong}, {9000, "generic", "full", "flood", tooLong},
		{9000, "generic", "none", "directed", tooLong}, {9000, "generic", "full", "directed", tooLong},
		{3500, "native", "none", "flood", ""}, {3500, "native", "reject", "flood", ""}, {3500, "native", "full", "flood", ""}, {3500, "generic", "none", "flood", ""},
	}...)
}

// TestLargeMTU: packets too large for a page, or for a socket, are served as all
// others are.
func TestLargeMTU(t *testing.T) {
	t.Parallel()
	few, all := jumboRuns()
	for _, j := range all[:short(few, len(all))] {
		t.Run(fmt.Sprintf("MTU %d, %s, offload %s, mode %s", j.mtu, j.xdp, j.offload, j.mode), func(t *testing.T) {
			f := bothFamilies(t, lab.Config{Nodes: 3, MTU: j.mtu, ClientAddresses: 8}, lab.FarmOptions{
				TCPPorts: []int{80}, UDPPorts: []int{7}, Affinity: "session", XDP: j.xdp, Offload: j.offload, Mode: j.mode,
			})
			f.startServers()
			f.StartAll()
			f.Settle(f.Nodes...)
			s, err := f.Status(f.Nodes[0])
			must(t, err)
			if mode := strings.Replace(j.xdp, "auto", "native", 1); s.Datapath.XDP != mode || s.Datapath.XDPNote != j.note {
				t.Errorf("XDP %s: %q; want %s: %q", s.Datapath.XDP, s.Datapath.XDPNote, mode, j.note)
			}
			if j.note == inPieces+"; "+tooLong {
				f.checksPieces()
			}
			for _, vip := range f.Options.VIPs {
				f.vip = vip
				for range short(1, 3) { // to as many nodes
					t.Run("curl", f.transfersWhole)
				}
				t.Run("udp", func(t *testing.T) { f.datagramsOnce(t, 60, j.mtu-100) })
			}
		})
	}
}

// checksPieces: check says how long frames come, and status, too.
func (f *testFarm) checksPieces() {
	f.T.Helper()
	n := f.Nodes[0]
	checked, err := n.Run(f.Ctx, binary, "check", "--config", n.ConfigFile())
	for _, want := range []string{
		"ok: MTU 9000 of eth0 is more than native XDP takes in one piece (3506), and veth hands over several\n",
		"warn: MTU 9000 of eth0 lets packets in that are longer than an AF_XDP frame holds (3826): parts of datagrams to a VIP",
	} {
		if err != nil || !strings.Contains(string(checked), want) {
			f.T.Errorf("thresher check: %v\n%s", err, checked)
		}
	}
	if text := f.Thresher(n, "status"); !strings.Contains(text, "XDP native") || !strings.Contains(text, inPieces) {
		f.T.Errorf("thresher status:\n%s", text)
	}
}
