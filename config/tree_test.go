package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBadFiles(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "f.yaml: the file is empty: it needs at least interface, vips, rules and cluster"},
		{"comments only", "# later\n", "f.yaml: the file is empty: it needs at least interface, vips, rules and cluster"},
		{"null", "---\n~\n", "f.yaml: the file is empty: it needs at least interface, vips, rules and cluster"},
		{"prose", "hello\n", "f.yaml:1: not a list of keys with values: start with lines such as `interface: eth0`"},
		{"list", "\n- a\n", "f.yaml:2: not a list of keys with values: start with lines such as `interface: eth0`"},
		{"no YAML", "interface: eth0\n  vips: 3\n", "f.yaml:2: not YAML: mapping values are not allowed in this context: compare the line, and those around it, with the examples in docs/configuration.md"},
		{"binary", "\x7fELF\x02\x01\x01\x00", "f.yaml:1: not YAML: byte 1 of the line is the control character 0x7f: remove it"},
		{"control character", "interface: eth0\nnode: {name: \x01}\n", "f.yaml:2: not YAML: byte 14 of the line is the control character 0x01: remove it"},
		{"Latin-1", "interface: eth0\n# K\xf6ln\n", "f.yaml:2: not YAML: byte 4 of the line, 0xf6, is no UTF-8: save the file as UTF-8"},
		{"tab", "node:\n\tname: web1\n", "f.yaml:2: not YAML: a tab indents the line: indent with spaces"},
		{"second document", goodFile + "---\na: b\n", "f.yaml:11: a second YAML document: write everything into one"},
		{"empty mapping", "{}\n", "" +
			"f.yaml: interface: is missing: name the network interface that the VIPs' packets arrive on, such as eth0\n" +
			"f.yaml: vips: is missing: give at least one shared address, such as `- address: 192.0.2.100`, or `vips: []` behind another balancer\n" +
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
