package console

import (
	"fmt"
	"net/netip"
)

func sameAddr(a, b netip.Addr) bool { return a == b }

// farmOfThree is an ordinary farm, one node of it away.
func farmOfThree() Status {
	return Status{
		Node: "web1", State: Up, View: 0x9f3a5c1e00d2b764, Settled: true,
		Nodes: []Node{
			{Name: "web1", State: Up, Address: netip.MustParseAddr("192.0.2.11"), Shares: map[string]float64{"web": 0.5, "dns": 0.4999}},
			{Name: "web2", State: Up, Address: netip.MustParseAddr("192.0.2.12"), Shares: map[string]float64{"web": 0.5, "dns": 0.5001}},
			{Name: "web3", State: Unreachable, Shares: map[string]float64{}},
		},
		Rules: []Rule{
			{Name: "web", Buckets: 65536, Mine: 32768, Weight: 100},
			{Name: "dns", Buckets: 65536, Mine: 32760, Unsettled: 12, Weight: 50},
		},
		VIPs: []VIP{
			{Address: netip.MustParseAddr("192.0.2.100"), MAC: "5a:fe:c0:00:02:64", Mode: "flood", Responder: "web2"},
			{Address: netip.MustParseAddr("192.0.2.101"), MAC: "5a:fe:c0:00:02:65", Mode: "flood"},
		},
		Datapath: Datapath{
			Offload: "none", XDP: "native", Queues: 1,
			Accepted: 1234567, Rejected: 2469134, Asked: 3703701, Opened: 45678,
			Reasons: map[string]uint64{"other_node": 2469000, "not_vip": 130, "no_rule": 4, "bad_header": 0},
			XSK:     XSK{RxRingFull: 3, TxRingEmptyDescs: 1200},
		},
		Checks:   []Check{{Name: "http", State: "up"}},
		Services: []Service{{Name: "nginx", State: "up", Restarts: 1}},
		Cluster:  &Cluster{HealthScore: 0, RefusedMessages: 7, DetectionMS: 1200},
	}
}

// minorityOfOne is a farm of three, as the one that is cut off sees it under majority.
func minorityOfOne() Status {
	s := farmOfThree()
	s.Fenced = "1 of 3 nodes is here, a majority is 2"
	s.Nodes[0].Shares = map[string]float64{"web": 0, "dns": 0}
	s.Nodes[1].State, s.Nodes[1].Shares = Unreachable, map[string]float64{"web": 0, "dns": 0}
	s.Rules[0].Mine, s.Rules[1].Mine = 0, 0
	return s
}

// behindABalancer is a farm without VIPs, whose answering node serves nobody.
func behindABalancer() Status {
	return Status{
		Node: "web1", State: Up, BehindBalancer: true, Settled: true, Withdrawn: []string{"check http: no answer"},
		Nodes: []Node{
			{Name: "web1", State: Up, Address: netip.MustParseAddr("192.0.2.11"), Shares: map[string]float64{}},
			{Name: "web2", State: Up, Address: netip.MustParseAddr("192.0.2.12"), Shares: map[string]float64{}},
		},
		Checks:   []Check{{Name: "http", State: "down", Detail: "no answer"}},
		Services: []Service{{Name: "nginx", State: "up"}},
		Cluster:  &Cluster{},
	}
}

// farmOf32 is the largest farm, with long names and many rules: nothing of it fits.
func farmOf32() Status {
	s := Status{Node: "a-rather-long-node-name-01", State: Up, View: 1}
	for i := range 20 {
		s.Rules = append(s.Rules, Rule{Name: fmt.Sprintf("rule-number-%02d", i), Buckets: 65536, Mine: 2048, Weight: 100})
	}
	for i := range 32 {
		shares := map[string]float64{}
		for _, r := range s.Rules {
			shares[r.Name] = 0.03125
		}
		s.Nodes = append(s.Nodes, Node{
			Name: fmt.Sprintf("a-rather-long-node-name-%02d", i+1), State: Up,
			Address: netip.MustParseAddr(fmt.Sprintf("2001:db8:1234:5678:9abc:def0:1234:%04x", 0x1000+i)), Shares: shares,
		})
	}
	for i := range 10 {
		s.VIPs = append(s.VIPs, VIP{
			Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)}), MAC: "5a:fe:c0:00:02:64", Mode: "flood", Responder: s.Nodes[i].Name,
		})
	}
	s.Datapath = Datapath{Offload: "full", XDP: "native", ZeroCopy: true, Queues: 64, Accepted: 1 << 63, Rejected: 1 << 63, Asked: 1 << 63}
	return s
}

// stoppedAlone is a node that has nothing to show, and a hostile neighbour's name.
func stoppedAlone() Status {
	return Status{
		Node: "web1", State: Stopped, Reason: "stopped by an operator",
		Nodes: []Node{{Name: "evil\x1b[2J\nname", State: Starting}},
	}
}
