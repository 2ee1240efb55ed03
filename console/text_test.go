package console

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thresher/internal/golden"
)

// compare compares got with testdata/name.golden, or writes it there.
func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	golden.Compare(t, path, got)
}

func TestStatusText(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status Status
		rows   int
	}{
		{"farm-of-3", farmOfThree(), 0},
		{"farm-of-3-in-24-rows", farmOfThree(), 24},
		{"farm-of-32", farmOf32(), 0},
		{"farm-of-32-in-24-rows", farmOf32(), 24},
		{"stopped", stoppedAlone(), 24},
		{"minority", minorityOfOne(), 24},
		{"behind-balancer", behindABalancer(), 24},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := StatusText(tt.status, tt.rows)
			compare(t, tt.name, got)
			lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
			if tt.rows > 0 && len(lines) > tt.rows {
				t.Errorf("%d lines, want at most %d", len(lines), tt.rows)
			}
			for i, line := range lines {
				if width(line) > textWidth {
					t.Errorf("line %d has %d columns", i+1, width(line))
				}
			}
		})
	}
}

// However small the terminal, the text fits, and begins with the node's state.
func TestStatusTextFitsAnyHeight(t *testing.T) {
	for rows := 1; rows <= 100; rows++ {
		got := StatusText(farmOf32(), rows)
		if n := strings.Count(got, "\n"); n > rows {
			t.Errorf("%d lines in %d rows", n, rows)
		}
		if !strings.HasPrefix(got, "a-rather-long-node-name-01 is up") {
			t.Errorf("%d rows begin with %q", rows, got[:40])
		}
	}
}

func TestOneLineTexts(t *testing.T) {
	stopped := stoppedAlone()
	at := time.Date(2026, 1, 2, 3, 4, 5, 60e6, time.UTC)
	for _, tt := range []struct{ name, got, want string }{
		{"state", StateText(stopped), "web1 is stopped (stopped by an operator)\n"},
		{"drain", StateText(Status{Node: "web1", State: Draining, DrainEnds: at, Rules: []Rule{{Flows: 2}, {Flows: 1}}}),
			"web1 is draining\n3 connections are left; it stops by 2026-01-02 03:04:05\n"},
		{"drain without a deadline", StateText(Status{Node: "web1", State: Draining, Rules: []Rule{{Flows: 1}}}),
			"web1 is draining\n1 connection is left; it stops when the last has ended\n"},
		{"drain behind a balancer", StateText(Status{Node: "web1", State: Draining, DrainEnds: at, BehindBalancer: true}),
			"web1 is draining\nit stops by 2026-01-02 03:04:05\n"},
		{"state of a cordoned node", StateText(Status{Node: "web1", State: Stopped, Reason: "drained by an operator", Cordoned: true, ChecksSuspended: true}),
			"web1 is stopped (drained by an operator)\ncordoned: out until thresher uncordon, over boots and starts\n" +
				"checks are suspended: thresher resume has them count again\n"},
		{"where", WhereText([]Where{{Node: "web2", Rule: "web", Bucket: 17}}), "web2, by bucket 17 of rule web\n"},
		{"where a client is kept", WhereText([]Where{{Node: "web2", Rule: "web", Bucket: 17, Sticky: true}}),
			"web2, by stickiness, which keeps it from the owner of bucket 17 of rule web\n"},
		{"where nobody serves", WhereText([]Where{{Rule: "web", Bucket: 17}}), "no node, by bucket 17 of rule web\n"},
		{"where by each rule", WhereText([]Where{{Node: "web2", Rule: "web", Bucket: 17}, {Rule: "dns", Reason: "nobody serves rule dns"}}),
			"web2, by bucket 17 of rule web\nno answer: nobody serves rule dns\n"},
		{"event", EventText(Event{Time: at, Level: LevelInfo, Kind: "node_up", Message: "web2 is up",
			Fields: map[string]string{"node": "web2", "by": "gossip"}}),
			"2026-01-02T03:04:05.060Z  info   node_up  web2 is up  by=gossip\n"},
		{"hostile event", EventText(Event{Time: at, Level: LevelWarn, Kind: "x", Message: "a\x1b[31m\nb"}),
			"2026-01-02T03:04:05.060Z  warn   x  a?[31m?b\n"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", 1<<64 - 1: "18,446,744,073,709,551,615",
	} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestClipCountsCharactersNotBytes(t *testing.T) {
	for _, tt := range []struct {
		text  string
		limit int
		want  string
	}{
		{"köln", 4, "köln"},
		{"köln-1", 5, "köln~"},
		{"bad\xffutf8", 10, "bad\ufffdutf8"},
		{"tab\there", 10, "tab?here"},
	} {
		if got := clip(tt.text, tt.limit); got != tt.want {
			t.Errorf("clip(%q, %d) = %q, want %q", tt.text, tt.limit, got, tt.want)
		}
	}
}

func TestStatusTellsWhoseConfigDiffers(t *testing.T) {
	s := farmOfThree()
	s.ConfigDigest = "0000000000000001"
	s.Nodes[0].ConfigDigest, s.Nodes[1].ConfigDigest = s.ConfigDigest, "0000000000000002"
	s.Cluster.KeyChange = true
	text := StatusText(s, 0)
	for _, want := range []string{"config differs: web2 and web1 cannot share clients", "two keys are believed: thresher key rotate --status"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// A heartbeat network that is cut is named where it should be heard.
func TestStatusTextNamesCutNetworks(t *testing.T) {
	s := Status{Node: "web1", State: Up, Cluster: &Cluster{NetworksCut: []string{"web2 at 198.51.100.12:7946", "web3 at [2001:db8:1234:5678::13]:7946"}}}
	text := StatusText(s, 0)
	for _, want := range []string{"a heartbeat network is cut: web2 at 198.51.100.12:7946", "web3 at [2001:db8:1234:5678::13]:7946"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > textWidth+1 {
			t.Errorf("%q is longer than %d", line, textWidth)
		}
	}
}

// A list of peers that names too few is told with what to add to it.
func TestStatusTextNamesWhatJoinLacks(t *testing.T) {
	s := Status{Node: "web1", State: Up, Cluster: &Cluster{JoinList: &JoinList{Named: 3, Missing: []string{"192.0.2.14:7946", "192.0.2.15:7946"}}}}
	text := StatusText(s, 0)
	for _, want := range []string{"cluster.join names 3 of 5 nodes: add 192.0.2.14:7946, 192.0.2.15:7946", "thresher reload"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

// Different timings are told with who has which.
func TestStatusTextNamesWhoHasWhichLease(t *testing.T) {
	s := Status{Node: "web3", State: Up, Cluster: &Cluster{LeasesMS: map[string]int64{"web1": 3000, "web3": 600, "web2": 1200}}}
	if text := StatusText(s, 0); !strings.Contains(text, "leases differ: web1 3000 ms, web2 1200 ms, web3 600 ms") || !strings.Contains(text, "cluster.profile") {
		t.Errorf("\n%s", text)
	}
}

// The headline's share is of what the nodes share: rules that one node serves alone,
// or nobody, are no part of it.
func TestShareIsOfSharedRules(t *testing.T) {
	s := Status{Node: "n1", State: Up, Rules: []Rule{
		{Name: "web", Buckets: 65536, Mine: 22151},
		{Name: "mail", Buckets: 65536, Mode: "single"},
		{Name: "old", Buckets: 65536, Mode: "block"},
	}}
	if got := StateText(s); got != "n1 is up 34 %\n" {
		t.Errorf("%q", got)
	}
	s.Rules = s.Rules[1:]
	if got := StateText(s); got != "n1 is up\n" {
		t.Errorf("without shared rules: %q", got)
	}
}

func TestNobodyServes(t *testing.T) {
	const all, stopped, reached = "ALL NODES WAIT: nobody serves", "ALL NODES ARE STOPPED: nobody serves", "NO NODE THAT CAN BE REACHED FROM HERE SERVES"
	for _, tt := range []struct {
		states []NodeState
		want   string
	}{
		{[]NodeState{Waiting, Waiting}, all},
		{[]NodeState{Waiting, Stopped}, all},
		{[]NodeState{Waiting, Unreachable}, reached},
		{[]NodeState{Waiting, Up}, ""},
		{[]NodeState{Unreachable, Stopped}, ""},
		{[]NodeState{Stopped, Stopped}, stopped},
		{[]NodeState{Stopped}, stopped},
		{[]NodeState{Stopped, Draining}, ""},
		{[]NodeState{}, ""},
	} {
		var nodes []Node
		for _, state := range tt.states {
			nodes = append(nodes, Node{State: state})
		}
		if got := nobodyServes(nodes); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.states, got, tt.want)
		}
		var farm FarmStatus
		for _, state := range tt.states {
			farm.Nodes = append(farm.Nodes, FarmNode{State: state})
		}
		if text := FarmText(farm, 0); tt.want != "" && !strings.Contains(text, "\n"+tt.want+"\n") || tt.want == "" && strings.Contains(text, "SERVE") {
			t.Errorf("%v: the farm's text:\n%s", tt.states, text)
		}
	}
}

// The farm's text says of each node that does not serve why, and of each what an
// operator has asked for.
func TestFarmTextSaysWhy(t *testing.T) {
	text := FarmText(FarmStatus{Node: "web1", Nodes: []FarmNode{
		{Name: "web1", State: Up, Status: &Status{State: Up, ChecksSuspended: true}},
		{Name: "web2", State: Waiting, Status: &Status{State: Waiting, Reason: "gateway unreachable"}},
		{Name: "web3", State: Stopped, Status: &Status{State: Stopped, Reason: "stopped by an operator", Cordoned: true}},
		{Name: "web4", State: Draining, Status: &Status{State: Draining, Reason: "drained by an operator"}},
		{Name: "web5", State: Up, Status: &Status{State: Up}},
	}}, 0)
	for _, want := range []string{
		"web1: checks are suspended: thresher resume has them count again",
		"web2 is waiting: gateway unreachable",
		"web3 is stopped: stopped by an operator\nweb3: cordoned: out until thresher uncordon, over boots and starts",
		"web4 is draining: drained by an operator\nweb4: 0 connections are left; it stops when the last has ended",
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\nweb1 is") || strings.Contains(text, "\nweb5 is") || strings.Contains(text, "\nweb5:") {
		t.Errorf("of nodes that are up:\n%s", text)
	}
}

// What every node has counted fits the terminal: columns that do not are left out
// whole, the least telling first.
func TestFarmTextLeavesColumnsOut(t *testing.T) {
	for head, path := range map[string]Datapath{
		"PACKETS  ACCEPTED  REJECTED  OPENED  CONNECTIONS  FENCED  ASKED":                {Accepted: 100, Rejected: 300, Opened: 7},
		"PACKETS  ACCEPTED        REJECTED           OPENED         CONNECTIONS  FENCED": {Accepted: 12345678901, Rejected: 1234567890123, Opened: 1234567890, Asked: 1234567890},
		"PACKETS  ACCEPTED                   REJECTED                   OPENED":          {Accepted: 1 << 63, Rejected: 1 << 63, Asked: 1 << 63},
	} {
		text := FarmText(FarmStatus{Node: "web1", Nodes: []FarmNode{{Name: "web1", State: Up, Status: &Status{Datapath: path}}}}, 0)
		if !slices.Contains(strings.Split(text, "\n"), head) || strings.Contains(text, "~") {
			t.Errorf("want %s:\n%s", head, text)
		}
	}
}
