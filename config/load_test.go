package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// equalAddrs compares addresses, whose fields are not exported, by value.
var equalAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
}

func diffConfig(want, got *Config) string { return cmp.Diff(want, got, equalAddrs) }

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func port(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// peers are nodes, each with its addresses between blanks.
func peers(texts ...string) (all []Peer) {
	for _, text := range texts {
		var one Peer
		for _, a := range strings.Fields(text) {
			one = append(one, port(a))
		}
		all = append(all, one)
	}
	return all
}

// goodConfig is what goodFile means.
func goodConfig() *Config {
	return &Config{
		Node:      "web1",
		Life:      Life{Boot: BootOn, Rejoin: RejoinAuto, StopDrain: 10 * time.Second, ResetOnStop: true},
		Interface: "eth0",
		VIPs:      []VIP{{addr("192.0.2.100"), Flood, MAC{0x5a, 0xfe, 192, 0, 2, 100}}},
		Rules: []Rule{
			{Name: "web", Protocol: TCP, Ports: []PortRange{{80, 80}, {443, 443}}, Mode: ModeShared, Affinity: Client, Weight: 100, Priority: 50},
			{Name: "dns", Protocol: UDP, Ports: []PortRange{{53, 53}}, Mode: ModeShared, Affinity: Client, Weight: 100, Priority: 50},
		},
		Default:  Deny,
		Cluster:  Cluster{Bind: port("192.0.2.11:7946"), Insecure: true, Profile: Fast, Partition: Serve, JoinTimeout: 3 * time.Second},
		Datapath: Datapath{Offload: OffloadFull, XDP: XDPAuto, ZeroCopy: ZeroCopyAuto, Pin: true},
		API:      API{Socket: "/run/thresher/api.sock", PeerPort: 9454},
		RunDir:   "/run/thresher",
		StateDir: "/var/lib/thresher",
	}
}

func TestParseDefaults(t *testing.T) {
	if diff := diffConfig(goodConfig(), mustParse(t, goodFile, noEnv())); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestParseHostName(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	text := with(t, "node: {name: web1}\n", "")
	if got := mustParse(t, text, noEnv()).Node; got != host {
		t.Errorf("node %q, want the host name %q", got, host)
	}
}

func TestParseGood(t *testing.T) {
	const tail = "ports: [53]}"
	tests := []struct {
		name string
		edit []string
		want func(*Config)
	}{
		{"ports sorted and joined", []string{tail, `ports: [9000, "8000-8010", "53", 8011]}`},
			func(c *Config) { c.Rules[1].Ports = []PortRange{{53, 53}, {8000, 8011}, {9000, 9000}} }},
		{"all ports", []string{tail, "ports: [1-65535]}"},
			func(c *Config) { c.Rules[1].Ports = []PortRange{{1, 65535}} }},
		{"same port of both protocols", []string{tail, "ports: [80]}"},
			func(c *Config) { c.Rules[1].Ports = []PortRange{{80, 80}} }},
		{"same port of two VIPs", []string{
			"{address: 192.0.2.100}", "{address: 192.0.2.100}\n  - {address: 192.0.2.101}",
			"443]}", "443], vip: 192.0.2.100}", "udp, " + tail, "tcp, ports: [80], vip: [192.0.2.101]}"},
			func(c *Config) {
				c.VIPs = append(c.VIPs, VIP{addr("192.0.2.101"), Flood, MAC{0x5a, 0xfe, 192, 0, 2, 101}})
				c.Rules[0].VIPs = []netip.Addr{addr("192.0.2.100")}
				c.Rules[1] = Rule{Name: "dns", Protocol: TCP, VIPs: []netip.Addr{addr("192.0.2.101")},
					Ports: []PortRange{{80, 80}}, Mode: ModeShared, Affinity: Client, Weight: 100, Priority: 50}
			}},
		{"sticky", []string{"[80, 443]}", "[80, 443], sticky: 30m}"}, func(c *Config) { c.Rules[0].Sticky = 30 * time.Minute }},
		{"weight 0 and session", []string{tail, "ports: [53], weight: 0, affinity: session}"},
			func(c *Config) { c.Rules[1].Weight, c.Rules[1].Affinity = 0, Session }},
		{"single", []string{tail, "ports: [53], mode: single, priority: 10, nodes: [web1, web2]}"},
			func(c *Config) {
				c.Rules[1].Mode, c.Rules[1].Priority, c.Rules[1].Nodes = ModeSingle, 10, []string{"web1", "web2"}
			}},
		{"block", []string{tail, "ports: [53], mode: block}"}, func(c *Config) { c.Rules[1].Mode = ModeBlock }},
		{"network", []string{tail, "ports: [53], affinity: network}"},
			func(c *Config) { c.Rules[1].Affinity, c.Rules[1].Prefix4, c.Rules[1].Prefix6 = Network, 24, 64 }},
		{"prefix", []string{tail, "ports: [53], affinity: network, prefix: {v4: 16}}"},
			func(c *Config) { c.Rules[1].Affinity, c.Rules[1].Prefix4, c.Rules[1].Prefix6 = Network, 16, 64 }},
		{"both prefixes", []string{tail, "ports: [53], affinity: network, prefix: {v4: 32, v6: 48}}"},
			func(c *Config) { c.Rules[1].Affinity, c.Rules[1].Prefix4, c.Rules[1].Prefix6 = Network, 32, 48 }},
		{"sticky networks", []string{"[80, 443]}", "[80, 443], affinity: network, sticky: 30m}"},
			func(c *Config) {
				c.Rules[0].Affinity, c.Rules[0].Prefix4, c.Rules[0].Prefix6, c.Rules[0].Sticky = Network, 24, 64, 30*time.Minute
			}},
		{"packet", []string{tail, "ports: [53], affinity: packet}"}, func(c *Config) { c.Rules[1].Affinity = Packet }},
		{"forward", []string{tail, "ports: [53], forward: true}"}, func(c *Config) { c.Rules[1].Forward = true }},
		{"forward off", []string{tail, "ports: [53], forward: false}"}, func(*Config) {}},
		{"own MAC without quotes", []string{"{address: 192.0.2.100}", "{address: 192.0.2.100, mode: flood, mac: 10:20:30:40:50:55}"},
			func(c *Config) { c.VIPs[0].MAC = MAC{0x10, 0x20, 0x30, 0x40, 0x50, 0x55} }},
		{"bind with port", []string{"192.0.2.11\n", "192.0.2.11:8000\n"},
			func(c *Config) { c.Cluster.Bind = port("192.0.2.11:8000") }},
		{"bind IPv6", []string{"192.0.2.11\n", "2001:db8::11\n"},
			func(c *Config) { c.Cluster.Bind = port("[2001:db8::11]:7946") }},
		{"bind IPv6 with port", []string{"192.0.2.11\n", "\"[2001:db8::11]:8000\"\n"},
			func(c *Config) { c.Cluster.Bind = port("[2001:db8::11]:8000") }},
		{"bind list of one", []string{"192.0.2.11\n", "[192.0.2.11]\n"}, func(*Config) {}},
		{"bind list", []string{"192.0.2.11\n", "[192.0.2.11, \"198.51.100.11:8000\", \"2001:db8::11\"]\n"},
			func(c *Config) {
				c.Cluster.Further = []netip.AddrPort{port("198.51.100.11:8000"), port("[2001:db8::11]:7946")}
			}},
		{"join with several addresses", []string{"insecure: true", "insecure: true\n  join: [192.0.2.11 198.51.100.11:8000, 192.0.2.12]"},
			func(c *Config) {
				c.Cluster.Join = peers("192.0.2.11:7946 198.51.100.11:8000", "192.0.2.12:7946")
			}},
		{"join", []string{"insecure: true", "insecure: true\n  join: [192.0.2.11, \"192.0.2.12:8000\"]\n  profile: wan\n  join_timeout: 500ms"},
			func(c *Config) {
				c.Cluster.Join = peers("192.0.2.11:7946", "192.0.2.12:8000")
				c.Cluster.Profile, c.Cluster.JoinTimeout = WAN, 500*time.Millisecond
			}},
		{"join empty", []string{"insecure: true", "insecure: true\n  join: []"}, func(*Config) {}},
		{"datapath", []string{"interface:", "datapath: {offload: none, xdp: generic, queues: 4}\ninterface:"},
			func(c *Config) { c.Datapath = Datapath{OffloadNone, XDPGeneric, ZeroCopyAuto, 4, true} }},
		{"socket follows run_dir", []string{"interface:", "run_dir: /run/t1/\ninterface:"},
			func(c *Config) { c.RunDir, c.API.Socket = "/run/t1", "/run/t1/api.sock" }},
		{"own socket", []string{"interface:", "api: {listen: [\"unix:///run/x.sock\"]}\ninterface:"},
			func(c *Config) { c.API.Socket = "/run/x.sock" }},
		{"end of document", []string{"insecure: true\n", "insecure: true\n...\n"}, func(*Config) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := goodConfig()
			tt.want(want)
			if diff := diffConfig(want, mustParse(t, with(t, tt.edit...), noEnv())); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

// A relative key_file of the file is beside the file.
func TestLoadKeyFile(t *testing.T) {
	dir := t.TempDir()
	keyFileIn(t, dir)
	path := filepath.Join(dir, "f.yaml")
	writeFile(t, path, with(t, "insecure: true", "key_file: key"), 0o644)
	c, err := Load(path, noEnv())
	if err != nil {
		t.Fatal(err)
	}
	if c.Cluster.Keys != testKeys() || c.Cluster.Insecure {
		t.Errorf("the file's keys were not read: %v", c.Cluster)
	}
}

// The example that is shipped is a valid file, and its comments are right about
// the defaults.
func TestExample(t *testing.T) {
	key := keyFileIn(t, t.TempDir())
	c, err := Load("../deploy/thresher.yaml", Options{Env: []string{}, Set: map[string]string{"cluster.key_file": key}})
	if err != nil {
		t.Fatal(err)
	}
	want := goodConfig()
	want.Rules[0].Ports = append(want.Rules[0].Ports, PortRange{8000, 8010})
	want.Rules[0].Affinity = Session
	want.Rules[1].VIPs, want.Rules[1].Weight = []netip.Addr{addr("192.0.2.100")}, 50
	want.Rules = slices.Insert(want.Rules, 1, Rule{
		Name: "shop", Protocol: TCP, Ports: []PortRange{{8080, 8080}}, Mode: ModeShared, Affinity: Client, Sticky: 30 * time.Minute, Weight: 100, Priority: 50,
	})
	want.Cluster.Insecure, want.Cluster.Keys, want.Cluster.KeyFile = false, testKeys(), key
	want.Cluster.Join = peers("192.0.2.11:7946", "192.0.2.12:7946", "192.0.2.13:7946")
	if diff := diffConfig(want, c); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestErrorIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(path, noEnv())
	var one *Error
	if !errors.As(err, &one) || one.File != path || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of no file: %#v", err)
	}
	if want := path + ": no such file or directory: name the file by --config, or make one with `thresher init`"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	if _, err := Load(t.TempDir(), noEnv()); err == nil || !strings.HasSuffix(err.Error(), "is no regular file: name a file") {
		t.Errorf("Load of a directory: %v", err)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, make([]byte, MaxFileSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big, noEnv()); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("Load of a big file: %v", err)
	}
}

// What the machine does not have is a problem at the key that names it.
func TestLoadAsksTheMachine(t *testing.T) {
	no := func(what string) func(string) (string, string) {
		return func(name string) (string, string) { return name + " is no " + what, "name another" }
	}
	text := goodFile + `run_dir: /proc/foo
services:
  - {name: a, start: [/nonexist, x], stop: [/gone]}
checks:
  - {name: c, type: exec, command: [/check]}
notify:
  - {type: exec, command: [/tell]}
`
	line := strings.Count(goodFile, "\n")
	want := strings.Join([]string{
		"f.yaml: state_dir: " + DefaultStateDir + " is no directory: name another",
		fmt.Sprintf("f.yaml:%d: run_dir: /proc/foo is no directory: name another", line+1),
		fmt.Sprintf("f.yaml:%d: services[0].start: /nonexist is no program: name another", line+3),
		fmt.Sprintf("f.yaml:%d: services[0].stop: /gone is no program: name another", line+3),
		fmt.Sprintf("f.yaml:%d: checks[0].command: /check is no program: name another", line+5),
		fmt.Sprintf("f.yaml:%d: notify[0].command: /tell is no program: name another", line+7),
	}, "\n")
	_, err := Parse("f.yaml", []byte(text), Options{Env: []string{}, Directory: no("directory"), Command: no("program")})
	if err == nil {
		t.Fatal("accepted")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}
