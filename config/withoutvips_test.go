package config

import (
	"net/netip"
	"strings"
	"testing"
)

// behindBalancer is a whole configuration without VIPs.
const behindBalancer = `node: {name: web1, stop_drain: 5s}
vips: []
cluster: {bind: 192.0.2.11, join: [192.0.2.12], insecure: true}
services: [{name: nginx, systemd: nginx.service}]
checks: [{name: http, type: http, target: "http://127.0.0.1/"}]
health_listen: 0.0.0.0:9010
`

// refuses is an interface that no machine has.
func refuses(string) (problem, cure string) { return "is not there", "look" }

func TestWithoutVIPs(t *testing.T) {
	o := noEnv()
	o.Interface = refuses
	c, err := Parse("f.yaml", []byte(behindBalancer), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.VIPs)+len(c.Rules) != 0 || c.Interface != "" || len(c.Services) != 1 || len(c.Checks) != 1 {
		t.Errorf("%+v", c)
	}
}

// What would have no effect is refused at its place, and a list that is not there or
// has no value is none that is empty.
func TestWithoutVIPsRefuses(t *testing.T) {
	const tail = " counts with VIPs alone, and vips is empty: leave it out, or give at least one shared address in vips"
	for _, tt := range []struct{ name, old, new, want string }{
		{"rules", "vips: []", "vips: []\nrules: [{name: web, protocol: tcp, ports: [80]}]", "f.yaml:3: rules:" + tail},
		{"interface", "vips: []", "interface: eth0\nvips: []", "f.yaml:2: interface:" + tail},
		{"datapath", "vips: []", "vips: []\ndatapath: {offload: none}", "f.yaml:3: datapath:" + tail},
		{"default", "vips: []", "vips: []\ndefault: pass", "f.yaml:3: default:" + tail},
		{"slow start", "stop_drain: 5s", "slow_start: 5s", "f.yaml:1: node.slow_start:" + tail},
		{"partition", "insecure: true", "insecure: true, partition: majority", "f.yaml:3: cluster.partition:" + tail},
		{"a rule that a check names", `127.0.0.1/"}`, `127.0.0.1/", rules: [web]}`, "f.yaml:5: checks[0].rules"},
		{"no value", "vips: []", "vips:", "f.yaml:2: vips: has no value"},
		{"no key", "vips: []\n", "", "vips: is missing: give at least one shared address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(behindBalancer, tt.old, tt.new, 1)
			_, err := Parse("f.yaml", []byte(text), noEnv())
			if text == behindBalancer || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// A newcomer needs no interface either, whichever it has.
func TestNewcomerWithoutVIPs(t *testing.T) {
	next := Newcomer{Node: "web2", Interface: "eth1", Bind: netip.MustParseAddrPort("192.0.2.12:7946")}
	text, _, err := next.Adopt([]byte(behindBalancer), netip.MustParseAddrPort("192.0.2.11:7946"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse("f.yaml", []byte(strings.Replace(string(text), "key_file: \"\"", "", 1)), noEnv())
	if err != nil || c.Interface != "" || c.Node != "web2" || len(c.Cluster.Join) != 2 {
		t.Errorf("%+v, %v:\n%s", c, err, text)
	}
}

// Between a farm with VIPs and one without there is no way but anew.
func TestVIPsComeAndGoAnew(t *testing.T) {
	without, err := Parse("f.yaml", []byte(behindBalancer), noEnv())
	if err != nil {
		t.Fatal(err)
	}
	with, err := Parse("f.yaml", []byte(strings.Replace(behindBalancer, "vips: []",
		"interface: eth0\nvips: [{address: 192.0.2.100}]\nrules: [{name: web, protocol: tcp, ports: [80]}]", 1)), noEnv())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := EffectOf(without.Changes(with)), EffectOf(with.Changes(without)); a != EffectAnew || b != EffectAnew {
		t.Errorf("effects %v and %v", a, b)
	}
}
