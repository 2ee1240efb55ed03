package farm_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/console"
	"thresher/perf/lab"
)

// A configuration is checked, tried and kept by a whole farm, from one node; one
// that breaks it is undone by each node itself, also when the node that was asked
// dies meanwhile.
func TestConfigurationOnTrial(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{})
	f.StartAll()
	n := f.Nodes
	texts := func() (all []string) {
		for _, one := range n {
			b, err := os.ReadFile(one.ConfigFile())
			f.Must(err)
			all = append(all, string(b))
		}
		return all
	}
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "new.yaml")
		f.Must(os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	own := f.Thresher(n[0], "config", "get")
	if own != texts()[0] {
		t.Fatalf("config get:\n%s", own)
	}
	// One node's weight, from another node.
	theirs := f.Thresher(n[0], "config", "get", "--node", n[1].Name)
	half := write(strings.Replace(theirs, "protocol: tcp", "protocol: tcp, weight: 50", 1))
	if out := f.Thresher(n[0], "config", "check", half, "--node", n[1].Name); !strings.Contains(out, "rules.web.weight: 50, was 100") || !strings.Contains(out, "+  - {name: web, protocol: tcp, weight: 50") {
		t.Errorf("config check:\n%s", out)
	}
	if got := texts(); got[1] != theirs {
		t.Fatal("a check has changed something")
	}
	if out := f.Thresher(n[0], "config", "apply", half, "--node", n[1].Name); !strings.Contains(out, "in force:") {
		t.Errorf("config apply:\n%s", out)
	}
	f.Eventually(15*time.Second, "node2 keeps its weight", func() bool { return trial(f, n[1]).State == console.TrialKept })
	s, err := f.Status(n[0])
	f.Must(err)
	for _, one := range s.Nodes {
		if share := one.Shares["web"]; (share < 0.3) != (one.Name == n[1].Name) {
			t.Errorf("%s has %.2f", one.Name, share)
		}
	}
	// A rule for all: each node keeps its own weight.
	more := write(strings.Replace(own, "ports: [80]", "ports: [80, 81]", 1))
	if out := f.Thresher(n[0], "config", "apply", more, "--all"); strings.Count(out, "restart in place") != 3 || !strings.Contains(out, "kept") {
		t.Errorf("config apply --all:\n%s", out)
	}
	f.Settle(n...)
	for i, text := range texts() {
		if !strings.Contains(text, "81") || strings.Contains(text, "weight: 50") != (i == 1) {
			t.Errorf("%s has\n%s", n[i].Name, text)
		}
	}
	before := texts()
	// One that some node refuses changes nothing anywhere.
	if out, err := n[0].CLI(f.Ctx, binary, "config", "apply", write(before[0]+"\nnonsense: 1\n"), "--all"); err == nil || !strings.Contains(string(out), "nonsense") {
		t.Errorf("nonsense: %v, %s", err, out)
	}
	if !*long { // the browser's test sees one undone, too
		return
	}
	// One that its node does not come up with: the same process goes back.
	_, err = n[0].StartHTTP("127.0.0.1:9453", nil)
	f.Must(err)
	taken := strings.Replace(before[0], "  listen: [", `  users: "/nobody"`+"\n"+`  listen: ["http://127.0.0.1:9453", `, 1)
	out, err := n[0].CLI(f.Ctx, binary, "config", "apply", write(taken))
	if err == nil {
		t.Errorf("a port that is taken: %s", out)
	}
	t.Logf("a port that is taken: %v", err)
	f.Eventually(25*time.Second, "node1 goes back", func() bool {
		return trial(f, n[0]).State == console.TrialUndone && texts()[0] == before[0]
	})
	if why := trial(f, n[0]).Reason; !strings.Contains(why, "listen on") || !f.Running(n[0]) {
		t.Errorf("undone for %q", why)
	}
	f.Converge(n...)
	// One that leaves nobody to serve is undone everywhere.
	broken := before[0] + "checks:\n  - {name: never, type: tcp, target: \"127.0.0.1:1\", interval: 200ms, timeout: 100ms, action: wait}\n"
	out, err = n[0].CLI(f.Ctx, binary, "config", "apply", write(broken), "--all", "--within", "6s")
	if err == nil || !strings.Contains(err.Error(), "in force again") {
		t.Errorf("broken: %v, %s", err, out)
	}
	undone(f, n, before)
	f.Converge(n...)
	// The node that was asked dies: the others go back all the same.
	applying, err := n[0].Start(binary, "--api", "unix://"+n[0].Socket(), "config", "apply", write(broken), "--all", "--within", "6s")
	f.Must(err)
	f.Eventually(10*time.Second, "all nodes try it", func() bool {
		for i, text := range texts() {
			if text == before[i] {
				return false
			}
		}
		return true
	})
	f.Kill(n[0])
	undone(f, n[1:], before[1:])
	f.Converge(n[1:]...)
	_ = applying.Kill()
}

// undone waits until nodes have their texts before.
func undone(f *testFarm, nodes []*lab.Node, before []string) {
	f.T.Helper()
	f.Eventually(25*time.Second, "the nodes go back", func() bool {
		for i, one := range nodes {
			b, err := os.ReadFile(one.ConfigFile())
			if err != nil || string(b) != before[i] || trial(f, one).State != console.TrialUndone {
				return false
			}
		}
		return true
	})
}

// trial is how a node's last trial has gone; nothing while the node restarts.
func trial(f *testFarm, n *lab.Node) (t console.Trial) {
	if out, err := n.CLI(f.Ctx, binary, "config", "trial", "--json"); err == nil {
		_ = json.Unmarshal(out, &t)
	}
	return t
}
