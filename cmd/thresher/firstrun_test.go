package main

import (
	"bufio"
	"bytes"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thresher/config"
	"thresher/internal/netnstest"
)

// Who answers with an empty line takes what is offered.
func TestInitAsks(t *testing.T) {
	var i initial
	answers := "192.0.2.100,192.0.2.101\n\n53\nnginx\nweb1\n\n192.0.2.11\n"
	if err := i.questions(bufio.NewReader(strings.NewReader(answers)), io.Discard); err != nil {
		t.Fatal(err)
	}
	c, err := i.initial()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.VIPs) != 2 || len(c.TCP) != 1 || c.TCP[0].First != 80 || c.UDP[0].First != 53 || c.Service != "nginx.service" || i.node != "web1" || i.iface != "" || i.bind != "192.0.2.11" {
		t.Errorf("%+v, %+v", i, c)
	}
	if err := i.questions(bufio.NewReader(strings.NewReader("192.0.2.100\n")), io.Discard); err == nil {
		t.Error("an end of the answers is no error")
	}
}

// What of interface and address was not given is found by what was, in whatever form.
func TestInterfaceIsFound(t *testing.T) {
	links := []link{
		{"lo", nil},
		{"eth0", []netip.Prefix{netip.MustParsePrefix("198.51.100.11/24")}},
		{"eth1", []netip.Prefix{netip.MustParsePrefix("192.0.2.11/24"), netip.MustParsePrefix("2001:db8::11/64")}},
	}
	near := netip.MustParseAddr("198.51.100.100")
	for _, tt := range []struct {
		iface, bind, isIface, isBind string // isIface is empty for an error that says isBind
	}{
		{"", "", "eth0", "198.51.100.11"},
		{"eth1", "", "eth1", "192.0.2.11"},
		{"", "192.0.2.11", "eth1", "192.0.2.11"},
		{"", "192.0.2.11:7000", "eth1", "192.0.2.11:7000"},
		{"", "192.0.2.11:7000, 198.51.100.11", "eth1", "192.0.2.11:7000, 198.51.100.11"},
		{"", "2001:db8::11", "eth1", "2001:db8::11"},
		{"", "[2001:db8::11]:7946", "eth1", "[2001:db8::11]:7946"},
		{"", "[2001:db8:0::11]", "eth1", "[2001:db8:0::11]"},
		{"", "2001:db8::1", "", "no interface of this machine has 2001:db8::1"},
		{"", "192.0.2.1:0", "", "give an address of this machine"},
		{"lo", "", "", "interface lo has no address for heartbeats"},
	} {
		p := place{iface: tt.iface, bind: tt.bind}
		err := p.pick(links, near)
		if tt.isIface == "" {
			if err == nil || !strings.Contains(err.Error(), tt.isBind) {
				t.Errorf("%+v: %v", tt, err)
			}
		} else if err != nil || p.iface != tt.isIface || p.bind != tt.isBind {
			t.Errorf("%+v: %q, %q, %v", tt, p.iface, p.bind, err)
		}
	}
	p := place{}
	if err := p.pick(links, netip.MustParseAddr("203.0.113.1")); err == nil || !strings.Contains(err.Error(), "no interface is in the network of 203.0.113.1") {
		t.Error(err)
	}
}

// A shared address that can be none is refused before anything is written, and one that
// only a router's route brings here is warned of.
func TestInitLooksAtTheSharedAddress(t *testing.T) {
	ns := netnstest.New(t)
	ns.Veth(t, "eth0", ns, "peer0", 1)
	ns.Addr(t, "eth0", "192.0.2.11/24")
	ns.Addr(t, "peer0", "203.0.113.5/24")
	for _, tt := range []struct{ vip, bad, warning string }{
		{"192.0.2.11", "this is an address of this machine", ""},
		{"203.0.113.5", "this is an address of this machine", ""},
		{"192.0.2.255", "--vip: 192.0.2.255 is the broadcast address", ""},
		{"198.51.100.1", "", "198.51.100.1 is in no network of eth0"},
	} {
		dir := t.TempDir()
		i := initial{place: place{config: filepath.Join(dir, "t.yaml"), node: "web1", iface: "eth0"}, vips: []string{tt.vip}, mode: "flood", tcp: "80"}
		cmd := newInit()
		var warned strings.Builder
		cmd.SetOut(io.Discard)
		cmd.SetErr(&warned)
		cmd.SetContext(t.Context())
		var err error
		ns.Do(t, func() error { err = i.set(cmd); return nil })
		if tt.bad == "" && err == nil {
			if !strings.Contains(warned.String(), tt.warning) {
				t.Errorf("%s: %q", tt.vip, warned.String())
			}
			continue
		}
		if left, _ := os.ReadDir(dir); exitCode(err) != exitUsage || !strings.Contains(err.Error(), tt.bad) || len(left) > 0 {
			t.Errorf("%s: %v, left %v", tt.vip, err, left)
		}
	}
}

// Who joins a farm with more networks than it has got is told.
func TestJoinWithFewerNetworks(t *testing.T) {
	p := place{config: "/etc/thresher/thresher.yaml"}
	member := []byte("cluster: {bind: [192.0.2.11, 10.9.0.11]}\n")
	if got := p.fewerNetworks(member, 1); !strings.Contains(got, "2 heartbeat networks, this machine 1") || !strings.Contains(got, p.config) {
		t.Errorf("%q", got)
	}
	for text, own := range map[string]int{string(member): 2, "cluster: {bind: 192.0.2.11}\n": 1, "node: {}\n": 1} {
		if got := p.fewerNetworks([]byte(text), own); got != "" {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// A machine that has been set up, or can't be, stays as it is.
func TestSettingUpLeavesNothingHalfDone(t *testing.T) {
	dir := t.TempDir()
	p := place{config: filepath.Join(dir, "thresher.yaml"), node: "web1", iface: "lo", bind: "192.0.2.11"}
	if err := p.complete(netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	if err := p.write([]byte("nonsense: 1\n"), []byte("keys"), nil); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("nonsense is written: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	example, err := os.ReadFile("../../deploy/thresher.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.config, example, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := p.write([]byte("nonsense: 1\n"), []byte("keys"), nil); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("nonsense is written over the example: %v", err)
	}
	if text, err := os.ReadFile(p.config); !bytes.Equal(text, example) {
		t.Errorf("the example is not there again: %q, %v", text, err)
	}
	if err := os.WriteFile(p.config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.complete(netip.Addr{}); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a machine is set up twice: %v", err)
	}
	for _, bind := range []string{"x", "192.0.2.11:0", "192.0.2.11:99999", "192.0.2.11,", "192.0.2.11,192.0.2.11:1", "192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4,192.0.2.5"} {
		if _, err := (&place{bind: bind}).addresses(); err == nil {
			t.Errorf("--bind %s is taken", bind)
		}
	}
	if at, err := (&place{bind: "2001:db8::1, 192.0.2.11:7000"}).addresses(); err != nil || len(at) != 2 || at[0].Port() != config.DefaultPort || at[1].Port() != 7000 {
		t.Errorf("%v, %v", at, err)
	}
}

// Files that are named relative to the working directory are found from the
// configuration's.
func TestInitInARelativeDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	i := initial{place: place{config: "ini/t.yaml", node: "web1", iface: "lo", bind: "192.0.2.11"}, vips: []string{"192.0.2.100"}, mode: "flood", tcp: "80"}
	cmd := newInit()
	cmd.SetOut(io.Discard)
	if err := i.set(cmd); err != nil {
		t.Fatal(err)
	}
	if _, err := i.flags().loadForThisMachine(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"ini/t.yaml", "ini/key"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// The example of the packages is no configuration of anybody's, as long as it is as it
// came.
func TestInitWritesOverTheExample(t *testing.T) {
	example, err := os.ReadFile("../../deploy/thresher.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		there []byte
		taken bool
	}{{example, true}, {append(example, "# mine\n"...), false}} {
		file := filepath.Join(t.TempDir(), "thresher.yaml")
		if err := os.WriteFile(file, c.there, 0o640); err != nil {
			t.Fatal(err)
		}
		i := initial{place: place{config: file, node: "web1", iface: "lo", bind: "192.0.2.11"}, vips: []string{"192.0.2.100"}, mode: "flood", tcp: "80"}
		cmd := newInit()
		cmd.SetOut(io.Discard)
		if err := i.set(cmd); (err == nil) != c.taken {
			t.Errorf("taken: want %v, got %v", c.taken, err)
		}
		text, err := os.ReadFile(file)
		if err != nil || bytes.Equal(text, c.there) == c.taken {
			t.Errorf("taken %v: the file is %q, %v", c.taken, text, err)
		}
	}
}
