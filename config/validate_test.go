package config

import (
	"fmt"
	"strings"
	"testing"
)

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
		{"default", []string{"interface:", "default: allow\ninterface:"}, `2: default: "allow" is no default: use deny, pass or single`},
		{"run_dir", []string{"interface:", "run_dir: run\ninterface:"}, `2: run_dir: "run" is no absolute path: begin it with a slash`},
		{"state_dir", []string{"interface:", "state_dir: \"\"\ninterface:"}, `2: state_dir: "" is no absolute path: begin it with a slash`},
		{"offload", []string{"interface:", "datapath: {offload: fully}\ninterface:"}, `2: datapath.offload: "fully" is no offload level: use none, reject or full`},
		{"xdp", []string{"interface:", "datapath: {xdp: fast}\ninterface:"}, `2: datapath.xdp: "fast" is no XDP mode: use auto, native or generic`},
		{"queues word", []string{"interface:", "datapath: {queues: many}\ninterface:"},
			`2: datapath.queues: "many" is no number of queues: use auto or a number from 1 to 256`},
		{"queues none", []string{"interface:", "datapath: {queues: 0}\ninterface:"},
			`2: datapath.queues: 0 queues are out of range: use auto or a number from 1 to 256`},
	})
}
