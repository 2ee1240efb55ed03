package config

import (
	"strings"
	"testing"
)

func TestBadKeys(t *testing.T) {
	const top = "the keys here are `node`, `interface`, `vips`, `rules`, `default`, `cluster`, `datapath`, `services`, `checks`, `notify`, `health_listen`, `api`, `run_dir` and `state_dir`"
	checkBad(t, []badCase{
		{"misspelt", []string{"interface: eth0", "intreface: eth0"},
			"2: intreface: unknown key `intreface`: did you mean `interface`?"},
		{"other case", []string{"interface: eth0", "Interface: eth0"},
			"2: Interface: unknown key `Interface`: did you mean `interface`?"},
		{"in a list of objects", []string{"protocol: tcp", "prot: tcp"},
			"6: rules[0].prot: unknown key `prot`: did you mean `protocol`?"},
		{"in the second object", []string{"ports: [53]", "ports: [53], wieght: 5"},
			"7: rules[1].wieght: unknown key `wieght`: did you mean `weight`?"},
		{"mapping misspelt", []string{"cluster:", "clutser:"},
			"8: clutser: unknown key `clutser`: did you mean `cluster`?"},
		{"elsewhere", []string{"interface: eth0", "interface: eth0\nprofile: fast"},
			"3: profile: unknown key `profile`: did you mean `cluster.profile`?"},
		{"dotted", []string{"interface: eth0", "interface: eth0\ncluster.profile: fast"},
			"3: cluster.profile: unknown key `cluster.profile`: write `profile` below `cluster`"},
		{"not built yet", []string{"interface: eth0", "interface: eth0\ncapture: []"},
			"3: capture: unknown key `capture`: " + top},
		{"number", []string{"interface: eth0", "interface: eth0\n5: 1"}, "3: 5: unknown key `5`: " + top},
		{"twice", []string{"interface: eth0", "interface: eth0\ninterface: eth1"},
			"3: interface: duplicate key `interface`: `interface` is already on line 2"},
		{"twice in other case", []string{"insecure: true", "insecure: true\n  Insecure: false"},
			"11: cluster.Insecure: duplicate key `Insecure`: `insecure` is already on line 10"},
		{"twice in an object", []string{"{name: dns,", "{name: dns, Name: web,"},
			"7: rules[1].Name: duplicate key `Name`: `name` is already on line 7"},
		{"list as key", []string{"node: {name: web1}", "? [a]\n: 1"}, "1: a key that is not a word: write KEY: VALUE; quote a value that begins with a bracket or a question mark"},
		{"alias", []string{"{address: 192.0.2.100}", "&a {address: 192.0.2.100}\n  - *a"},
			"5: vips[1]: YAML aliases are not supported: write the value out"},
		{"too deep", []string{"{name: web1}", strings.Repeat("[", 20) + strings.Repeat("]", 20)},
			"1: node" + strings.Repeat("[0]", 16) + ": nested too deep: take the keys out that are not in the reference (docs/configuration.md)"},
		{"merge", []string{"node: {name: web1}", "node: {<<: {name: web1}}"},
			"1: node.<<: unknown key `<<`: the keys here are `name`, `boot`, `boot_delay`, `rejoin`, `slow_start`, `stop_drain`, `reset_on_stop` and `vip_checks`"},
	})
}

func TestBadTypes(t *testing.T) {
	checkBad(t, []badCase{
		{"value for keys", []string{"node: {name: web1}", "node: web1"},
			"1: node: has a value where keys belong: its keys are `name`, `boot`, `boot_delay`, `rejoin`, `slow_start`, `stop_drain`, `reset_on_stop` and `vip_checks`"},
		{"keys for value", []string{"interface: eth0", "interface: {name: eth0}"},
			"2: interface: is not a single value: write one value, without brackets, dashes and keys below it"},
		{"no value", []string{"interface: eth0", "interface:"},
			"2: interface: has no value: give it one or remove the key"},
		{"number for text", []string{"interface: eth0", "interface: 7"},
			`2: interface: 7 is not text: write "7", with the quotes`},
		{"number for an address", []string{"insecure: true", "insecure: true\nhealth_listen: 9010"},
			"11: health_listen: 9010 is not text: write it as in 0.0.0.0:9010"},
		{"true for a word", []string{"insecure: true", "insecure: true\ndatapath: {xdp: true}"},
			"11: datapath.xdp: true is not text: use auto, native or generic"},
		{"number for a word in a list", []string{"protocol: tcp", "protocol: 6"},
			"6: rules[0].protocol: 6 is not text: use tcp or udp"},
		{"no list", []string{"insecure: true", "insecure: true\n  join: 192.0.2.12"},
			"11: cluster.join: is not a list: put the value into [brackets], or start each entry with a dash"},
		{"yes", []string{"insecure: true", "insecure: yes"},
			`10: cluster.insecure: "yes" is neither true nor false: use true or false`},
		{"fraction", []string{"ports: [53]", "ports: [53], weight: 5.5"},
			`7: rules[1].weight: "5.5" is not a whole number: write digits only`},
		{"beyond 64 bits", []string{"ports: [53]", "ports: [53], weight: 99999999999999999999"},
			`7: rules[1].weight: "99999999999999999999" is not a whole number: write digits only`},
		{"no unit", []string{"insecure: true", "insecure: true\n  join_timeout: 5"},
			"11: cluster.join_timeout: 5 is no duration: it needs a unit, such as 5s"},
		{"no unit in quotes", []string{"insecure: true", "insecure: true\n  join_timeout: \"5\""},
			"11: cluster.join_timeout: 5 is no duration: it needs a unit, such as 5s"},
		{"keys for vip", []string{"ports: [53]", "ports: [53], vip: {a: 1}"},
			"7: rules[1].vip: has keys below it where a value belongs: write a value, or several in [brackets]"},
	})
}
