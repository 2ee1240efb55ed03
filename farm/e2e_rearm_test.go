package farm_test

import (
	"strings"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// serves checks that every SYN of the client is answered by one node.
func (f *testFarm) serves(syns int) {
	f.T.Helper()
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, synsTo80(lab.SYNSources(syns), syns))
	must(f.T, err)
	must(f.T, c.Settle(f.Ctx, time.Second))
	farmtest.OnePerSYN(f.T, c, sent)
}

// run is a command on a node that must succeed.
func (f *testFarm) run(n *lab.Host, words ...string) string {
	f.T.Helper()
	out, err := n.Run(f.Ctx, words[0], words[1:]...)
	if err != nil {
		f.T.Fatalf("%v on %s: %v\n%s", words, n.Name, err, out)
	}
	return string(out)
}

// TestWhatANodeNeedsIsMadeAgain undoes on a node what the daemon has made: it is
// there again soon, and the events say so.
func TestWhatANodeNeedsIsMadeAgain(t *testing.T) {
	lookFor(t, "ip")
	f := threeServing(t)
	f.StartAll()
	victim := f.Nodes[0]
	f.run(victim.Host, "ip", "address", "del", lab.VIP().String()+"/32", "dev", "lo")
	f.Eventually(time.Second, "the VIP is on lo again", func() bool {
		return strings.Contains(f.run(victim.Host, "ip", "-o", "address", "show", "dev", "lo"), lab.VIP().String()+"/32")
	})
	// The kernel tells nobody of a sysctl.
	f.run(victim.Host, "sysctl", "-q", "-w", "net.ipv4.conf.eth0.arp_ignore=0")
	f.Eventually(10*time.Second, "arp_ignore is 1 again", func() bool {
		return strings.Contains(f.run(victim.Host, "sysctl", "net.ipv4.conf.eth0.arp_ignore"), "= 1")
	})
	f.serves(1000)
	if out := f.Thresher(victim, "events"); strings.Count(out, "somebody else has undone") != 2 {
		t.Errorf("the events do not tell of both:\n%s", out)
	}
}

// TestAnotherEthernetAddress gives the interfaces of nodes, the one that answers
// ARP among them, other addresses: they restart in place and go on.
func TestAnotherEthernetAddress(t *testing.T) {
	lookFor(t, "ip")
	f := threeServing(t)
	f.StartAll()
	for i, n := range f.Nodes {
		mac := "02:00:00:00:99:0" + string(rune('1'+i))
		f.run(n.Host, "ip", "link", "set", lab.Interface, "address", mac)
		f.Eventually(10*time.Second, n.Name+" has restarted in place", func() bool {
			out, err := n.CLI(f.Ctx, binary, "events")
			return err == nil && strings.Contains(string(out), mac) && strings.Contains(string(out), "this node went on")
		})
	}
	f.Converge(f.Nodes...)
	must(t, f.Client.FlushNeighbours())
	f.serves(3000)
}

// TestARogueClaimsTheVIP: every node says within a second who claims it, status
// names the machine, and clients are served on.
func TestARogueClaimsTheVIP(t *testing.T) {
	lookFor(t, "arping")
	f := &testFarm{farmtest.New(t, binary, lab.Config{Nodes: 3, Clients: 2}, lab.FarmOptions{})}
	for _, n := range f.Nodes {
		_, err := n.StartHTTP(":80", nil)
		must(t, err)
	}
	f.StartAll()
	rogue := f.Lab.Clients[1]
	vip := lab.VIP().String()
	// It exits 1, since nobody answers an announcement.
	_, _ = rogue.Run(f.Ctx, "arping", "-q", "-U", "-P", "-c", "1", "-S", vip, "-i", lab.Interface, vip)
	for _, n := range f.Nodes {
		f.Eventually(time.Second, n.Name+" names the rogue", func() bool {
			s, err := f.Status(n)
			return err == nil && s.VIPs[0].Conflict != nil && s.VIPs[0].Conflict.MAC == rogue.MAC.String()
		})
		if out := f.Thresher(n, "status"); !strings.Contains(out, "conflict: "+rogue.MAC.String()+" claims "+vip) {
			t.Errorf("status of %s:\n%s", n.Name, out)
		}
		if out := f.Thresher(n, "events"); !strings.Contains(out, rogue.MAC.String()+" claims the VIP") {
			t.Errorf("events of %s:\n%s", n.Name, out)
		}
	}
	f.serves(3000)
	mac, ok, err := f.Client.Neighbour(lab.VIP())
	must(t, err)
	if !ok || mac != farmtest.VMAC() {
		t.Errorf("the client has the VIP at %v (%v), want the defence to have put it right: %v", mac, ok, farmtest.VMAC())
	}
}
