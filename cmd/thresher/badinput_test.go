package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thresher/config"
)

// goodConfig is right, but no node runs on lo, which is no Ethernet: should a test
// fail, it starts nothing on this machine.
const goodConfig = `node: {name: web1}
interface: lo
vips:
  - address: 192.0.2.100
rules:
  - name: web
    protocol: tcp
    ports: [80]
cluster:
  bind: 192.0.2.11
  join: [192.0.2.12]
  key_file: key
`

// configDir is a directory with a key, and one that others may read.
func configDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"key", "open-key"} {
		keys, err := config.NewKeys(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := config.WriteKeys(filepath.Join(dir, name), keys); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "open-key"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestBadConfigExits2 runs the built program: what is wrong, where, and the cure,
// a line for each thing, and nothing else.
func TestBadConfigExits2(t *testing.T) {
	dir := configDir(t)
	for _, tt := range []struct {
		name     string
		old, new string
		lines    []string // of standard error
	}{
		{"unknown key", "join:", "jion:", []string{
			"bad.yaml:11: cluster.jion: unknown key `jion`: did you mean `join`?"}},
		{"port", "[80]", "[70000]", []string{
			"bad.yaml:8: rules[0].ports[0]: port 70000 is out of range: use 1 to 65535"}},
		{"no unit", "key_file:", "join_timeout: 5\n  key_file:", []string{
			"bad.yaml:12: cluster.join_timeout: 5 is no duration: it needs a unit, such as 5s"}},
		{"VIP", "192.0.2.100", "192.0.2.300", []string{
			`bad.yaml:4: vips[0].address: "192.0.2.300" is no IP address: write it as in 192.0.2.100 or 2001:db8::100, without prefix length and port`}},
		{"VIP of a subnet", "192.0.2.100", "192.0.2.100/24", []string{
			`bad.yaml:4: vips[0].address: "192.0.2.100/24" is no IP address: write it as in 192.0.2.100 or 2001:db8::100, without prefix length and port`}},
		{"overlap", "cluster:", "  - {name: old, protocol: tcp, ports: [\"70-90\"]}\ncluster:", []string{
			`bad.yaml:9: rules[1].ports: rule "web" and rule "old" both serve tcp port 80 of 192.0.2.100: give the port to one of them`}},
		{"key of interface", "interface: lo", "interfce: lo", []string{
			"bad.yaml:2: interfce: unknown key `interfce`: did you mean `interface`?"}},
		{"interface and port", "interface: lo", "interface: eth0-nowhere\ndefault: allow", []string{
			`bad.yaml:2: interface: this machine has no interface "eth0-nowhere": *`,
			`bad.yaml:3: default: "allow" is no default: use deny, pass or single`}},
		{"key missing", "key_file: key", "key_file: nokey", []string{
			"bad.yaml:12: cluster.key_file: nokey: no such key file: make it with `thresher key nokey`, or copy it from another node"}},
		{"key open", "key_file: key", "key_file: open-key", []string{
			"bad.yaml:12: cluster.key_file: open-key: the key file is open to others (mode 0644): chmod 600 open-key"}},
		{"no key", "  key_file: key\n", "", []string{
			"bad.yaml:9: cluster.key_file: is missing: make one with `thresher key FILE`, or set `insecure: true` to go without"}},
		{"not YAML", "vips:", "vips", []string{
			"bad.yaml:3: not YAML: could not find expected ':': compare the line, and those around it, with the examples in docs/configuration.md"}},
		{"several", "    protocol: tcp\n    ports: [80]", "    protocol: tpc\n    ports: [0]", []string{
			`bad.yaml:7: rules[0].protocol: "tpc" is no protocol: use tcp or udp`,
			"bad.yaml:8: rules[0].ports[0]: port 0 is out of range: use 1 to 65535"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			yaml := strings.Replace(goodConfig, tt.old, tt.new, 1)
			if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, command := range []string{"check", "run"} {
				got := run(t, dir, command, "--config", "bad.yaml")
				if got.code != exitUsage || got.stdout != "" {
					t.Errorf("%s: exit %d, output %q", command, got.code, got.stdout)
				}
				compareLines(t, command, got.stderr, tt.lines)
			}
		})
	}
}

// compareLines compares what the program said with the lines wanted; a line may
// end with * for what depends on the machine.
func compareLines(t *testing.T, command, stderr string, want []string) {
	t.Helper()
	got := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if len(got) != len(want) {
		t.Errorf("%s: %d lines, want %d:\n%s", command, len(got), len(want), stderr)
		return
	}
	for i, line := range want {
		head, open := strings.CutSuffix("thresher: "+line, "*")
		if got[i] != head && !(open && strings.HasPrefix(got[i], head) && len(got[i]) > len(head)) {
			t.Errorf("%s: line %d:\n got %s\nwant %s", command, i+1, got[i], head)
		}
	}
}

// What stands above the file is named instead of a line of it.
func TestBadOverrideExits2(t *testing.T) {
	dir := configDir(t)
	if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(goodConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	got := run(t, dir, "check", "--config", "bad.yaml", "--set", "datapath.xpd=native")
	if want := "thresher: flag: datapath.xpd: unknown key `datapath.xpd`: did you mean `datapath.xdp`?\n"; got.code != exitUsage || got.stderr != want {
		t.Errorf("exit %d, %q", got.code, got.stderr)
	}
	if got := run(t, dir, "check", "--config", "none.yaml"); got.code != exitUsage || got.stderr != "thresher: none.yaml: no such file or directory: name the file by --config, or make one with `thresher init`\n" {
		t.Errorf("exit %d, %q", got.code, got.stderr)
	}
	// A value may be a list, with commas in it.
	got = run(t, dir, "check", "--config", "bad.yaml", "--set", "cluster.join=192.0.2.12,192.0.2.300")
	if want := "thresher: flag: cluster.join[1]: \"192.0.2.300\" is no address of a node: "; got.code != exitUsage || !strings.HasPrefix(got.stderr, want) {
		t.Errorf("exit %d, %q", got.code, got.stderr)
	}
	got = run(t, dir, "check", "--config", "bad.yaml", "--set", "datapath.xdp")
	if want := "thresher: flag --set: \"datapath.xdp\" is not KEY=VALUE; write it as in --set datapath.xdp=generic\n"; got.code != exitUsage || got.stderr != want {
		t.Errorf("exit %d, %q", got.code, got.stderr)
	}
}
