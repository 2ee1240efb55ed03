package bench

import (
	"thresher/perf/engine"
	"thresher/perf/report"
)

// ofBridge is a rate in parts of the kernel's bridge's.
const ofBridge = "of_bridge"

func sentOn(c engine.Counts) uint64 { return c.SentOn }

// modesScenario compares the modes of a VIP where a packet is this node's, and where
// it is another's. In directed, what is another's is the director's work: see
// directorScenario.
func modesScenario() scenario {
	return scenario{
		name: "modes", title: "packets a second in each mode of a VIP",
		method: "As reject and accept, at offload full. What differs is the Ethernet address that the clients send to: " +
			"one that no machine has, a group's, or the node's own, which the program need not replace.",
		metrics: []report.Metric{
			{Name: mpps, Title: "judged", Unit: "Mpps", Better: report.More, Base: engine.Full},
			{Name: nanos, Title: "in all", Unit: "ns", Better: report.Less, Brief: true},
			{Name: lost, Title: "lost", Unit: "%", Better: report.Less, Brief: true},
		},
		groups: func(o Options) []group {
			modes := []string{engine.Full, engine.FullMulticast, engine.FullIGMP}
			return []group{
				{"none ours", trafficRows(o, engine.Share{Mine: 0, Of: 3}, judged, modes...)},
				{"all ours", trafficRows(o, engine.Share{Mine: 1, Of: 1}, delivered, append(modes, engine.FullDirected)...)},
			}
		},
	}
}

// directorScenario asks how fast the director of a VIP in mode directed hands on
// what is another node's.
func directorScenario() scenario {
	return scenario{
		name: "director", title: "packets a second that are handed on to another node",
		method: "As reject, but each packet is another node's, and goes back out with both Ethernet addresses new. Counted is what " +
			"comes out at the other end of the node's wire, where a program takes it off on the same CPU. bridge is the kernel's, " +
			"which sends each frame out of the port that it came from (hairpin) to an address of its table. Bare XDP_DROP, of which " +
			"is counted what it drops, has no way out; bare XDP_TX has one, and no verdict.",
		metrics: []report.Metric{
			{Name: mpps, Title: "handed on", Unit: "Mpps", Better: report.More, Base: engine.XDPDrop},
			{Name: ofBridge, Title: "of bridge", Unit: "×", Better: report.More, Brief: true},
			{Name: nanos, Title: "in all", Unit: "ns", Better: report.Less, Brief: true},
			{Name: overBare, Title: "less XDP_DROP", Unit: "ns", Better: report.Less, Brief: true},
			{Name: lost, Title: "lost", Unit: "%", Better: report.Less, Brief: true},
		},
		groups: func(o Options) []group {
			none := engine.Share{Mine: 0, Of: 1}
			return []group{{rows: append(
				trafficRows(o, none, judged, engine.XDPDrop),
				trafficRows(o, none, sentOn, engine.XDPTX, engine.Bridge, engine.FullDirected, engine.NoneDirected)...,
			)}}
		},
		derive: func(rows []report.Row) {
			less(rows, nanos, engine.XDPDrop, overBare)
			parts(rows, mpps, engine.Bridge, ofBridge)
		},
	}
}
