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
		{"affinity", []string{tail, "ports: [53], affinity: nework}"}, `7: rules[1].affinity: "nework" is no affinity: use client, session, network or packet`},
		{"sticky on udp", []string{tail, "ports: [53], sticky: 30m}"},
			"7: rules[1].sticky: clients of a udp rule do not stay with a node: leave it out, or use protocol tcp"},
		{"sticky with session", []string{"[80, 443]}", "[80, 443], affinity: session, sticky: 30m}"},
			"6: rules[0].sticky: with affinity session, each connection is placed by itself: use affinity client or network, or leave sticky out"},
		{"sticky without unit", []string{"[80, 443]}", "[80, 443], sticky: 30}"}, "6: rules[0].sticky: 30 is no duration: it needs a unit, such as 30s"},
		{"sticky too short", []string{"[80, 443]}", "[80, 443], sticky: 10ms}"}, "6: rules[0].sticky: 10ms is out of range: use 1s to 24h"},
		{"packets of tcp", []string{"[80, 443]}", "[80, 443], affinity: packet}"},
			"6: rules[0].affinity: the packets of a TCP connection must go to one node: use client, session or network, or protocol udp"},
		{"packets of forwarded flows", []string{tail, "ports: [53], affinity: packet, forward: true}"},
			"7: rules[1].affinity: the packets of a flow that is forwarded must go to one node: use client, session or network, or leave forward out"},
		{"packets of IPv6", []string{"{address: 192.0.2.100}", "{address: 192.0.2.100}\n  - {address: 2001:db8::100}", tail, "ports: [53], affinity: packet}"},
			"8: rules[1].affinity: packets of IPv6 have no identification, and the rule holds for an IPv6 VIP: " +
				"use client, session or network, or name the IPv4 addresses in the rule's vip"},
		{"prefix of clients", []string{tail, "ports: [53], prefix: {v4: 24}}"},
			"7: rules[1].prefix: counts with affinity network alone: use affinity: network, or leave prefix out"},
		{"prefix too long", []string{tail, "ports: [53], affinity: network, prefix: {v4: 33, v6: 129}}"}, "" +
			"7: rules[1].prefix.v4: prefix 33 is out of range: use 1 to 32\n" +
			"7: rules[1].prefix.v6: prefix 129 is out of range: use 1 to 128"},
		{"prefix as a number", []string{tail, "ports: [53], affinity: network, prefix: 24}"},
			"7: rules[1].prefix: has a value where keys belong: its keys are `v4` and `v6`"},
		{"prefix empty", []string{tail, "ports: [53], affinity: network, prefix: {}}"},
			"7: rules[1].prefix: is empty: write {v4: 24, v6: 64}, or leave it out for that"},
		{"mode", []string{tail, "ports: [53], mode: sharde}"}, `7: rules[1].mode: "sharde" is no rule mode: use shared, single or block`},
		{"priority of shared", []string{tail, "ports: [53], priority: 3}"},
			"7: rules[1].priority: counts with mode single alone: use mode: single, or weight to share the clients unevenly"},
		{"priority out of range", []string{tail, "ports: [53], mode: single, priority: 101}"},
			"7: rules[1].priority: priority 101 is out of range: use 1 to 100"},
		{"priority 0", []string{tail, "ports: [53], mode: single, priority: 0}"}, "7: rules[1].priority: priority 0 is out of range: use 1 to 100"},
		{"sticky with single", []string{"[80, 443]}", "[80, 443], mode: single, sticky: 30m}"},
			"6: rules[0].sticky: with mode single, all clients are with one node: leave it out, or use mode shared"},
		{"block with more", []string{tail, "ports: [53], mode: block, weight: 3, nodes: [web1], forward: true}"}, "" +
			"7: rules[1].weight: with mode block, nobody serves the rule: leave it out, or use another mode\n" +
			"7: rules[1].nodes: with mode block, nobody serves the rule: leave it out, or use another mode\n" +
			"7: rules[1].forward: with mode block, nobody serves the rule: leave it out, or use another mode"},
		{"nodes empty", []string{tail, "ports: [53], nodes: []}"},
			"7: rules[1].nodes: names no node: leave it out for all nodes, or use mode: block to serve nobody"},
		{"node twice", []string{tail, "ports: [53], nodes: [web1, web1]}"},
			`7: rules[1].nodes[1]: "web1" stands twice: name each node once`},
		{"node no name", []string{tail, "ports: [53], nodes: [\"web 1\"]}"},
			`7: rules[1].nodes[0]: "web 1" has other characters than a name may have: use letters, digits, dots, dashes and underscores, beginning with a letter or digit`},
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
