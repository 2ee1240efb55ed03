package farm

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"thresher/arp"
	"thresher/config"
	"thresher/pipeline"
	"thresher/xsk"
)

// inModes are VIPs in a row, in these modes.
func inModes(modes ...config.VIPMode) []config.VIP {
	vips := manyVIPs(len(modes))
	for i, mode := range modes {
		vips[i].Mode = mode
		switch mode {
		case config.Multicast:
			vips[i].MAC = config.MulticastMAC(vips[i].Address)
		case config.IGMP:
			vips[i].MAC = config.IGMPMAC(vips[i].Address)
		case config.Directed:
			vips[i].MAC = config.MAC{}
		}
	}
	return vips
}

// sentTo are VIPs by where their frames are sent: in mode directed, to this node.
func sentTo(vips []config.VIP) []config.VIP {
	sent := slices.Clone(vips)
	for i := range sent {
		if sent[i].Mode == config.Directed {
			sent[i].MAC = kernelNIC
		}
	}
	return sent
}

// TestFormerOf: what is handed on tells how VIPs were, and what has changed is kept.
func TestFormerOf(t *testing.T) {
	was := inModes(config.Flood, config.IGMP, config.Directed, config.Flood)
	b, err := (&handed{Version: handedVersion, VIPs: was}).encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := decodeHanded(b)
	if err != nil {
		t.Fatal(err)
	}
	is := inModes(config.Flood, config.Directed, config.Flood)
	if diff := cmp.Diff(was[1:3], formerOf(h, is), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	if got := formerOf(nil, is); got != nil {
		t.Errorf("%v of a process that begins anew", got)
	}
	other := slices.Clone(was)
	other[0].MAC[5]++
	if got := formerOf(h, other); len(got) != 1 || got[0] != was[0] {
		t.Errorf("another mac: %v", got)
	}
}

// TestFormerAnswersAreNoConflict, whichever way a mode is changed.
func TestFormerAnswersAreNoConflict(t *testing.T) {
	is, was := inModes(config.Directed, config.Flood, config.Flood), inModes(config.Flood, config.Directed, config.Flood)
	view := viewOf([]uint8{100})
	own := config.MAC{2, 0, 0, 0, 0, 1}
	view.Nodes[0].MAC = own
	b := bindingsFor(view, view.Names()[0], is).formerly(was[:2])
	want := []arp.Binding{
		{Address: is[0].Address, MAC: own, Directed: true, Former: was[0].MAC},
		{Address: is[1].Address, MAC: is[1].MAC, Directed: true},
		{Address: is[2].Address, MAC: is[2].MAC},
	}
	for _, got := range [][]arp.Binding{b.mine, b.all} {
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Error(diff)
		}
	}
}

// TestFormerFramesAreTaken runs frames that come as they do now and as they came
// before through the kernel program and the pipeline.
func TestFormerFramesAreTaken(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(21, 22))
	modes := []config.VIPMode{config.Flood, config.Directed, config.Multicast, config.IGMP, config.Flood}
	is := inModes(modes...)
	was := inModes(append(modes[1:], modes[0])...)
	var rules []config.Rule
	for i := range uint16(8) {
		rules = append(rules, config.Rule{
			Protocol: []config.Protocol{config.TCP, config.UDP}[i%2], Affinity: config.Session,
			Ports: []config.PortRange{{First: 80 + 10*i, Last: 89 + 10*i}},
		})
	}
	share := randomShare(random, len(rules))
	compiled, err := pipeline.Compile(is, rules, config.HashKey{Function: config.Multilinear, Secret: [16]byte{1, 2, 3}}, kernelNIC)
	if err != nil {
		t.Fatal(err)
	}
	both := compiled.WithFormer(is, was)
	for _, offload := range []config.Offload{config.OffloadFull, config.OffloadReject, config.OffloadNone} {
		k := newKernelOf(t, offload, both, slices.Concat(is, was), rules, share, unchanged)
		for _, come := range [][]config.VIP{is, was} {
			before := k.met[pipeline.Accepted]
			if err := k.search(newFrameSource(t, random.Uint64(), sentTo(come), rules, kernelNIC), 50_000); err != nil {
				t.Errorf("offload %v: %v", offload, err)
			}
			if k.met[pipeline.Accepted] == before {
				t.Errorf("offload %v: nothing was accepted", offload)
			}
		}
		if k.met[pipeline.Forwarded] == 0 || k.met[pipeline.AcceptedNeighbour] == 0 {
			t.Errorf("offload %v: %d frames handed on, %d of neighbours", offload, k.met[pipeline.Forwarded], k.met[pipeline.AcceptedNeighbour])
		}
	}
	for name, mutate := range map[string]func(*xsk.Rules){
		"no former":               func(r *xsk.Rules) { r.Formers = 0 },
		"another's":               func(r *xsk.Rules) { r.Former[0], r.Former[2] = r.Former[2], r.Former[0] },
		"not directed any longer": func(r *xsk.Rules) { r.Directed[0] = 0 },
	} {
		k := newKernelOf(t, config.OffloadFull, both, slices.Concat(is, was), rules, share, mutate)
		if err := k.search(newFrameSource(t, 5, sentTo(was), rules, kernelNIC), 50_000); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
