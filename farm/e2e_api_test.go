package farm_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"thresher/console"
	"thresher/perf/lab"
)

// Any node tells of all, and has others change.
func TestAnyNodeSteersTheFarm(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{})
	f.StartAll()
	n := f.Nodes
	farm := func() (s console.FarmStatus) {
		f.Must(json.Unmarshal([]byte(f.Thresher(n[0], "status", "--farm", "--json")), &s))
		return s
	}
	f.Eventually(10*time.Second, "node1 tells what all say of themselves", func() bool {
		s := farm()
		for _, one := range s.Nodes {
			if one.Status == nil || one.Status.Node != one.Name || one.Status.Lease == nil {
				return false
			}
		}
		return len(s.Nodes) == 3
	})
	if out := f.Thresher(n[0], "status", "--farm"); !strings.Contains(out, "3 nodes: 3 up  they agree on one view") {
		t.Errorf("status --farm:\n%s", out)
	}
	if out := f.Thresher(n[1], "status", "--node", n[2].Name); !strings.HasPrefix(out, n[2].Name+" is up") {
		t.Errorf("status --node:\n%s", out)
	}
	if out := f.Thresher(n[0], "drain", "--node", n[1].Name); out != n[1].Name+": drains\n" {
		t.Errorf("drain --node: %s", out)
	}
	f.Converge(n[0], n[2])
	if out := f.Thresher(n[2], "start", "--all"); strings.Count(out, ": started\n") != 3 {
		t.Errorf("start --all: %s", out)
	}
	f.Converge(n...)
	f.checkReport(n[0])
	// One after the other, and who asks last of all.
	if out := f.Thresher(n[0], "restart", "--all"); strings.Count(out, ": restarted\n") != 3 {
		t.Errorf("restart --all: %s", out)
	}
	f.Eventually(20*time.Second, "all nodes have been restarted", func() bool {
		for _, one := range n {
			out, err := one.CLI(f.Ctx, binary, "events")
			if err != nil || !strings.Contains(string(out), console.KindRestarted) {
				return false
			}
		}
		return true
	})
	f.Converge(n...)
	f.Kill(n[2])
	f.Eventually(10*time.Second, "a killed node is unreachable to the others", func() bool {
		s := farm()
		return s.Nodes[2].State == console.Unreachable && s.Nodes[2].Status == nil && s.Nodes[2].Problem != "" && s.Nodes[1].Status != nil
	})
}

// A console from outside, with certificate, users and metrics, on a real node; what
// is not as it should be is said before the node serves.
func TestConsoleFromOutside(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 1}, lab.FarmOptions{Users: t.TempDir() + "/users"})
	f.StartAll()
	token := strings.TrimSpace(f.Thresher(f.Nodes[0], "token", "add", "prometheus", "--users", f.Options.Users))
	fingerprint := strings.TrimSpace(f.Thresher(f.Nodes[0], "fingerprint"))
	if len(strings.Split(fingerprint, ":")) != 32 {
		t.Errorf("fingerprint %q", fingerprint)
	}
	curl := func(args ...string) string {
		ctx, cancel := context.WithTimeout(f.Ctx, 20*time.Second)
		defer cancel()
		out, err := f.Client.Run(ctx, "curl", append([]string{"--silent", "--insecure"}, args...)...)
		f.Must(err)
		return string(out)
	}
	url := f.Nodes[0].ConsoleURL()
	f.Eventually(10*time.Second, "the token counts", func() bool {
		return strings.Contains(curl("--header", "Authorization: Bearer "+token, url+"/metrics"), "\nthresher_node_state{state=\"up\"} 1\n")
	})
	if out := curl(url + "/v1/status"); !strings.Contains(out, console.CodeUnauthenticated) {
		t.Errorf("without a token: %s", out)
	}
	if out := curl("--header", "Authorization: Bearer "+token, "--request", "POST", url+"/v1/node/stop"); !strings.Contains(out, console.CodeForbidden) {
		t.Errorf("a monitor's stop: %s", out)
	}
}
