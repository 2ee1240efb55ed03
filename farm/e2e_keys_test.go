package farm_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/config"
	"thresher/perf/lab"
)

// startWithKey gives a node a key file of its own, and starts it.
func (f *testFarm) startWithKey(n *lab.Node, key []byte) {
	f.T.Helper()
	must(f.T, os.WriteFile(f.keyFile(n), key, 0o600))
	f.Options.KeyFile = f.keyFile(n)
	f.Start(n)
}

func (f *testFarm) keyFile(n *lab.Node) string { return filepath.Join(f.Dir, "key-"+n.Name) }

func (f *testFarm) keys(n *lab.Node) config.Keys {
	f.T.Helper()
	k, err := config.ReadKeys(f.keyFile(n))
	must(f.T, err)
	return k
}

// keyedFarm is a farm that runs, each node with a key file of its own that has the
// returned bytes.
func keyedFarm(t *testing.T) (f *testFarm, key []byte) {
	t.Helper()
	f = restartFarm(t, lab.FarmOptions{})
	key, err := os.ReadFile(f.Options.KeyFile)
	must(t, err)
	for _, n := range f.Nodes {
		f.startWithKey(n, key)
	}
	f.Converge(f.Nodes...)
	f.acquainted()
	return f, key
}

// rotated checks that all nodes have one key, that is none of those, and says so
// nowhere.
func (f *testFarm) rotated(before ...config.Keys) config.Keys {
	f.T.Helper()
	now := f.keys(f.Nodes[0])
	for _, n := range f.Nodes {
		if k := f.keys(n); k != now || len(k.Accepted()) != 1 || k.Hash != before[0].Hash {
			f.T.Errorf("%s has key %s and believes %d", n.Name, config.KeyID(k.Gossip), len(k.Accepted()))
		}
		said := f.Daemons[n.Name].Tail(1<<20) + f.Thresher(n, "events", "--json") + f.Thresher(n, "status", "--json") + f.Thresher(n, "key", "rotate", "--status", "--json")
		for _, k := range append(before, now) {
			if k.Gossip == now.Gossip && k != now {
				f.T.Error("the key is the one before")
			}
			if strings.Contains(said, base64.StdEncoding.EncodeToString(k.Gossip[:])) || strings.Contains(said, base64.StdEncoding.EncodeToString(k.Hash.Secret[:])) {
				f.T.Errorf("%s has told a key", n.Name)
			}
		}
	}
	return now
}

// TestKeyRotation changes the farm's key under load, from one node and from another:
// neither clients nor nodes notice. Then the old key opens nothing.
func TestKeyRotation(t *testing.T) {
	f, old := keyedFarm(t)
	first := f.keys(f.Nodes[0])
	var second config.Keys
	f.unnoticed(100, func() {
		for _, n := range []*lab.Node{f.Nodes[0], f.Nodes[2]} {
			began := time.Now()
			f.Thresher(n, "key", "rotate")
			t.Logf("rotated by %s in %v", n.Name, time.Since(began).Round(time.Millisecond))
		}
		second = f.rotated(first)
	})

	// A restart in place, a reload and netcheck are made with the key of now.
	victim := f.Nodes[1]
	f.Thresher(victim, "reload")
	f.Thresher(victim, "restart")
	f.Converge(f.Nodes...)
	must(t, f.Daemons[victim.Name].Stop(f.Ctx))
	f.startWithKey(victim, old)
	f.endsWith(victim, 1, "thresher: join the farm at 198.18.0.13:7946: peer refuses this node (no installed keys could decrypt the message): use the same key file on all nodes; if the farm has changed its key meanwhile, copy it from another node")
	f.startWithKey(victim, config.FormatKeys(second))
	f.Converge(f.Nodes...)
	f.rotated(first, second)
}

// TestKeyRotationWithoutANode: a node that is killed half way stops the change and
// nothing else; it comes back with what it has, and the change is gone on with.
func TestKeyRotationWithoutANode(t *testing.T) {
	t.Parallel()
	f, _ := keyedFarm(t)
	first := f.keys(f.Nodes[0])
	k := f.talk(50)
	asked, victim := f.Nodes[0], f.Nodes[2]
	done := make(chan error, 1)
	go func() {
		_, err := asked.CLI(f.Ctx, binary, "key", "rotate")
		done <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); len(f.keys(victim).Accepted()) == 1; time.Sleep(time.Millisecond) { // the change goes on
		if time.Now().After(deadline) {
			t.Fatal("the new key does not come")
		}
	}
	f.Kill(victim)
	if err := <-done; err == nil || !strings.Contains(err.Error(), "stopped at node "+victim.Name) || !strings.Contains(err.Error(), "nobody is cut off") {
		t.Error(err)
	}
	if text := f.Thresher(asked, "key", "rotate", "--status"); !strings.Contains(text, "on the way to key") {
		t.Errorf("the status says:\n%s", text)
	}
	f.Options.KeyFile = f.keyFile(victim)
	f.Start(victim)
	f.Converge(f.Nodes...)
	f.acquainted()
	f.Thresher(f.Nodes[1], "key", "rotate")
	f.rotated(first)
	k.end()
	if text := f.Thresher(victim, "key", "rotate", "--status"); !strings.Contains(text, "believe no other") {
		t.Errorf("the status says:\n%s", text)
	}
	f.Converge(f.Nodes...)
}
