package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// badCase is an edit of goodFile, old and new texts in turn, and the whole
// error without the file's name in front of each line.
type badCase struct {
	name string
	edit []string
	want string
}

func checkBad(t *testing.T, tests []badCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse("f.yaml", []byte(with(t, tt.edit...)), noEnv())
			if err == nil || c != nil {
				t.Fatalf("accepted: %+v, %v", c, err)
			}
			want := "f.yaml:" + strings.ReplaceAll(tt.want, "\n", "\nf.yaml:")
			if diff := cmp.Diff(want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "f.yaml: the file is empty: it needs at least interface, vips, rules and cluster"},
		{"comments only", "# later\n", "f.yaml: the file is empty: it needs at least interface, vips, rules and cluster"},
		{"null", "---\n~\n", "f.yaml: the file is empty: it needs at least interface, vips, rules and cluster"},
		{"prose", "hello\n", "f.yaml:1: not a list of keys with values: start with lines such as `interface: eth0`"},
		{"list", "\n- a\n", "f.yaml:2: not a list of keys with values: start with lines such as `interface: eth0`"},
		{"no YAML", "interface: eth0\n  vips: 3\n", "f.yaml:2: not YAML: mapping values are not allowed in this context"},
		{"binary", "\x7fELF\x02\x01\x01\x00", "f.yaml: not YAML: control characters are not allowed"},
		{"second document", goodFile + "---\na: b\n", "f.yaml:11: a second YAML document: write everything into one"},
		{"empty mapping", "{}\n", "" +
			"f.yaml: interface: is missing: name the network interface that the VIPs' packets arrive on, such as eth0\n" +
			"f.yaml: vips: is missing: give at least one shared address, such as `- address: 192.0.2.100`\n" +
			"f.yaml: rules: is missing: a farm without rules serves nothing, so give at least one\n" +
			"f.yaml: cluster.bind: is missing: give this node's own address, such as 192.0.2.11\n" +
			"f.yaml: cluster.key_file: is missing: make one with `thresher key FILE`, or set `insecure: true` to go without"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(tt.text), noEnv())
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadKeys(t *testing.T) {
	const top = "the keys here are `node`, `interface`, `vips`, `rules`, `default`, `cluster`, `datapath`, `api`, `run_dir` and `state_dir`"
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
		{"not built yet", []string{"interface: eth0", "interface: eth0\nservices: []"},
			"3: services: unknown key `services`: " + top},
		{"number", []string{"interface: eth0", "interface: eth0\n5: 1"}, "3: 5: unknown key `5`: " + top},
		{"twice", []string{"interface: eth0", "interface: eth0\ninterface: eth1"},
			"3: interface: duplicate key `interface`: `interface` is already on line 2"},
		{"twice in other case", []string{"insecure: true", "insecure: true\n  Insecure: false"},
			"11: cluster.Insecure: duplicate key `Insecure`: `insecure` is already on line 10"},
		{"twice in an object", []string{"{name: dns,", "{name: dns, Name: web,"},
			"7: rules[1].Name: duplicate key `Name`: `name` is already on line 7"},
		{"list as key", []string{"node: {name: web1}", "? [a]\n: 1"}, "1: a key that is not a word"},
		{"alias", []string{"{address: 192.0.2.100}", "&a {address: 192.0.2.100}\n  - *a"},
			"5: vips[1]: YAML aliases are not supported: write the value out"},
		{"too deep", []string{"{name: web1}", strings.Repeat("[", 20) + strings.Repeat("]", 20)},
			"1: node" + strings.Repeat("[0]", 16) + ": nested too deep"},
		{"merge", []string{"node: {name: web1}", "node: {<<: {name: web1}}"},
			"1: node.<<: unknown key `<<`: the keys here are `name`"},
	})
}

func TestBadTypes(t *testing.T) {
	checkBad(t, []badCase{
		{"value for keys", []string{"node: {name: web1}", "node: web1"},
			"1: node: has a value where keys belong: its keys are `name`"},
		{"keys for value", []string{"interface: eth0", "interface: {name: eth0}"},
			"2: interface: is not a single value"},
		{"no value", []string{"interface: eth0", "interface:"},
			"2: interface: has no value: give it one or remove the key"},
		{"number for text", []string{"interface: eth0", "interface: 7"},
			`2: interface: 7 is not text: write "7", with the quotes`},
		{"no list", []string{"[80, 443]", "80"},
			"6: rules[0].ports: is not a list: put the value into [brackets], or start each entry with a dash"},
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
			"7: rules[1].vip: has keys below it where a value belongs"},
	})
}

func TestBadNode(t *testing.T) {
	const cure = "use letters, digits, dots, dashes and underscores, beginning with a letter or digit"
	long := strings.Repeat("n", 64)
	checkBad(t, []badCase{
		{"name empty", []string{"{name: web1}", `{name: ""}`}, "1: node.name: is empty: " + cure},
		{"name long", []string{"web1", long}, fmt.Sprintf("1: node.name: %q has 64 characters: use at most 63", long)},
		{"name odd", []string{"web1", `"../web1"`}, `1: node.name: "../web1" has other characters than a name may have: ` + cure},
		{"interface empty", []string{"eth0", `""`},
			"2: interface: is empty: name the network interface that the VIPs' packets arrive on, such as eth0"},
		{"interface long", []string{"eth0", "eth0123456789abc"},
			`2: interface: "eth0123456789abc" has 16 characters: an interface name has at most 15`},
		{"interface odd", []string{"eth0", "eth/0"}, "2: interface: \"eth/0\" is no interface name: see `ip link` for the right ones"},
		{"default", []string{"interface:", "default: allow\ninterface:"}, `2: default: "allow" is no default: use deny`},
		{"run_dir", []string{"interface:", "run_dir: run\ninterface:"}, `2: run_dir: "run" is no absolute path: begin it with a slash`},
		{"state_dir", []string{"interface:", "state_dir: \"\"\ninterface:"}, `2: state_dir: "" is no absolute path: begin it with a slash`},
		{"offload", []string{"interface:", "datapath: {offload: fully}\ninterface:"}, `2: datapath.offload: "fully" is no offload level: use none, reject or full`},
		{"xdp", []string{"interface:", "datapath: {xdp: fast}\ninterface:"}, `2: datapath.xdp: "fast" is no XDP mode: use auto, native or generic`},
		{"queues word", []string{"interface:", "datapath: {queues: many}\ninterface:"},
			`2: datapath.queues: "many" is no number of queues: use auto or a number from 1 to 1024`},
		{"queues none", []string{"interface:", "datapath: {queues: 0}\ninterface:"},
			`2: datapath.queues: 0 queues are out of range: use auto or a number from 1 to 1024`},
		{"listen https", []string{"interface:", "api: {listen: [\"https://192.0.2.11:9453\"]}\ninterface:"},
			`2: api.listen[0]: "https://192.0.2.11:9453" is no unix socket, and nothing else is supported: use one, such as unix:///run/thresher/api.sock`},
		{"listen relative", []string{"interface:", "api: {listen: [\"unix://api.sock\"]}\ninterface:"},
			`2: api.listen[0]: "unix://api.sock" has no absolute path: use one, such as unix:///run/thresher/api.sock`},
		{"listen twice", []string{"interface:", "api: {listen: [\"unix:///a\", \"unix:///b\"]}\ninterface:"},
			`2: api.listen: has more than one entry, and only one unix socket is supported: use one, such as unix:///run/thresher/api.sock`},
		{"listen none", []string{"interface:", "api: {listen: []}\ninterface:"},
			`2: api.listen: names no socket: use one, such as unix:///run/thresher/api.sock`},
		{"listen long", []string{"interface:", "api: {listen: [\"unix:///" + strings.Repeat("s", 107) + "\"]}\ninterface:"},
			`2: api.listen[0]: the socket's path has 108 characters: use at most 107`},
	})
}

func TestBadVIPs(t *testing.T) {
	const one = "{address: 192.0.2.100}"
	const cureMAC = ": use a unicast Ethernet address such as 5a:fe:c0:00:02:64, or leave mac out"
	checkBad(t, []badCase{
		{"none", []string{"\n  - " + one, " []"}, "3: vips: is empty: give at least one shared address, such as `- address: 192.0.2.100`"},
		{"no address", []string{one, "{mode: flood}"}, "4: vips[0].address: is missing: give the shared address, such as 192.0.2.100"},
		{"host name", []string{"192.0.2.100", "www.example.org"},
			`4: vips[0].address: "www.example.org" is no IP address: write it as in 192.0.2.100, without prefix length and port`},
		{"prefix", []string{"192.0.2.100", "192.0.2.100/24"},
			`4: vips[0].address: "192.0.2.100/24" is no IP address: write it as in 192.0.2.100, without prefix length and port`},
		{"IPv6", []string{"192.0.2.100", `"2001:db8::1"`},
			"4: vips[0].address: 2001:db8::1 is an IPv6 address, and VIPs are IPv4 so far: give an IPv4 address"},
		{"multicast", []string{"192.0.2.100", "224.0.0.1"},
			"4: vips[0].address: 224.0.0.1 is no address of a host: use a free unicast address of the interface's network"},
		{"loopback", []string{"192.0.2.100", "127.0.0.1"},
			"4: vips[0].address: 127.0.0.1 is no address of a host: use a free unicast address of the interface's network"},
		{"twice", []string{one, one + "\n  - " + one}, "5: vips[1].address: 192.0.2.100 is already vips[0]: give each VIP once"},
		{"mode", []string{one, "{address: 192.0.2.100, mode: multicast}"}, `4: vips[0].mode: "multicast" is no VIP mode: use flood`},
		{"mac text", []string{one, "{address: 192.0.2.100, mac: 5a-fe}"}, `4: vips[0].mac: "5a-fe" is no Ethernet address` + cureMAC},
		{"mac of 8 bytes", []string{one, `{address: 192.0.2.100, mac: "02:00:5e:10:00:00:00:01"}`},
			`4: vips[0].mac: "02:00:5e:10:00:00:00:01" is no Ethernet address` + cureMAC},
		{"mac group", []string{one, "{address: 192.0.2.100, mac: 11:22:33:44:55:56}"},
			"4: vips[0].mac: 11:22:33:44:55:56 is a group address" + cureMAC},
		{"mac zero", []string{one, `{address: 192.0.2.100, mac: "00:00:00:00:00:00"}`},
			"4: vips[0].mac: 00:00:00:00:00:00 is the zero address" + cureMAC},
		{"mac of another", []string{one, one + "\n  - {address: 192.0.2.101, mac: 5a:fe:c0:00:02:64}"},
			"5: vips[1].mac: 5a:fe:c0:00:02:64 is already the MAC of 192.0.2.100: give each VIP its own"},
	})
}

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
		{"weight above", []string{tail, "ports: [53], weight: 101}"}, "7: rules[1].weight: weight 101 is out of range: use 0 to 100"},
		{"weight below", []string{tail, "ports: [53], weight: -1}"}, "7: rules[1].weight: weight -1 is out of range: use 0 to 100"},
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

func TestBadPorts(t *testing.T) {
	const cure = `use a number from 1 to 65535, or a range such as "8000-8010"`
	const at = "7: rules[1].ports[0]: "
	for _, tt := range []struct{ ports, want string }{
		{"70000", at + "port 70000 is out of range: use 1 to 65535"},
		{"0", at + "port 0 is out of range: use 1 to 65535"},
		{"-1", at + "port -1 is out of range: use 1 to 65535"},
		{`"1-65536"`, at + "port 65536 is out of range: use 1 to 65535"},
		{"9-8", at + "the range 9-8 runs backwards: write 8-9"},
		{"http", at + `"http" is no port: ` + cure},
		{`""`, at + `"" is no port: ` + cure},
		{`"80-"`, at + `"80-" is no port: ` + cure},
		{`"1-2-3"`, at + `"1-2-3" is no port: ` + cure},
		{`"80, 443"`, at + `"80, 443" is no port: ` + cure},
		{"8e1", at + `"80" is no port: ` + cure},
		{"[53]", at + "is not a single value"},
		{"", "7: rules[1].ports: is empty: give the ports served, such as [80, 443]"},
		{"53, 53", "7: rules[1].ports: port 53 stands twice: give each port once"},
		{`100, "90-110"`, "7: rules[1].ports: port 100 stands twice: give each port once"},
	} {
		checkBad(t, []badCase{{tt.ports, []string{"[53]", "[" + tt.ports + "]"}, tt.want}})
	}
}

func TestBadCluster(t *testing.T) {
	const cure = ": use a node's own IP address, with or without a port, such as 192.0.2.11:7946"
	const join = "insecure: true\n  join: "
	checkBad(t, []badCase{
		{"no bind", []string{"  bind: 192.0.2.11\n", ""}, "8: cluster.bind: is missing: give this node's own address, such as 192.0.2.11"},
		{"bind host name", []string{"192.0.2.11\n", "web1:7946\n"}, `9: cluster.bind: "web1:7946" is no address of a node` + cure},
		{"bind everywhere", []string{"192.0.2.11\n", "0.0.0.0\n"}, "9: cluster.bind: 0.0.0.0 is no address of a single node" + cure},
		{"bind VIP", []string{"192.0.2.11\n", "192.0.2.100\n"}, "9: cluster.bind: 192.0.2.100 is a VIP" + cure},
		{"bind port 0", []string{"192.0.2.11\n", "192.0.2.11:0\n"}, "9: cluster.bind: port 0 is out of range: use 1 to 65535"},
		{"bind port 70000", []string{"192.0.2.11\n", "192.0.2.11:70000\n"}, `9: cluster.bind: "192.0.2.11:70000" is no address of a node` + cure},
		{"join twice", []string{"insecure: true", join + "[192.0.2.12, \"192.0.2.12:7946\"]"},
			"11: cluster.join[1]: 192.0.2.12:7946 stands twice: give each peer once"},
		{"join VIP", []string{"insecure: true", join + "[192.0.2.12, 192.0.2.100]"}, "11: cluster.join[1]: 192.0.2.100 is a VIP" + cure},
		{"profile", []string{"insecure: true", "insecure: true\n  profile: fats"}, `11: cluster.profile: "fats" is no profile: use fast, lan or wan`},
		{"join_timeout text", []string{"insecure: true", "insecure: true\n  join_timeout: soon"},
			`11: cluster.join_timeout: "soon" is no duration: write it as in 3s or 500ms`},
		{"join_timeout long", []string{"insecure: true", "insecure: true\n  join_timeout: 2h"},
			"11: cluster.join_timeout: 2h0m0s is out of range: use 100ms to 1h0m0s"},
		{"no key", []string{"  insecure: true\n", ""},
			"8: cluster.key_file: is missing: make one with `thresher key FILE`, or set `insecure: true` to go without"},
		{"key empty", []string{"insecure: true", `key_file: ""`},
			"10: cluster.key_file: is empty: make one with `thresher key FILE`, or set `insecure: true` to go without"},
		{"key and insecure", []string{"insecure: true", "insecure: true\n  key_file: /key"},
			"10: cluster.insecure: the farm has a key file and is insecure too: remove one of the two"},
	})
}

func TestBadKeyFile(t *testing.T) {
	dir := t.TempDir()
	good := string(formatKeys(testKeys()))
	writeFile(t, filepath.Join(dir, "open"), good, 0o640)
	writeFile(t, filepath.Join(dir, "cut"), good[:100], 0o600)
	tests := []struct{ file, want string }{
		{"none", "no such key file: make it with `thresher key DIR/none`, or copy it from another node"},
		{"open", "the key file is open to others (mode 0640): chmod 600 DIR/open"},
		{".", "the key file is no regular file: " + newKeyCure},
		{"cut", "2: gossip: not base64: " + newKeyCure},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			text := with(t, "insecure: true", "key_file: "+tt.file)
			_, err := Parse(filepath.Join(dir, "f.yaml"), []byte(text), noEnv())
			if err == nil {
				t.Fatal("accepted")
			}
			sep := ": "
			if tt.file == "cut" {
				sep = ":"
			}
			want := "DIR/f.yaml:10: cluster.key_file: " + filepath.Join("DIR", tt.file) + sep + tt.want
			if diff := cmp.Diff(want, strings.ReplaceAll(err.Error(), dir, "DIR")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
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

// Problems of all kinds come together, in the order of the file, and a problem
// draws no others after it.
func TestBadTogether(t *testing.T) {
	checkBad(t, []badCase{{"mixed", []string{
		"name: web1", "name: web 1", "{address: 192.0.2.100}", "{address: www}",
		"[80, 443]", "[80, 0], weigth: 5, vip: 192.0.2.9", "udp", "tpc", "bind: 192.0.2.11", "bnid: 192.0.2.11"},
		"1: node.name: \"web 1\" has other characters than a name may have: use letters, digits, dots, dashes and underscores, beginning with a letter or digit\n" +
			"4: vips[0].address: \"www\" is no IP address: write it as in 192.0.2.100, without prefix length and port\n" +
			"6: rules[0].ports[1]: port 0 is out of range: use 1 to 65535\n" +
			"6: rules[0].weigth: unknown key `weigth`: did you mean `weight`?\n" +
			"7: rules[1].protocol: \"tpc\" is no protocol: use tcp or udp\n" +
			"9: cluster.bnid: unknown key `bnid`: did you mean `bind`?"}})
}

func TestErrorIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(path, noEnv())
	var one *Error
	if !errors.As(err, &one) || one.File != path || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of no file: %#v", err)
	}
	if want := path + ": no such file or directory: check the path"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxFileSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big, noEnv()); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("Load of a big file: %v", err)
	}
}
