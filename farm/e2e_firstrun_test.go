package farm_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// Three bare machines become a farm that serves by a command on each: nobody writes
// a configuration or copies a key.
func TestFarmByThreeCommands(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 3, ClientAddresses: 60}, lab.FarmOptions{})
	n := f.Nodes
	for _, one := range n {
		if _, err := one.StartNginx(); err != nil {
			if strings.Contains(err.Error(), "not installed") {
				leftout.Skip(t, err.Error())
			}
			t.Fatal(err)
		}
	}
	began := time.Now()
	setUp(f, n[0], "init", "--vip", lab.VIP().String(), "--tcp", "80", "--check", "http://127.0.0.1/")
	f.Converge(n[0])
	first := invitation(f, n[0])
	setUp(f, n[1], "join", first)
	f.Converge(n[:2]...)
	setUp(f, n[2], "join", invitation(f, n[1])) // any member invites
	f.Converge(n...)
	t.Logf("three nodes serve %v after the first command", time.Since(began).Round(time.Millisecond))
	served := make(map[string]int)
	for i := range 60 {
		served[getFrom(f, i)]++
	}
	if len(served) != 3 {
		t.Errorf("clients were served by %v", served)
	}
	for _, one := range n {
		if info, err := os.Stat(filepath.Join(one.Dir, "key")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the key file on %s: %v, %v", one.Name, info, err)
		}
	}
	for _, one := range n {
		text, err := os.ReadFile(one.ConfigFile())
		f.Must(err)
		for _, other := range n {
			if !strings.Contains(string(text), other.Address.String()) {
				t.Errorf("%s's configuration does not name %s:\n%s", one.Name, other.Name, text)
			}
		}
	}
	other := filepath.Join(n[2].Dir, "again", "thresher.yaml")
	out, err := n[2].Run(f.Ctx, binary, "join", first, "--config", other, "--node", "node9", "--bind", "192.0.2.99", "--interface", lab.Interface)
	if err == nil || !strings.Contains(err.Error(), "used already") {
		t.Errorf("a used token: %v, %s", err, out)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a refused machine has a configuration")
	}
}

// setUp runs a command that sets a machine up, with its node in the same process.
func setUp(f *testFarm, n *lab.Node, args ...string) {
	f.T.Helper()
	args = append(args, "--config", n.ConfigFile(), "--run-dir", n.Dir, "--state-dir", n.Dir, "--node", n.Name, "--run")
	p, err := n.Start(binary, args...)
	f.Must(err)
	f.Daemons[n.Name] = p
}

// invitation makes a token on a node.
func invitation(f *testFarm, n *lab.Node) string {
	f.T.Helper()
	command := strings.Fields(f.Thresher(n, "invite"))
	if len(command) != 3 || command[1] != "join" {
		f.T.Fatalf("invite printed %q", command)
	}
	return command[2]
}

// getFrom asks the VIP from one of the client's addresses, and returns who has answered.
func getFrom(f *testFarm, i int) string {
	f.T.Helper()
	resp, err := f.Client.HTTPClient(f.Client.Addresses[i]).Get("http://" + lab.VIP().String() + "/")
	f.Must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	f.Must(err)
	return string(body)
}
