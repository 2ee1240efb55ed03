package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestBadRules(t *testing.T) {
	const web, dns, tail = "{name: web, protocol: tcp, ports: [80, 443]}", "{name: dns, protocol: udp, ports: [53]}", "ports: [53]}"
	const twoVIPs = "{address: 192.0.2.100}\n  - {address: 192.0.2.101}"
	checkBad(t, []badCase{
		{"none", []string{"\n  - " + web + "\n  - " + dns, " []"},
			"5: rules: is empty: a farm without rules serves nothing, so give at least one"},
		{"no name", []string{"name: web, ", ""}, "6: rules[0].name: is missing: give the rule a name, such as web"},
		{"empty object", []string{web, "{}"}, "" +
			"6: rules[0].name: is missing: give the rule a name, such as web\n" +
			"6: rules[0].protocol: is missing: use tcp or udp\n" +
			"6: rules[0].ports: is missing: give the ports served, such as [80, 443]"},
		{"same name", []string{"dns", "web"}, `7: rules[1].name: "web" is already the name of rules[0]: give each rule its own`},
		{"protocol", []string{"udp", "sctp"}, `7: rules[1].protocol: "sctp" is no protocol: use tcp or udp`},
		{"protocol in capitals", []string{"udp", "UDP"}, `7: rules[1].protocol: "UDP" is no protocol: use tcp or udp`},
		{"affinity", []string{tail, "ports: [53], affinity: network}"}, `7: rules[1].affinity: "network" is no affinity: use client or session`},
		{"sticky on udp", []string{tail, "ports: [53], sticky: 30m}"},
			"7: rules[1].sticky: clients of a udp rule do not stay with a node: leave it out, or use protocol tcp"},
		{"sticky with session", []string{"[80, 443]}", "[80, 443], affinity: session, sticky: 30m}"},
			"6: rules[0].sticky: with affinity session, each connection is placed by itself: use affinity client, or leave sticky out"},
		{"sticky without unit", []string{"[80, 443]}", "[80, 443], sticky: 30}"}, "6: rules[0].sticky: 30 is no duration: it needs a unit, such as 30s"},
		{"sticky too short", []string{"[80, 443]}", "[80, 443], sticky: 10ms}"}, "6: rules[0].sticky: 10ms is out of range: use 1s to 24h0m0s"},
		{"weight above", []string{tail, "ports: [53], weight: 101}"}, "7: rules[1].weight: weight 101 is out of range: use 0 to 100"},
		{"weight below", []string{tail, "ports: [53], weight: -1}"}, "7: rules[1].weight: weight -1 is out of range: use 0 to 100"},
		{"forward", []string{tail, "ports: [53], forward: yes please}"},
			`7: rules[1].forward: "yes please" is neither true nor false: use true or false`},
		{"vip unknown", []string{tail, "ports: [53], vip: 192.0.2.7}"},
			"7: rules[1].vip: 192.0.2.7 is not among vips: add it there, or leave vip out for all"},
		{"vip no address", []string{tail, "ports: [53], vip: [192.0.2.100, all]}"},
			`7: rules[1].vip[1]: "all" is no IP address: use one of vips, or leave it out for all`},
		{"vip twice", []string{tail, "ports: [53], vip: [192.0.2.100, 192.0.2.100]}"},
			"7: rules[1].vip[1]: 192.0.2.100 stands twice: give each address once"},
		{"vip empty list", []string{tail, "ports: [53], vip: []}"}, "7: rules[1].vip: names no address: leave it out for all VIPs"},
		{"overlap", []string{"udp, ports: [53]", `tcp, ports: ["400-500"]`},
			`7: rules[1].ports: rule "web" and rule "dns" both serve tcp port 443 of 192.0.2.100: give the port to one of them`},
		{"overlap of all and one", []string{"{address: 192.0.2.100}", twoVIPs, dns, "{name: alt, protocol: tcp, ports: [80], vip: 192.0.2.101}"},
			`8: rules[1].ports: rule "web" and rule "alt" both serve tcp port 80 of 192.0.2.101: give the port to one of them`},
		{"overlap of lists", []string{"{address: 192.0.2.100}", twoVIPs, "[80, 443]}", "[80], vip: [192.0.2.101]}",
			dns, "{name: alt, protocol: tcp, ports: [80], vip: [192.0.2.100, 192.0.2.101]}"},
			`8: rules[1].ports: rule "web" and rule "alt" both serve tcp port 80 of 192.0.2.101: give the port to one of them`},
	})
}

func TestTooMany(t *testing.T) {
	var vips, rules strings.Builder
	for i := range MaxVIPs + 1 {
		fmt.Fprintf(&vips, "  - {address: 192.0.2.%d}\n", i+100)
	}
	for i := range MaxRules + 1 {
		fmt.Fprintf(&rules, "  - {name: r%d, protocol: tcp, ports: [%d]}\n", i, i+1)
	}
	checkBad(t, []badCase{
		{"VIPs", []string{"  - {address: 192.0.2.100}\n", vips.String()}, "68: vips[64]: too many VIPs: a farm has at most 64"},
		{"rules", []string{"  - {name: web, protocol: tcp, ports: [80, 443]}\n  - {name: dns, protocol: udp, ports: [53]}\n", rules.String()},
			"262: rules[256]: too many rules: a farm has at most 256"},
	})
}
