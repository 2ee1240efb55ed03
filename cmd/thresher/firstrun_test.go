package main

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thresher/config"
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
	if err := os.WriteFile(p.config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.complete(netip.Addr{}); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a machine is set up twice: %v", err)
	}
	for _, bind := range []string{"x", "192.0.2.11:0", "192.0.2.11:99999"} {
		if _, err := (&place{bind: bind}).address(); err == nil {
			t.Errorf("--bind %s is taken", bind)
		}
	}
	if at, err := (&place{bind: "2001:db8::1"}).address(); err != nil || at.Port() != config.DefaultPort {
		t.Errorf("%v, %v", at, err)
	}
}
