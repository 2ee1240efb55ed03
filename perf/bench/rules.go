package bench

import (
	"fmt"

	"thresher/perf/engine"
	"thresher/perf/report"
)

func rulesScenario() scenario {
	return scenario{
		name: "rules", title: "nanoseconds a packet with many rules and VIPs",
		method: "As verdict, with a third of the clients ours, and as pipeline. Each packet is for a random VIP and a random " +
			"port of a random rule; every rule has eight ports and holds for all VIPs.",
		metrics: []report.Metric{{Name: nanos, Title: "a packet", Unit: "ns", Better: report.Less}},
		groups: func(o Options) (groups []group) {
			o = o.shortened()
			for _, vips := range []int{1, 8, 64} {
				for _, rules := range []int{1, 16, 128} {
					s := engine.Setup{Share: engine.Share{Mine: 1, Of: 3}, Rules: rules, VIPs: vips}
					rows := verdictRows(o, s, engine.XDPDrop, engine.Full, engine.Reject, engine.None)
					groups = append(groups, group{
						label: fmt.Sprintf("%s, %s", plural(rules, "rule"), plural(vips, "VIP")),
						rows:  append(rows, pipelineRow(o, rules, vips)),
					})
				}
			}
			return groups
		},
	}
}

// plural counts things: 1 rule, 2 rules.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
