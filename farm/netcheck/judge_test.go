package netcheck

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thresher/arp"
	"thresher/config"
	"thresher/farm/wire"
)

func testConfig() *config.Config {
	vip := netip.MustParseAddr("192.0.2.100")
	return &config.Config{
		Node: "web1", Interface: "eth0",
		VIPs: []config.VIP{{Address: vip, Mode: config.IGMP, MAC: config.IGMPMAC(vip)}},
		Cluster: config.Cluster{
			Bind: netip.MustParseAddrPort("192.0.2.11:7946"),
			Join: []config.Peer{
				{netip.MustParseAddrPort("192.0.2.11:7946")},
				{netip.MustParseAddrPort("192.0.2.12:7946"), netip.MustParseAddrPort("198.51.100.12:7946")},
			},
		},
	}
}

// peerMAC is the other machine's.
var peerMAC = config.MAC{2, 0, 0, 0, 0, 2}

// exchange is ten seconds of probes, both ways. The functions tell which arrive.
func exchange(there, back func(seq uint32) bool) *survey {
	s := newSurvey(testConfig(), 1)
	var saw wire.Seen
	for seq := uint32(1); seq <= 10; seq++ {
		s.claims[0].asked()
		s.sent[0] = seq
		if there(seq) {
			saw = wire.Seen{From: 1, Seq: seq, Count: saw.Count + 1}
		}
		if back(seq) {
			s.probed(wire.Probe{From: 2, VIP: s.cfg.VIPs[0].Address, Seq: seq})
		}
		s.heard(wire.Report{
			From: 2, Name: "web2", Digest: s.digest, Address: netip.MustParseAddr("192.0.2.12"),
			Sent: []wire.Sent{{VIP: 0, Seq: seq}}, Seen: []wire.Seen{saw, {VIP: 0, From: 77, Seq: 5, Count: 5}},
		}, peerMAC)
	}
	return s
}

func all(uint32) bool  { return true }
func none(uint32) bool { return false }

func TestJudge(t *testing.T) {
	const frames = "frames for 01:00:5e:7f:02:64 (VIP 192.0.2.100, mode igmp)"
	const well = "ok: all nodes of the configuration take part: 2 with this one"
	const free = "ok: nobody else has the VIP 192.0.2.100"
	stops := func(seq uint32) bool { return seq < 5 }
	half := func(seq uint32) bool { return seq%2 == 0 }
	vmac := testConfig().VIPs[0].MAC
	third := config.MAC{2, 0, 0, 0, 0, 3}
	join := func(s *survey) {
		s.peers[3] = &peer{name: "web3", address: netip.MustParseAddr("192.0.2.12"), mac: third, digest: s.digest + 1}
	}
	for name, tc := range map[string]struct {
		there, back func(uint32) bool
		change      func(*survey)
		want        []string // levels and texts, without cures
	}{
		"well":         {all, all, nil, []string{well, "ok: " + frames + " reach every node, and keep doing so", free}},
		"none":         {none, none, nil, []string{well, "error: no node gets " + frames, free}},
		"there":        {none, all, nil, []string{well, "error: web2 gets no " + frames + " from web1", free}},
		"back":         {all, none, nil, []string{well, "error: web1 gets no " + frames + " from web2", free}},
		"not for long": {all, stops, nil, []string{well, "error: web1 got 4 " + frames + " from web2, and then none any more", free}},
		"limited":      {half, all, nil, []string{well, "error: web2 got 5 of 9 " + frames + " from web1: something limits them", free}},
		"answered": {all, all, func(s *survey) { s.claims[0].answered(claim{vmac, peerMAC, true}) },
			[]string{well, "ok: " + frames + " reach every node, and keep doing so", "ok: one node answers for the VIP 192.0.2.100, with 01:00:5e:7f:02:64"}},
		"announced": {all, all, func(s *survey) {
			join(s)
			s.claims[0].answered(claim{vmac, peerMAC, true})
			s.claims[0].answered(claim{vmac, third, false})
		}, []string{well, "ok: " + frames + " reach every node, and keep doing so", "ok: one node answers for the VIP 192.0.2.100, with 01:00:5e:7f:02:64"}},
		"another farm": {all, all, func(s *survey) {
			s.claims[0].answered(claim{vmac, third, true})
			s.claims[0].answered(claim{vmac, peerMAC, true})
		}, []string{well, "ok: " + frames + " reach every node, and keep doing so",
			"error: 02:00:00:00:00:03 answers for the VIP 192.0.2.100 with its shared address 01:00:5e:7f:02:64, and is no node of this farm: it is another farm's, or has another key",
			"ok: one node answers for the VIP 192.0.2.100, with 01:00:5e:7f:02:64"}},
		"answered twice": {all, all, func(s *survey) {
			join(s)
			s.claims[0].answered(claim{vmac, peerMAC, true})
			s.claims[0].answered(claim{vmac, third, true})
		}, []string{well, "ok: " + frames + " reach every node, and keep doing so", "error: 2 nodes answer for the VIP 192.0.2.100 at once"}},
		"claimed": {all, all, func(s *survey) {
			s.claims[0].answered(claim{config.MAC{2, 9}, config.MAC{2, 9}, true})
			s.claims[0].answered(claim{config.MAC{2, 9}, config.MAC{2, 9}, false})
		}, []string{well, "ok: " + frames + " reach every node, and keep doing so",
			"error: 02:09:00:00:00:00 says that the VIP 192.0.2.100 is its own (frames come from 02:09:00:00:00:00)"}},
		"nobody": {all, all, func(s *survey) { clear(s.peers) }, []string{"error: nothing was heard of 192.0.2.12", free}},
		"nobody to hear": {all, all, func(s *survey) {
			clear(s.peers)
			s.cfg.Cluster.Join = nil
		}, []string{"error: there is nobody to check the network with", free}},
		"another configuration": {all, all, func(s *survey) { s.peers[2].digest++ },
			[]string{"error: web2 (192.0.2.12) has another configuration than this node", free}},
	} {
		t.Run(name, func(t *testing.T) {
			s := exchange(tc.there, tc.back)
			if tc.change != nil {
				tc.change(s)
			}
			r := s.judge("vmxnet3")
			var got []string
			failed := false
			for _, f := range r.Findings {
				got = append(got, f.Level+": "+f.What)
				failed = failed || f.Level == "error"
				if (f.Cure == "") != (f.Level == "ok") {
					t.Errorf("%s: %s has the cure %q", f.Level, f.What, f.Cure)
				}
				if !strings.Contains(r.Text(), f.What) {
					t.Errorf("the text does not say %q:\n%s", f.What, r.Text())
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || r.OK == failed {
				t.Errorf("ok %t (-want +got):\n%s", r.OK, diff)
			}
		})
	}
}

func TestCures(t *testing.T) {
	if got := cure(config.VIP{Mode: config.IGMP}, ""); !strings.Contains(got, "mcast_router 2") || !strings.Contains(got, "mcast_snooping 0") {
		t.Error(got)
	}
	for driver, word := range map[string]string{"vmxnet3": "VMware", "hv_netvsc": "Hyper-V", "virtio_net": "Proxmox"} {
		if got := cure(config.VIP{Mode: config.Flood}, driver); !strings.Contains(got, word) {
			t.Errorf("%s: %s", driver, got)
		}
	}
}

// TestJudgeQuestions: of the peers that ask for an IPv6 VIP, each must be heard.
func TestJudgeQuestions(t *testing.T) {
	const lost = "error: web1 gets no neighbour solicitations for the VIP 2001:db8::100 from web2"
	cfg := testConfig()
	vip := netip.MustParseAddr("2001:db8::100")
	cfg.VIPs = []config.VIP{{Address: vip, Mode: config.Flood, MAC: config.FloodMAC(vip)}}
	question := arp.Heard{Address: vip, Asks: true, Source: peerMAC}
	for name, tc := range map[string]struct {
		asks    bool
		reports int
		heard   []arp.Heard
		want    string
	}{
		"heard":           {true, 10, []arp.Heard{question}, "ok: neighbour solicitations for the VIP 2001:db8::100 reach this node"},
		"not heard":       {true, 10, nil, lost},
		"another's":       {true, 10, []arp.Heard{{Address: vip, Asks: true, Source: config.MAC{2, 9}}}, lost},
		"for another":     {true, 10, []arp.Heard{{Address: netip.MustParseAddr("2001:db8::1"), Asks: true, Source: peerMAC}}, lost},
		"a claim":         {true, 10, []arp.Heard{{Address: vip, MAC: cfg.VIPs[0].MAC, Source: peerMAC, Alone: true}}, lost},
		"a daemon":        {false, 10, nil, ""},
		"only just begun": {true, 2, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSurvey(cfg, 1)
			for range tc.reports {
				s.heard(wire.Report{From: 2, Name: "web2", Digest: s.digest, Address: netip.MustParseAddr("192.0.2.12"), Asks: tc.asks}, peerMAC)
			}
			for _, h := range tc.heard {
				s.neighbour(h)
			}
			var r Result
			s.judgeQuestions(&r, 0)
			got := ""
			for _, f := range r.Findings {
				got += f.Level + ": " + f.What
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestNeighbourClaims: what is heard on the segment is taken for the VIP that it is
// about.
func TestNeighbourClaims(t *testing.T) {
	s := newSurvey(testConfig(), 1)
	s.claims[0].asked()
	vip := s.cfg.VIPs[0].Address
	rogue := config.MAC{2, 9}
	s.neighbour(arp.Heard{Address: vip, MAC: rogue, Source: rogue, Alone: true})
	s.neighbour(arp.Heard{Address: netip.MustParseAddr("192.0.2.1"), MAC: peerMAC, Source: peerMAC, Alone: true})
	want := claims{{claim{mac: rogue, source: rogue, reply: true}: true}}
	if diff := cmp.Diff(want, s.claims[0], cmp.AllowUnexported(claim{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A switch that has learnt a VMAC keeps its frames from everybody else: the cure says where
// to look for the entry.
func TestTheCureNamesTheEntry(t *testing.T) {
	v := config.VIP{Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 192, 0, 2, 100}}
	for _, command := range []string{"bridge fdb show | grep 5a:fe:c0:00:02:64", "show mac address-table address 5a:fe:c0:00:02:64"} {
		if got := cure(v, ""); !strings.Contains(got, command) {
			t.Errorf("%q does not say %q", got, command)
		}
	}
}
