package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The browser's page and the terminal give the same answers the same meaning, and
// what one try had to find is not taken for an answer in the next.
func TestInitInABrowser(t *testing.T) {
	dir := t.TempDir()
	p := &initPage{given: initial{mode: "flood", place: place{config: filepath.Join(dir, "thresher.yaml"), node: "web9"}}}
	for _, q := range p.Questions() {
		if q.Flag == "" || q.Text == "" || newInit().Flags().Lookup(q.Flag) == nil {
			t.Errorf("no flag answers %+v", q)
		}
		if q.Flag == "node" && q.Usual != "web9" {
			t.Errorf("what a flag has said is not offered: %+v", q)
		}
	}
	answers := map[string]string{"vip": " 192.0.2.100,192.0.2.101 ", "tcp": "80", "udp": "", "service": "nginx", "node": "web1", "interface": "lo", "bind": "192.0.2.11"}
	with := func(flag, answer string) map[string]string {
		changed := make(map[string]string)
		for name, value := range answers {
			changed[name] = value
		}
		changed[flag] = answer
		return changed
	}
	for _, tt := range []struct{ flag, answer, want string }{
		{"vip", "", `--vip ""`}, {"tcp", "", "--tcp: give the ports"}, {"tcp", "x", "--tcp: "}, {"node", "a b", "--node: "}, {"bind", "x", `--bind "x"`},
		{"interface", "nowhere", `--interface: this machine has no interface "nowhere"; `},
		{"vip", "192.0.2.11", "--vip 192.0.2.11: this is an address of this machine; give one that no machine has"},
	} {
		changed := with(tt.flag, tt.answer)
		if tt.flag == "interface" {
			changed["bind"] = ""
		}
		if _, err := p.Plan(changed); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: %v, want %q", tt.flag, tt.answer, err, tt.want)
		}
	}
	if _, err := p.Plan(map[string]string{"tcp": "80"}); err == nil || !strings.Contains(err.Error(), "--vip: give") {
		t.Errorf("without an answer for the VIP: %v", err)
	}
	plan, err := p.Plan(answers)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`node: {name: "web1"}`, `interface: "lo"`, "192.0.2.101", `systemd: "nginx.service"`, "192.0.2.11:7946"}
	for _, one := range want {
		if !strings.Contains(plan.Text, one) {
			t.Errorf("no %s in\n%s", one, plan.Text)
		}
	}
	if len(plan.Files) != 2 || len(plan.Next) != 3 {
		t.Errorf("%+v", plan)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("a plan has written %v", left)
	}
}
