package farm_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"thresher/perf/lab"
)

// TestAnotherFarmWithTheSameVIP: what answers for the VIP with the farm's own shared
// address, and has another key, is named on every node with the cure, and before that by
// check; the farm's own nodes never are.
func TestAnotherFarmWithTheSameVIP(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{})
	mine, other := f.Nodes[:2], f.Nodes[2]
	join := regexp.MustCompile(`(?m)^  join: .*$`)
	for _, n := range mine {
		yaml, err := n.NodeConfig(f.Options)
		must(t, err)
		f.StartWith(n, join.ReplaceAllString(yaml, "  join: ["+mine[0].Address.String()+", "+mine[1].Address.String()+"]"))
	}
	f.Converge(mine...)
	f.Options.KeyFile = f.NewKey("another-key")
	yaml, err := other.NodeConfig(f.Options)
	must(t, err)
	yaml = join.ReplaceAllString(yaml, "  join: []")
	must(t, os.WriteFile(other.ConfigFile(), []byte(yaml), 0o600))
	out, err := other.Run(f.Ctx, binary, "check", "--config", other.ConfigFile())
	if want := "warn: " + f.Director(lab.VIP()).MAC.String() + " answers for the VIP " + lab.VIP().String(); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("check does not say %q: %v\n%s", want, err, out)
	}
	f.notNamed(mine)

	f.StartWith(other, yaml)
	for _, n := range mine {
		f.Eventually(15*time.Second, n.Name+" names the other farm's node", func() bool {
			s, err := f.Status(n)
			return err == nil && s.VIPs[0].Conflict != nil && s.VIPs[0].Conflict.MAC == other.MAC.String() && strings.Contains(s.VIPs[0].Conflict.Text, "thresher join") &&
				len(s.Cluster.ForeignHeartbeats) == 1 && s.Cluster.ForeignHeartbeats[0] == other.MAC.String()
		})
		f.says(n, other.MAC.String()+" answers for the VIP", other.MAC.String()+" sends heartbeats that this farm's key does not open")
	}
	f.Eventually(15*time.Second, "the newcomer names the farm that was there", func() bool {
		s, err := f.Status(other)
		return err == nil && s.VIPs[0].Conflict != nil && strings.Contains(s.VIPs[0].Conflict.Text, "thresher join")
	})
}

// says checks that a node's events have these texts.
func (f *testFarm) says(n *lab.Node, texts ...string) {
	f.T.Helper()
	out := f.Thresher(n, "events")
	for _, text := range texts {
		if !strings.Contains(out, text) {
			f.T.Errorf("events of %s do not say %q:\n%s", n.Name, text, out)
		}
	}
}

// notNamed checks that nobody is named who has a VIP, and nobody with another key.
func (f *testFarm) notNamed(nodes []*lab.Node) {
	f.T.Helper()
	for _, n := range nodes {
		s, err := f.Status(n)
		must(f.T, err)
		if s.VIPs[0].Conflict != nil || len(s.Cluster.ForeignHeartbeats) > 0 {
			f.T.Errorf("%s: conflict %+v, foreign heartbeats from %q", n.Name, s.VIPs[0].Conflict, s.Cluster.ForeignHeartbeats)
		}
	}
}
