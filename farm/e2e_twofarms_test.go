package farm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// another is the configuration of another farm's node on the same machine: of the same
// name, with an interface and directories of its own.
func (f *testFarm) another(n *lab.Node, dir, iface string, more ...string) (file, api string) {
	f.T.Helper()
	yaml, err := n.NodeConfig(f.Options)
	must(f.T, err)
	dir = filepath.Join(n.Dir, dir)
	must(f.T, os.MkdirAll(dir, 0o700))
	pairs := append(more, n.Dir+"/", dir+"/", `"`+n.Dir+`"`, `"`+dir+`"`, "interface: eth0", "interface: "+iface, "198.18.0.", "198.19.0.") // the first that fits counts
	file = filepath.Join(dir, "thresher.yaml")
	must(f.T, os.WriteFile(file, []byte(strings.NewReplacer(pairs...).Replace(yaml)), 0o600))
	return file, "unix://" + filepath.Join(dir, "api.sock")
}

// TestTwoFarmsOnOneMachine runs a node of another farm on another interface, of the
// same name: the first one's packets go on to come in, when the second comes and when
// it goes. A second one on the same interface is refused.
func TestTwoFarmsOnOneMachine(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 1, ClientAddresses: 4}, lab.FarmOptions{Offload: "none"})
	n := f.Nodes[0]
	_, err := n.StartHTTP(":80", nil)
	must(t, err)
	f.StartAll()
	c := f.Capture()
	defer c.Close()
	sources := lab.SYNSources(1500)
	serves := func() {
		t.Helper()
		sent, err := f.Client.SendSYNs(f.Ctx, f.synsTo80(sources[:500], 2000))
		must(t, err)
		sources = sources[sent:]
		must(t, c.Settle(f.Ctx, time.Second))
		farmtest.OnePerSYN(t, c, 1500-len(sources))
	}
	serves()
	for _, words := range []string{"link add eth1 type veth peer name far1", "address add 198.19.0.11/24 dev eth1", "link set far1 up", "link set eth1 up"} {
		f.run(n.Host, append([]string{"ip"}, strings.Fields(words)...)...)
	}
	file, api := f.another(n, "second", "eth1")
	second, err := n.Start(binary, "run", "--config", file)
	must(t, err)
	f.Eventually(10*time.Second, "the second farm is up", func() bool {
		out, err := n.Run(f.Ctx, binary, "--api", api, "status")
		return err == nil && strings.Contains(string(out), n.Name+" is up")
	})
	if links := f.run(n.Host, "ip", "-o", "link"); !strings.Contains(links, "thr0@") || !strings.Contains(links, "thr2@") {
		t.Errorf("the interfaces are\n%s", links)
	}
	if filters := f.run(n.Host, "tc", "filter", "show", "dev", "thr3", "ingress"); !strings.Contains(filters, "Redirect to device eth1") {
		t.Errorf("thr3 has\n%s", filters)
	}
	serves()

	file, _ = f.another(n, "third", "eth0", "198.18.0.100", "198.18.0.101", "198.18.0.", "198.18.0.", "7946", "7947")
	third, err := n.Start(binary, "run", "--config", file)
	must(t, err)
	<-third.Done()
	t.Logf("a second one on eth0: %s", third.Tail(600))
	if err := third.Wait(); err == nil || !strings.Contains(third.Tail(2000), "another Thresher") {
		t.Errorf("a second one on eth0 ended with %v", err)
	}
	must(t, second.Stop(f.Ctx))
	if links := f.run(n.Host, "ip", "-o", "link"); !strings.Contains(links, "thr0@") || strings.Contains(links, "thr2@") {
		t.Errorf("the interfaces are\n%s\n%s", links, second.Tail(2000))
	}
	serves()
}
